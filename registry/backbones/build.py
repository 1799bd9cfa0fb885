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
from registry.plugins.discovery import Plugins
from registry.plugins.specs import BackboneSpec
from registry.settings.shared import ModelSettings

__all__ = ["build_backbone", "build_embedder", "check_weights"]


def _backbone_name(plugins: Plugins, config: ModelSettings) -> str:
    """The backbone that `config` names; a ConfigError that tells of those there are for none."""
    if config.backbone is None:
        raise ConfigError(
            f"detector {config.detector!r} needs a backbone; pass --backbone NAME."
            f" Ready without a weights file: {_free(plugins)};"
            f" registered: {', '.join(sorted(plugins.specs('backbone')))}"
        )
    return config.backbone


def build_embedder(plugins: Plugins, config: ModelSettings) -> Embedder:
    """The backbone that `config` names, with its weights, in its wrapper, on its device."""
    bare = build_backbone(
        plugins,
        _backbone_name(plugins, config),
        config.weights,
        config.seed,
        config.threads,
        crop_from=config.crop_from,
    )
    backbone = wrap_backbone(plugins, config, bare)
    device = resolve_device(config.device)
    warn_if_emulated(device, config.precision)
    return Embedder(
        backbone,
        device=device,
        precision=config.precision,
        batch_size=config.batch_size,
    )


def build_backbone(
    plugins: Plugins,
    name: str,
    weights: str | None,
    seed: int,
    threads: int | None = None,
    *,
    crop_from: str = "auto",
) -> Backbone:
    """The backbone of a name with its weights; torch gets `threads` threads before that.

    With a crop_from of WHOLE its crop policy is to take frames whole, and every record says so.
    """
    spec: BackboneSpec = plugins.get("backbone", name)
    weights = _find_weights(plugins, name, weights)
    reuse_freed_memory()
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
    backbone: Backbone = guarded(f"backbone {name!r}", spec.source, spec.build, name, weights, seed)
    check_protocol(backbone, f"backbone {name!r} of package {spec.source or 'unknown'!r}")
    if crop_from in WHOLE:
        crop = whole_frame(backbone.crop, crop_from)
        guarded(f"backbone {name!r}", spec.source, setattr, backbone, "crop", crop)
    return backbone


def check_weights(plugins: Plugins, config: ModelSettings) -> None:
    """A BenchError where the backbone of `config`, its weights file or its wrapper is missing.

    Opens no file.
    """
    check_wrapper_files(plugins, config)
    name = _backbone_name(plugins, config)
    weights = _find_weights(plugins, name, config.weights)
    if weights not in {None, "random"} and not _may_be_there(str(weights)):
        raise DataError(
            f"no weights file at {weights}; pass the file for backbone {name!r} as --weights, or"
            " --weights random to run it untrained"
        )


def _may_be_there(path: str) -> bool:
    """False for a path of nothing; what cannot even be asked for is told of when it is read."""
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return True


def _find_weights(plugins: Plugins, name: str, weights: str | None) -> str | None:
    """`weights`, else the file for `name` in the folder for weights where it needs one, else None.

    A ConfigError says which file is meant where none is there.
    """
    spec: BackboneSpec = plugins.get("backbone", name)
    if weights is None and spec.needs_weights:
        return _kept_weights(plugins, name, spec)
    return weights


def _kept_weights(plugins: Plugins, name: str, spec: BackboneSpec) -> str:
    """The file in the folder for weights that is meant for `name`; a ConfigError tells of it."""
    places = [weights_dir() / file for file in spec.weights_names]
    for path in places:
        if path.is_file():
            return str(path)
    found_at = f"Put it at {' or '.join(map(str, places))}, or pass" if places else "Pass"
    raise ConfigError(
        f"backbone {name!r} needs a weights file: {spec.weights_file or 'see its documentation'}."
        f" {found_at} --weights PATH. Ready without a file: {_free(plugins)};"
        " --weights random runs it untrained"
    )


def _free(plugins: Plugins) -> str:
    """Backbones that run without a weights file."""
    names = [name for name, spec in plugins.specs("backbone").items() if _runs_alone(spec)]
    return ", ".join(names) or "none"


def _runs_alone(spec: object) -> bool:
    return isinstance(spec, BackboneSpec) and not spec.needs_weights and spec.members is None
