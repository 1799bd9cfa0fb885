"""From the names in a configuration to the objects they stand for."""

from __future__ import annotations

from pathlib import Path

from registry.backbones.device import resolve_device, reuse_freed_memory, warn_if_emulated
from registry.backbones.protocol import check_protocol
from registry.backbones.wrapping import check_wrapper_files, wrap_backbone
from registry.contracts.backbone import Backbone
from registry.contracts.embedder import Embedder
from registry.contracts.types import WHOLE, whole_frame
from registry.errors import ConfigError, DataError, guarded
from registry.files import weights_dir
from registry.plugins.chosen import Chosen, ChosenBackbone
from registry.settings.shared import ModelSettings

__all__ = ["build_backbone", "build_embedder", "check_weights"]


def build_embedder(chosen: Chosen, config: ModelSettings) -> Embedder:
    """The chosen backbone with its weights, in its wrapper, on its device."""
    bare = build_backbone(
        _needed(chosen), config.weights, config.seed, config.threads, crop_from=config.crop_from
    )
    backbone = wrap_backbone(chosen.wrapper, config, bare)
    device = resolve_device(config.device)
    warn_if_emulated(device, config.precision)
    return Embedder(
        backbone,
        device=device,
        precision=config.precision,
        batch_size=config.batch_size,
    )


def build_backbone(
    chosen: ChosenBackbone,
    weights: str | None,
    seed: int,
    threads: int | None = None,
    *,
    crop_from: str = "auto",
) -> Backbone:
    """The backbone with its weights; torch gets `threads` threads before that.

    With a crop_from of WHOLE its crop policy is to take frames whole, and every record says so.
    """
    spec, what = chosen.spec, f"backbone {chosen.name!r}"
    file = _find_weights(chosen, weights)
    reuse_freed_memory()
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    backbone: Backbone = guarded(what, spec.source, spec.build, chosen.name, file, seed)
    check_protocol(backbone, f"{what} of package {spec.source or 'unknown'!r}")
    if crop_from in WHOLE:
        crop = whole_frame(backbone.crop, crop_from)
        guarded(what, spec.source, setattr, backbone, "crop", crop)
    return backbone


def check_weights(chosen: Chosen, config: ModelSettings) -> None:
    """A BenchError where the weights file of the backbone, or of its wrapper, is missing.

    Opens no file.
    """
    check_wrapper_files(chosen.wrapper, config)
    backbone = _needed(chosen)
    weights = _find_weights(backbone, config.weights)
    if weights not in {None, "random"} and not _may_be_there(str(weights)):
        raise DataError(
            f"no weights file at {weights}; pass the file for backbone {backbone.name!r} as"
            " --weights, or --weights random to run it untrained"
        )


def _needed(chosen: Chosen) -> ChosenBackbone:
    assert chosen.backbone is not None, "choose() finds one for a detector that needs one"  # noqa: S101
    return chosen.backbone


def _may_be_there(path: str) -> bool:
    """False for a path of nothing; what cannot even be asked for is told of when it is read."""
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return True


def _find_weights(chosen: ChosenBackbone, weights: str | None) -> str | None:
    """`weights`, else the file in the folder for weights where it needs one, else None.

    A ConfigError says which file is meant where none is there.
    """
    return _downloaded_weights(chosen) if weights is None and chosen.spec.needs_weights else weights


def _downloaded_weights(chosen: ChosenBackbone) -> str:
    """The file in the folder for weights that is meant; a ConfigError tells of it."""
    places = [weights_dir() / file for file in chosen.spec.weights_names]
    for path in places:
        if path.is_file():
            return str(path)
    found_at = f"Put it at {' or '.join(map(str, places))}, or pass" if places else "Pass"
    raise ConfigError(
        f"backbone {chosen.name!r} needs a weights file:"
        f" {chosen.spec.weights_file or 'see its documentation'}. {found_at} --weights PATH."
        f" Ready without a file: {', '.join(chosen.ready) or 'none'}; --weights random runs it"
        " untrained"
    )
