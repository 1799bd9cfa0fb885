"""Measure how strong the maps of real faces are, as the scale for each target's maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from lesb_plugin.drawing.evidence import MapScale
from lesb_plugin.explain.config import ExplainSettings
from registry import (
    Crop,
    Explain,
    Predictor,
    cache_or_scratch,
    cache_sealed,
    fingerprint,
    progress,
    read_sealed,
    reference_data,
)

__all__ = ["MapReals", "map_reals", "scale_of"]

_FORMAT = 1
_MAPPED = 32  # real faces whose maps are drawn to see how strong theirs are
_BATCH = 8
_FULL = 3.0  # times what is usual has the full colour
_WITHIN = 0.95  # share of real faces whose maps stay within what is usual


class MapReals:
    """The limits of real faces' maps by target; `name` is their data, "" for the verdict's own."""

    def __init__(self, usual: Mapping[str, float], name: str = "") -> None:
        self.usual = dict(usual)
        self.name = name


def map_reals(predictor: Predictor, explain: Explain, config: ExplainSettings) -> MapReals:
    """Measure how strong the maps of real faces are, for explainers that do not know it.

    Uses the faces of --reference, as verdicts do, or drawn ones if the detector kept only scores
    of its reals.
    """
    data, crops = reference_data(config), predictor.real_crops(_MAPPED)
    path = cache_or_scratch() / "explain" / f"{_key(predictor, config, crops)}.npz"
    stored = read_sealed(path) if predictor.embedder is not None else None
    if stored is not None:
        return MapReals({name: float(value) for name, value in stored.items()}, data)
    usual = _measured(explain, crops, config.quiet)
    if predictor.embedder is not None and usual:
        cache_sealed(path, {name: np.asarray(value) for name, value in usual.items()})
    return MapReals(usual, data)


def scale_of(target: str, reals: MapReals, own: Iterable[float]) -> MapScale:
    """Return the scale of a target's maps; without real faces' full colour is the strongest of its
    `own`.

    The scale is the same for all faces wherever real faces are known.
    """
    usual = max(0.0, reals.usual.get(target, 0.0))
    return MapScale(usual, _FULL * usual if usual > 0 else max([0.0, *own]))


def _measured(explain: Explain, crops: list[Crop], quiet: bool) -> dict[str, float]:
    batches = [crops[at : at + _BATCH] for at in range(0, len(crops), _BATCH)]
    largest: dict[str, list[float]] = {}
    for batch in progress(batches, "their maps", unit="batch", quiet=quiet):
        for each in explain(batch):
            for target, heat in each.maps.items():
                largest.setdefault(target, []).append(float(heat.max()))
    return {target: float(np.quantile(each, _WITHIN)) for target, each in largest.items()}


def _key(predictor: Predictor, config: ExplainSettings, crops: list[Crop]) -> str:
    """Hash what determines the maps, and the crops themselves (sha256)."""
    origin = {key: value for key, value in predictor.origin.items() if not key.startswith("frame")}
    parts = [_FORMAT, origin, config.explainer, dict(config.explain), config.reference]
    arrays = [array for crop in crops for array in (crop.image, crop.landmarks)]
    return fingerprint(parts, *(array.tobytes() for array in arrays if array is not None))
