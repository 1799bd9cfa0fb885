"""Choose the faces that a figure shows, by fixed rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from registry import ScoredFace

__all__ = ["OUTCOMES", "By", "Outcome", "by_group", "by_outcome", "spread", "strongest"]

Outcome: TypeAlias = Literal["TP", "FN", "TN", "FP"]
By: TypeAlias = Literal["method", "dataset"]

OUTCOMES: tuple[Outcome, ...] = ("TP", "FN", "TN", "FP")  # in the order of Figure 6


def by_outcome(
    faces: Sequence[ScoredFace], threshold: float = 0.5
) -> dict[Outcome, list[ScoredFace]]:
    """Return faces of every outcome, the furthest from the threshold first; fake is positive."""
    found: dict[Outcome, list[ScoredFace]] = {outcome: [] for outcome in OUTCOMES}
    for face in faces:
        positive = face.score >= threshold
        outcome: Outcome = (
            ("TP" if positive else "FN") if face.label else ("FP" if positive else "TN")
        )
        found[outcome].append(face)
    return {
        outcome: sorted(each, key=lambda face: (-abs(face.score - threshold), _place(face)))
        for outcome, each in found.items()
    }


def by_group(faces: Sequence[ScoredFace], by: By) -> dict[tuple[str, str], list[ScoredFace]]:
    """Return fakes by (data set, method), or by (data set, "") over all its methods."""
    found: dict[tuple[str, str], list[ScoredFace]] = {}
    for face in faces:
        if face.label:
            key = (face.dataset, face.method if by == "method" else "")
            found.setdefault(key, []).append(face)
    return dict(sorted(found.items()))


def strongest(faces: Sequence[ScoredFace], count: int) -> list[ScoredFace]:
    """Return the first `count` of sorted faces, one per video."""
    first: dict[tuple[str, str], ScoredFace] = {}
    for face in faces:
        first.setdefault((face.dataset, face.video), face)
    return list(first.values())[:count]


def spread(faces: Sequence[ScoredFace], count: int) -> list[ScoredFace]:
    """Return `count` faces evenly spread over the ranks of the score, highest first; one per
    video.

    Of each video it is the face that scores highest, which is the one that decides.
    """
    ranked = sorted(faces, key=lambda face: (-face.score, _place(face)))
    best = strongest(ranked, len(ranked))
    at = np.linspace(0, len(best) - 1, min(count, len(best)))
    return [best[index] for index in np.rint(at).astype(int)]


def _place(face: ScoredFace) -> tuple[str, str, int, int]:
    return face.dataset, face.video, face.frame, face.face
