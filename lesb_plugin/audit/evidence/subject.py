"""The subject of an audit: a detector and an explainer, read as numbers per part and maps."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.subspaces import RandomSubspaces, rank_beside, whole_direction
from lesb_plugin.explainers.log_odds import log_odds
from lesb_plugin.lesb.fitted import FittedLesb
from lesb_plugin.roi.fitted import FittedRoi
from registry import (
    AuditInputs,
    CalibratedDetector,
    ConfigError,
    Crop,
    EmbeddingDetector,
    Explanation,
    QualityCalibratedDetector,
    Scores,
    map_shared,
)

__all__ = ["Reading", "Subject"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

T = TypeVar("T")

_FEWEST = 20  # reals of val: of fewer, 5 % are less than one


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Readings of n faces: scores of fake (n,), of parts (n, K), and maps (n, h, w) of fake.

    NaN is a part without a score; None stands for an explanation that never has any.
    `embeddings` (n, D) are what the detector scored, None if it does not expose them.
    """

    fake: Array
    parts: Array | None
    maps: NDArray[np.float32] | None
    embeddings: NDArray[np.float32] | None = None


class _BatchReading(NamedTuple):
    """The reading of one batch; parts are NaN if they have no score."""

    fake: Array
    parts: Array
    maps: NDArray[np.float32] | None
    embeddings: NDArray[np.float32] | None


class Subject:
    """A detector and an explainer, fed with crops in batches, which ranks share."""

    def __init__(
        self, inputs: AuditInputs, names: Sequence[str], batch_size: int, *, quiet: bool = False
    ) -> None:
        self.inputs = inputs
        self.names = tuple(names)
        self._batch, self._quiet = batch_size, quiet

    def fakes(self, crops: Sequence[Crop], label: str) -> Array:
        """Return scores of fake (n,) in [0, 1]."""
        scores = map_shared(
            lambda batch: self.inputs.detector.score(batch).fake,
            self._batches(crops),
            label,
            unit="batch",
            quiet=self._quiet,
        )
        return np.concatenate(scores) if scores else np.empty(0)

    def of_images(self, crop: Crop, images: NDArray[np.uint8]) -> Array:
        """Return scores of fake (n,) for images (n, S, S, 3) in place of a crop's."""
        crops = [replace(crop, image=image) for image in images]
        batches = self._batches(crops)
        return np.concatenate([self.inputs.detector.score(batch).fake for batch in batches])

    def read(self, crops: Sequence[Crop], masks: Sequence[Flags], label: str) -> Reading:
        """Return scores and explanations of crops whose parts have `masks` (K, S, S).

        Parts are scored by the explainer, by the mean of its map inside of each part where it has
        maps alone, or without an explainer by the detector, in log-odds.
        """
        readings = map_shared(
            lambda batch: self._read(*batch),
            list(zip(self._batches(crops), self._batches(masks), strict=True)),
            label,
            unit="batch",
            quiet=self._quiet,
        )
        parts = np.concatenate([each.parts for each in readings])
        maps = [each.maps for each in readings if each.maps is not None]
        embeddings = [each.embeddings for each in readings if each.embeddings is not None]
        return Reading(
            fake=np.concatenate([each.fake for each in readings]),
            parts=None if np.isnan(parts).all() else parts,
            maps=np.concatenate(maps) if len(maps) == len(readings) else None,
            embeddings=np.concatenate(embeddings) if embeddings else None,
        )

    def _batches(self, items: Sequence[T]) -> list[Sequence[T]]:
        starts = range(0, len(items), self._batch)
        return [items[start : start + self._batch] for start in starts]

    def _read(self, crops: Sequence[Crop], masks: Sequence[Flags]) -> _BatchReading:
        scores, embeddings = self._scored(crops)
        if self.inputs.explain is None:
            missing = [name for name in self.names if name not in scores.regions]
            if missing:
                raise ConfigError(
                    f"the detector does not score {missing[0]!r}; it scores"
                    f" {', '.join(scores.regions) or 'no parts'}. Choose an explainer for"
                    " it with --explainer (`bench list explainers`), or parts with"
                    " --regions"
                )
            columns = [log_odds(scores.regions[n]) for n in self.names]
            return _BatchReading(scores.fake, np.stack(columns, axis=1), None, embeddings)
        explained = self.inputs.explain(crops)
        if any(name in each.regions for each in explained for name in self.names):
            parts = [[each.regions.get(n, np.nan) for n in self.names] for each in explained]
        else:
            parts = [self._means(each, m) for each, m in zip(explained, masks, strict=True)]
        return _BatchReading(scores.fake, np.array(parts, np.float64), _maps(explained), embeddings)

    def _scored(self, crops: Sequence[Crop]) -> tuple[Scores, NDArray[np.float32] | None]:
        """Return scores and, from the same forward pass, the detector's embeddings if it exposes
        them.
        """
        detector = self.inputs.detector
        if not isinstance(detector, EmbeddingDetector):
            return detector.score(crops), None
        embeddings = detector.embed(crops)
        return detector.score_embeddings(embeddings), embeddings

    def _means(self, explanation: Explanation, masks: Flags) -> list[float]:
        """Return the mean inside of each part of that part's own map, or else of the face's."""
        size, out = masks.shape[1], []
        for name, mask in zip(self.names, masks, strict=True):
            heat = explanation.maps.get(name, explanation.maps.get("face"))
            whole = None if heat is None else cv2.resize(heat, (size, size))
            mapped = whole is not None and mask.any()
            out.append(float(np.asarray(whole)[mask].mean()) if mapped else float("nan"))
        return out

    # --- the controls and costs that only a detector can give ------------------------------------

    @property
    def _fitted(self) -> FittedLesb | FittedRoi | None:
        model = getattr(self.inputs.detector, "model", None)
        return model if isinstance(model, FittedLesb | FittedRoi) else None

    def random_subspaces(self, rng: np.random.Generator) -> RandomSubspaces | None:
        """Draw random subspaces of the embedding, one per part; None for a detector that is not
        LESB.
        """
        model, embedder = self._fitted, self.inputs.embedder
        if model is None or embedder is None:
            return None
        direction = whole_direction(model, embedder.backbone)
        if direction is None:
            return None
        rank = rank_beside(model, len(direction))
        return RandomSubspaces.drawn(direction, rank, len(self.names), rng)

    def val_reals(self) -> Scores | None:
        """Return scores of the real faces of the val split that the detector was fitted with.

        None for an explainer, which the artefact says nothing of, for a detector that keeps none,
        for parts it does not score, and where they are too few to be a threshold.
        """
        detector = self.inputs.detector
        if self.inputs.explain is not None or not isinstance(detector, CalibratedDetector):
            return None
        val = detector.val_reals
        known = set(self.names) <= set(val.regions) and len(val.fake) >= _FEWEST
        return val if known else None

    def val_sharpness(self) -> NDArray[np.float64] | None:
        """Return sharpness of the images of `val_reals`; None where it was not kept."""
        detector = self.inputs.detector
        if self.val_reals() is None or not isinstance(detector, QualityCalibratedDetector):
            return None
        return detector.val_sharpness

    def cost(self, crops: Sequence[Crop], rounds: int = 5) -> float | None:
        """Return the time of explaining over that of the bare backbone: medians of alternating
        runs.

        A first round warms up and does not count.
        """
        if self.inputs.embedder is None:
            return None
        images = np.stack([crop.image for crop in crops])
        embedder, explain = self.inputs.embedder, self.inputs.explain
        calls = (
            lambda: embedder(images),
            (lambda: self.inputs.detector.score(crops)) if explain is None else
            (lambda: explain(crops)),
        )  # fmt: skip
        seconds = [[_seconds(call) for call in calls] for _ in range(1 + rounds)]
        bare, explained = np.median(seconds[1:], axis=0)
        return float(explained / bare)


def _seconds(call: Any) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _maps(explained: Sequence[Explanation]) -> NDArray[np.float32] | None:
    """Return (n, h, w): each face's map, or the mean of its parts' maps; zeros where one has
    none.
    """
    found = [_map_of(each) for each in explained]
    shape = next((each.shape for each in found if each is not None), None)
    if shape is None:
        return None
    return np.stack([np.zeros(shape, np.float32) if each is None else each for each in found])


def _map_of(explanation: Explanation) -> NDArray[np.float32] | None:
    maps = explanation.maps
    if "face" in maps:
        return np.asarray(maps["face"], np.float32)
    return np.mean(list(maps.values()), axis=0, dtype=np.float32) if maps else None
