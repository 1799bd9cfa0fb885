"""Build objects from the names in a configuration."""

from __future__ import annotations

from registry.backbones.backend_choice import choose_backend
from registry.backbones.batches import batch_size_of, remember_smaller
from registry.backbones.device import resolve_device, warn_if_emulated
from registry.backbones.protocol import check_protocol
from registry.backbones.wrapping import wrap_backbone
from registry.contracts.backbone import Backbone
from registry.contracts.embedder import Embedder
from registry.contracts.types import WHOLE, whole_frame
from registry.errors import guarded
from registry.memory import reuse_freed_memory
from registry.plugins.chosen import Chosen, ChosenBackbone
from registry.plugins.needs import find_weights
from registry.settings.shared import ModelSettings

__all__ = ["build_backbone", "build_embedder"]


def build_embedder(chosen: Chosen, config: ModelSettings) -> Embedder:
    """Return the chosen backbone with its weights, in its wrapper, on its device."""
    bare = build_backbone(
        _needed(chosen), config.weights, config.seed, config.threads, crop_from=config.crop_from
    )
    backbone = wrap_backbone(chosen.wrapper, config, bare)
    device = resolve_device(config.device)
    backbone = backbone.to(device)
    batch_size = batch_size_of(config, backbone, device, config.precision)
    backend = choose_backend(config, backbone, device, batch_size)
    warn_if_emulated(device, backend.precision)
    return Embedder(
        backbone,
        device=device,
        precision=backend.precision,
        batch_size=batch_size,
        engine=backend.engine,
        on_smaller=remember_smaller(config, backbone, device, config.precision),
    )


def build_backbone(
    chosen: ChosenBackbone,
    weights: str | None,
    seed: int,
    threads: int | None = None,
    *,
    crop_from: str = "auto",
) -> Backbone:
    """Return the backbone with its weights; torch gets `threads` threads before that.

    With a crop_from of WHOLE its crop policy is to take frames whole, and every record says so.
    """
    spec, what = chosen.spec, f"backbone {chosen.name!r}"
    file = find_weights(chosen, weights)
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


def _needed(chosen: Chosen) -> ChosenBackbone:
    assert chosen.backbone is not None, "choose() finds one for a detector that needs one"  # noqa: S101
    return chosen.backbone
