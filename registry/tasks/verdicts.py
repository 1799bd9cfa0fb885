"""One answer for one file: its verdict by comparison with real faces, and the part that stands
out.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from registry.contracts.detector import Detector, LocalDetector
from registry.results.audit_summary import PartAudit
from registry.results.file_scores import Prediction
from registry.results.frame_runs import FrameRuns, scan
from registry.results.part_scale import REALS_WITHIN, PartScale
from registry.results.real_scores import RealScores
from registry.results.verdict import (
    Choice,
    FileVerdict,
    PartRow,
    Segment,
    judge,
)

__all__ = ["Verdicts"]


class _Judged(Protocol):
    """What a verdict needs to know of the detector that scores."""

    @property
    def detector(self) -> Detector: ...

    @property
    def audit(self) -> PartAudit: ...

    @property
    def name(self) -> str: ...


class Verdicts:
    """Judges files by the scores of `reals`."""

    def __init__(self, detector: _Judged, reals: RealScores) -> None:
        self._by = detector
        self.reals = reals

    @cached_property
    def audit(self) -> PartAudit | None:
        """Return what is known of how well part scores localise; None without part scores."""
        return self._by.audit if self.reals.parts else None

    @cached_property
    def cannot_tell(self) -> str:
        """Say why the detector's part scores do not localise, or "": as measured, else as built."""
        if self.audit is not None and self.audit.summary is not None:
            summary = self.audit.summary
            return "" if summary.passed else f"as audited, {summary.detector} {summary.finding}."
        if not isinstance(self._by.detector, LocalDetector):
            return ""
        return (
            f"part scores of {self._by.name} do not show where a face was changed. Every"
            " part uses one embedding of the whole face and was trained on the label of"
            " the whole face, so all parts answer much the same question."
        )

    def of(self, found: Prediction) -> FileVerdict | None:
        """Judge a file; None if it has no score."""
        if found.score is None:
            return None
        reals = self.reals.like(found.sharpness)
        if reals is None:
            return self._open(found)
        return self._beside(found, found.score, reals)

    def _beside(self, found: Prediction, score: float, reals: RealScores) -> FileVerdict:
        frames = [frame for frame in found.frames if frame.score is not None]
        scores = np.array([frame.score for frame in frames] if found.video else [score])
        runs = scan(scores, reals.fake)
        segments = tuple(
            Segment(
                first=frames[a].index, last=frames[b].index,
                start=frames[a].seconds, end=frames[b].seconds,
            )
            for a, b in runs.runs
        )  # fmt: skip
        parts = _parts_of_runs(found, runs)
        scale = PartScale.of(reals.parts)
        judgement = judge(score, parts, reals.fake, reals.parts, scale, self.cannot_tell, runs=runs)
        return FileVerdict(
            word=judgement.word,
            p=judgement.p,
            p_run=runs.any_p if found.video else None,
            below=_below(score, reals.fake, runs if found.video else None),
            parts=PartRow.of(parts, judgement, scale),
            choice=judgement.choice,
            readable=not self.cannot_tell,
            segments=segments,
            partial=runs.partial and bool(segments),
            band=_band(reals.fake),
            reals=reals,
            scale=scale,
        )

    def _open(self, found: Prediction) -> FileVerdict:
        """Return neither a verdict nor a part, with the reason why no real face is comparable."""
        known = self.reals.sharpness
        if known is None:
            why = f"no real faces to compare with: {self.reals.advice}"
            text = f"{why[:1].upper()}{why[1:]}."
        else:
            why = "too soft or too sharp to compare with real faces"
            text = (
                "No comparable real faces: the sharpness of this one is"
                f" {found.sharpness:.0f}, that of the reference faces {known.min():.0f} to"
                f" {known.max():.0f}. Name similar real faces with --reference."
            )
        return FileVerdict(
            word="UNDETERMINED",
            incomparable=why,
            choice=Choice(part=None, text=text),
            readable=not self.cannot_tell,
        )


def _below(score: float, reals: NDArray[np.float64], runs: FrameRuns | None) -> int:
    """Count how many of 100 real faces score lower; for a video, have no run of frames as high."""
    share = float((reals < score).mean()) if runs is None else 1.0 - runs.any_p
    return int(np.floor(100 * share + 1e-9))


def _band(scores: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(scores, ((1 - REALS_WITHIN) / 2, (1 + REALS_WITHIN) / 2))
    return float(low), float(high)


def _parts_of_runs(found: Prediction, runs: FrameRuns) -> dict[str, float]:
    """Average the part scores of the frames in the runs that stand out, else of the file."""
    scored = [frame for frame in found.frames if frame.score is not None]
    chosen = [frame for first, last in runs.runs for frame in scored[first : last + 1]]
    if not chosen:
        return dict(found.parts)
    return {name: float(np.mean([f.parts[name] for f in chosen])) for name in found.parts}
