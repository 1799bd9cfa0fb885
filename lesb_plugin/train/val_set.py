"""The faces that a configuration names, and the fixed pseudo-fakes for validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lesb_plugin.pseudo_fakes.pairs import pair_maker
from lesb_plugin.pseudo_fakes.recipe import Cutout
from lesb_plugin.pseudo_fakes.store import FaceStore, build_store
from lesb_plugin.train.options import ValSettings
from lesb_plugin.train.validation import ValSet, build_val_set
from registry import CropPolicy, Sample

__all__ = ["stored_faces", "val_set"]


def stored_faces(
    config: ValSettings, samples: Sequence[Sample], path: Path, label: str
) -> FaceStore:
    """Decode samples into the file `path`; `label` names the progress bar."""
    return build_store(
        samples,
        path,
        label=label,
        workers=config.workers,
        max_errors=config.max_errors,
        quiet=config.quiet,
    )


def val_set(
    config: ValSettings, samples: Sequence[Sample], crop: CropPolicy, scratch: Path
) -> ValSet:
    """Return images that are the same in every run: a fixed seed, nothing hidden or bent."""
    stored = stored_faces(config, samples, scratch / "val", "reading val faces")
    maker = pair_maker(stored, crop, config.val_style, purpose="val")
    placement = replace(maker.recipe.placement, bend_p=0.0)
    recipe = replace(maker.recipe, cutout=Cutout(), placement=placement)
    return build_val_set(
        replace(maker, recipe=recipe),
        scratch / "val_images",
        fakes=config.val_fakes,
        reals=min(config.val_reals, config.val_fakes),
        workers=config.workers,
        quiet=config.quiet,
    )
