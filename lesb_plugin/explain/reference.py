"""The real faces that scores are compared with, scored once and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.explain.config import AUTO, ExplainConfig
from registry import (
    FEWEST_REALS,
    CalibratedDetector,
    Crop,
    DataError,
    Detector,
    Explain,
    Predictor,
    QualityCalibratedDetector,
    QualityClasses,
    Scores,
    cache_or_scratch,
    cache_sealed,
    fingerprint,
    progress,
    read_sealed,
    real_crops,
    traits_of,
)

__all__ = ["RealScores", "data_of", "score_reals"]

Array = NDArray[np.float64]
_FORMAT = 2
_DRAWN = "toy"  # faces of nobody, which come with the package
_MAPPED = 32  # real faces whose maps are drawn to see how strong theirs are
_BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RealScores:
    """Scores of n real faces: `fake` (n,), and (n,) by part.

    `name` says of which data; `advice` what else is to be known of them. `sharpness` (n,) is that
    of the images, None where it is not known: then faces of all qualities are compared alike.
    `strength` is the 95th percentile of the largest magnitude in a real face's maps, 0 without any;
    `mapped` names the data that those faces are of.
    """

    name: str
    fake: Array
    parts: Mapping[str, Array]
    strength: float
    mapped: str
    advice: str
    sharpness: Array | None = None

    def __len__(self) -> int:
        return len(self.fake)

    def like(self, sharpness: float | None) -> RealScores | None:
        """Choose those of the same class of quality; None where no class holds such a face."""
        if self.sharpness is None or sharpness is None:
            return self
        classes = QualityClasses.of(self.sharpness)
        own = int(classes.of_faces(np.array([sharpness]))[0])
        if own < 0:
            return None
        chosen = classes.of_faces(self.sharpness) == own
        low, high = classes.range_of(own)
        return replace(
            self,
            fake=self.fake[chosen],
            parts={name: values[chosen] for name, values in self.parts.items()},
            sharpness=self.sharpness[chosen],
            name=f"{self.name}, of like sharpness ({low:.0f} to {high:.0f})",
        )

    @property
    def sentence(self) -> str:
        """What scores are compared with, for people."""
        compared = f"Scores are compared with those of {len(self)} real faces ({self.name})."
        return f"{compared} {self.advice}".rstrip()


def score_reals(predictor: Predictor, explain: Explain | None, config: ExplainConfig) -> RealScores:
    """Scores of --reference; by default those that the fit kept of its val split.

    A detector that keeps none is compared with drawn faces. What is scored here is kept in the
    cache for the same crops and weights; a detector without a backbone has no weights to be known
    by and is never cached.
    """
    data, val = data_of(config), _val_reals(predictor.detector, config)
    name, advice = _described(predictor.detector, data, from_fit=val is not None)

    def found(scores: Scores, strength: float) -> RealScores:
        return RealScores(
            sharpness=None if val is None else _val_sharpness(predictor.detector),
            name=name,
            fake=scores.fake,
            parts=scores.regions,
            strength=strength,
            mapped=data,
            advice=advice,
        )

    if val is not None and explain is None:
        return found(val, 0.0)
    count = config.reference_faces if val is None else _MAPPED
    crops = real_crops(data, predictor.crop, count, quiet=config.quiet)
    path = None
    if predictor.embedder is not None:
        path = cache_or_scratch() / "explain" / f"{_key(predictor, config, crops)}.npz"
        if (cached := _read(path)) is not None:
            return found(*cached)
    scores = _score(predictor, crops, config) if val is None else val
    strength = 0.0 if explain is None else _strength(explain, crops[:_MAPPED], config.quiet)
    if path is not None:
        _write(path, scores, strength)
    return found(scores, strength)


def data_of(config: ExplainConfig) -> str:
    """The data that real faces are looked up in where the artefact has none to show."""
    return _DRAWN if config.reference == AUTO else config.reference


def _val_reals(detector: Detector, config: ExplainConfig) -> Scores | None:
    """What the fit kept, where that is asked for and enough for a verdict."""
    if config.reference != AUTO or not isinstance(detector, CalibratedDetector):
        return None
    return detector.val_reals if len(detector.val_reals.fake) >= FEWEST_REALS else None


def _val_sharpness(detector: Detector) -> Array | None:
    return detector.val_sharpness if isinstance(detector, QualityCalibratedDetector) else None


def _described(detector: Detector, data: str, *, from_fit: bool) -> tuple[str, str]:
    """Name and advice of the real faces, as `RealScores` has them."""
    if from_fit:
        trained_on = ", ".join(traits_of(detector).trained_on) or "its data"
        return f"val split of {trained_on}", (
            "The detector did not learn from them, but was chosen and calibrated with their help;"
            " for real faces from where yours come from, name them with --reference."
        )
    drawn = "They are drawn, not photographed; name photographs with --reference."
    return data, drawn if data == _DRAWN else ""


def _score(predictor: Predictor, crops: Sequence[Crop], config: ExplainConfig) -> Scores:
    size = min(config.batch_size, _BATCH)
    batches = [crops[at : at + size] for at in range(0, len(crops), size)]
    scores = [
        predictor.detector.score(batch)
        for batch in progress(batches, "their scores", unit="batch", quiet=config.quiet)
    ]
    names = tuple(scores[0].regions)
    table = np.stack(
        [np.concatenate([each.fake for each in scores])]
        + [np.concatenate([each.regions[name] for each in scores]) for name in names]
    ).astype(np.float64)  # (1 + K, n)
    table = table[:, np.isfinite(table).all(axis=0)]
    if table.shape[1] < FEWEST_REALS:
        raise DataError(
            f"{table.shape[1]} real faces of {data_of(config)!r} could be scored; a verdict needs"
            f" at least {FEWEST_REALS} to compare with: name other data with --reference"
        )
    return Scores(fake=table[0], regions=dict(zip(names, table[1:], strict=True)))


def _strength(explain: Explain, crops: Sequence[Crop], quiet: bool) -> float:
    batches = [crops[at : at + _BATCH] for at in range(0, len(crops), _BATCH)]
    largest = [
        max(float(np.abs(heat).max()) for heat in each.maps.values())
        for batch in progress(batches, "their maps", unit="batch", quiet=quiet)
        for each in explain(batch)
        if each.maps
    ]
    return float(np.quantile(largest, 0.95)) if largest else 0.0


# --- the cache -------------------------------------------------------------------------------


def _key(predictor: Predictor, config: ExplainConfig, crops: Sequence[Crop]) -> str:
    """sha256 of what decides the scores and of the crops themselves."""
    origin = {key: value for key, value in predictor.origin.items() if not key.startswith("frame")}
    parts = [_FORMAT, origin, config.explainer, dict(config.explain), config.reference]
    arrays = [array for crop in crops for array in (crop.image, crop.landmarks)]
    return fingerprint(parts, *(array.tobytes() for array in arrays if array is not None))


def _read(path: Path) -> tuple[Scores, float] | None:
    """None where there is nothing, or a file that is not what was written: it is made again."""
    stored = read_sealed(path)
    if stored is None or not {"fake", "strength"} <= stored.keys():
        return None
    parts = {
        key.removeprefix("part."): values
        for key, values in stored.items()
        if key.startswith("part.")
    }
    return Scores(fake=stored["fake"], regions=parts), float(stored["strength"])


def _write(path: Path, scores: Scores, strength: float) -> None:
    parts = {f"part.{name}": values for name, values in scores.regions.items()}
    cache_sealed(path, {"fake": scores.fake, "strength": np.asarray(strength), **parts})
