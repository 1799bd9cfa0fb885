"""The real faces that scores are compared with, scored once and kept."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.explain.config import ExplainConfig
from registry import (
    Crop,
    DataError,
    Explain,
    Predictor,
    cache_dir,
    progress,
    real_crops,
    replacing,
)

__all__ = ["RealScores", "score_reals"]

Array = NDArray[np.float64]
_FORMAT = 1
_FEWEST = 19  # with fewer no score could be at or below p = .05
_MAPPED = 32  # real faces whose maps are drawn to see how strong theirs are
_BATCH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RealScores:
    """Scores of n real faces of the data `name`: `fake` (n,), and (n,) by part.

    `strength` is the 95th percentile of the largest magnitude in a real face's maps, 0 without any.
    """

    name: str
    fake: Array
    parts: Mapping[str, Array]
    strength: float

    def __len__(self) -> int:
        return len(self.fake)


def score_reals(predictor: Predictor, explain: Explain | None, config: ExplainConfig) -> RealScores:
    """From the cache where the same crops were scored by the same weights; else scored now.

    A detector without a backbone has no weights to be known by and is never cached.
    """
    crops = real_crops(config.reference, predictor.crop, config.reference_faces, quiet=config.quiet)
    path = None
    if predictor.embedder is not None:
        path = cache_dir() / "explain" / f"{_key(predictor, config, crops)}.npz"
        if (kept := _read(path, config.reference)) is not None:
            return kept
    found = _score(predictor, explain, crops, config)
    if path is not None:
        _write(path, found)
    return found


def _score(
    predictor: Predictor, explain: Explain | None, crops: Sequence[Crop], config: ExplainConfig
) -> RealScores:
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
    if table.shape[1] < _FEWEST:
        raise DataError(
            f"{table.shape[1]} real faces of {config.reference!r} could be scored; a verdict needs"
            f" at least {_FEWEST} to compare with: name other data with --reference"
        )
    return RealScores(
        name=config.reference,
        fake=table[0],
        parts=dict(zip(names, table[1:], strict=True)),
        strength=0.0 if explain is None else _strength(explain, crops[:_MAPPED], config.quiet),
    )


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
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
    for crop in crops:
        digest.update(crop.image.tobytes())
        if crop.landmarks is not None:
            digest.update(crop.landmarks.tobytes())
    return digest.hexdigest()


def _read(path: Path, name: str) -> RealScores | None:
    """None where there is nothing, or a file cut short: it is made again."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            parts = {
                key.removeprefix("part."): stored[key]
                for key in stored.files
                if key.startswith("part.")
            }
            return RealScores(
                name=name, fake=stored["fake"], parts=parts, strength=float(stored["strength"])
            )
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _write(path: Path, found: RealScores) -> None:
    parts = {f"part.{name}": values for name, values in found.parts.items()}
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, fake=found.fake, strength=np.float64(found.strength), **parts)  # type: ignore[arg-type]
