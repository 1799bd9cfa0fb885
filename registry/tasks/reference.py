"""The real faces that files are compared with: those that the fit kept, or data scored and
cached; none where a detector kept none and no data are named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from registry.console import progress
from registry.contracts.detector import CalibratedDetector, Detector, QualityCalibratedDetector
from registry.contracts.embedder import Embedder
from registry.contracts.traits import traits_of
from registry.contracts.types import Crop, CropPolicy, Scores
from registry.errors import DataError
from registry.files import cache_or_scratch
from registry.fingerprints import fingerprint
from registry.results.conformal import FEWEST_REALS
from registry.results.real_scores import RealScores
from registry.scoring.sealed import cache_sealed, read_sealed
from registry.settings.tasks import AUTO, ScoringConfig

__all__ = ["reference_data", "score_reals"]

_FORMAT = 3
_DRAWN = "toy"  # drawn faces, which come with the package: photographs are not compared with them
_KEPT_NONE = (
    "the detector keeps no real faces of its own; name photographs of real faces with --reference"
    " DATA, or leave --detector out for one that keeps some"
)
_BATCH = 8


class _Scoring(Protocol):
    """What is needed to score real faces."""

    config: ScoringConfig

    @property
    def detector(self) -> Detector: ...

    @property
    def embedder(self) -> Embedder | None: ...

    @property
    def crop(self) -> CropPolicy: ...

    @property
    def origin(self) -> dict[str, Any]: ...

    def real_crops(self, count: int) -> list[Crop]: ...


def score_reals(by: _Scoring) -> RealScores:
    """Score --reference; by default take the scores that the fit stored for its val split.

    Of a detector that keeps none, or too few, there are none by default. What is scored here is
    kept in the cache for the same crops and weights; a detector without a backbone has no weights
    to be known by and is never cached.
    """
    if by.config.reference == AUTO:
        return _of_fit(by.detector)
    data = by.config.reference
    scores = _scored(by, data)
    drawn = "They are drawn, not photographed; name photographs with --reference."
    return RealScores(
        name=data,
        fake=np.asarray(scores.fake, np.float64),
        parts=scores.regions,
        advice=drawn if data == _DRAWN else "",
    )


def reference_data(config: ScoringConfig) -> str:
    """Return the data to show real faces of: drawn ones where none are named."""
    return _DRAWN if config.reference == AUTO else config.reference


def _of_fit(detector: Detector) -> RealScores:
    """Return what the fit stored, if enough for a verdict, else no real faces at all."""
    stored = detector.val_reals if isinstance(detector, CalibratedDetector) else None
    if stored is None or len(stored.fake) < FEWEST_REALS:
        return RealScores(name="none", fake=np.empty(0), parts={}, advice=_KEPT_NONE)
    trained_on = ", ".join(traits_of(detector).trained_on) or "its data"
    return RealScores(
        name=f"val split of {trained_on}",
        fake=np.asarray(stored.fake, np.float64),
        parts=stored.regions,
        advice=(
            "The detector was not trained on them, but it was selected and calibrated with their"
            " help; if you have real faces from the same source as your files, name them with"
            " --reference."
        ),
        sharpness=_sharpness_of_fit(detector),
    )


def _sharpness_of_fit(detector: Detector) -> NDArray[np.float64] | None:
    return detector.val_sharpness if isinstance(detector, QualityCalibratedDetector) else None


def _scored(by: _Scoring, data: str) -> Scores:
    """Score real faces of `data`, or take their scores from the cache."""
    crops = by.real_crops(by.config.reference_faces)
    if by.embedder is None:
        return _score(by, crops, data)
    path = cache_or_scratch() / "reference" / f"{_key(by, crops)}.npz"
    if (cached := _read(path)) is not None:
        return cached
    scores = _score(by, crops, data)
    parts = {f"part.{name}": values for name, values in scores.regions.items()}
    cache_sealed(path, {"fake": scores.fake, **parts})
    return scores


def _score(by: _Scoring, crops: Sequence[Crop], data: str) -> Scores:
    size = min(by.config.batch, _BATCH)
    batches = [crops[at : at + size] for at in range(0, len(crops), size)]
    scores = [
        by.detector.score(batch)
        for batch in progress(batches, "real faces", unit="batch", quiet=by.config.quiet)
    ]
    names = tuple(scores[0].regions)
    table = np.stack(
        [np.concatenate([each.fake for each in scores])]
        + [np.concatenate([each.regions[name] for each in scores]) for name in names]
    ).astype(np.float64)  # (1 + K, n)
    table = table[:, np.isfinite(table).all(axis=0)]
    if table.shape[1] < FEWEST_REALS:
        raise DataError(
            f"only {table.shape[1]} real faces of {data!r} could be scored; a verdict"
            f" needs at least {FEWEST_REALS} to compare with: choose other data with"
            " --reference"
        )
    return Scores(fake=table[0], regions=dict(zip(names, table[1:], strict=True)))


# --- the cache -------------------------------------------------------------------------------


def _key(by: _Scoring, crops: Sequence[Crop]) -> str:
    """Hash the settings that determine the scores, and the crops themselves (sha256)."""
    origin = {key: value for key, value in by.origin.items() if not key.startswith("frame")}
    arrays = [array for crop in crops for array in (crop.image, crop.landmarks)]
    return fingerprint(
        [_FORMAT, origin, by.config.reference],
        *(array.tobytes() for array in arrays if array is not None),
    )


def _read(path: Path) -> Scores | None:
    """Read a cached file; None if there is none, or if it is damaged."""
    stored: Mapping[str, NDArray[Any]] | None = read_sealed(path)
    if stored is None or "fake" not in stored:
        return None
    parts = {
        key.removeprefix("part."): values
        for key, values in stored.items()
        if key.startswith("part.")
    }
    return Scores(fake=stored["fake"], regions=parts)
