"""The verdict on a face or a video, and the part that stands out, if one does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from registry.results.conformal import MANIPULATED_UP_TO, conformal_p
from registry.results.frame_runs import FrameRuns, Segment
from registry.results.part_scale import REALS_WITHIN, PartScale
from registry.results.real_scores import RealScores

__all__ = [
    "AUTHENTIC_ABOVE",
    "MANIPULATED_UP_TO",
    "NOISE",
    "UNTRAINED",
    "Choice",
    "FileVerdict",
    "Judgement",
    "PartRow",
    "Segment",
    "Word",
    "judge",
    "single_out",
    "verdict_word",
]

Word: TypeAlias = Literal["MANIPULATED", "AUTHENTIC", "UNDETERMINED"]

Array: TypeAlias = NDArray[np.float64]

AUTHENTIC_ABOVE = 0.20
_NONE = "No part can be singled out: "
NOISE = (
    "the scores of this detector are noise (random numbers) and mean nothing; leave --detector out"
    " for one that has learnt"
)
UNTRAINED = "the weights of the backbone are random, so its scores mean nothing"


def verdict_word(p: float, p_any: float | None = None) -> Word:
    """Return MANIPULATED up to 0.05, AUTHENTIC above 0.20, else UNDETERMINED.

    Of a video `p_any` asks only whether any run of frames is unusual, and decides on AUTHENTIC.
    """
    if p <= MANIPULATED_UP_TO:
        return "MANIPULATED"
    usual = p if p_any is None else p_any
    return "AUTHENTIC" if usual > AUTHENTIC_ABOVE else "UNDETERMINED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The part that stands out, or None; `text` says why, `lead` by how much the first leads."""

    part: str | None
    text: str
    lead: float | None = None


def single_out(
    word: Word,
    z: Mapping[str, float],
    p: Mapping[str, float],
    limit: float | None,
    cannot_tell: str = "",
) -> Choice:
    """Choose a part by standardised scores and conformal p by part.

    A part stands out where it leads the next by more than `limit` and is the only one as unusual
    as a manipulated face is: where others are, too, several may have been changed, or the face as a
    whole. `cannot_tell` says why a detector's parts never say where.
    """
    ranked = sorted(z, key=lambda name: -z[name])
    if len(ranked) < 2 or limit is None:
        scored = "one part" if ranked else "the face as a whole"
        return Choice(part=None, text=f"{_NONE}the detector scores only {scored}.")
    first, second = ranked[:2]
    lead = z[first] - z[second]
    by = (
        f"{lead:.2f} standard deviations of real faces ahead of the next ({second}); in 95"
        f" % of real faces the first part is ahead by {limit:.2f} or less"
    )
    unusual = [name for name in z if p[name] <= MANIPULATED_UP_TO]
    if cannot_tell:
        why = cannot_tell
    elif word == "AUTHENTIC":
        why = "the face passes for real."
    elif second in unusual:
        why = (
            f"{', '.join(unusual[:-1])} and {unusual[-1]} each score as high as few real"
            " faces do, so several parts may have been changed, or the face as a whole."
        )
    elif lead <= limit:
        why = f"the highest part ({first}) is only {by}."
    else:
        return Choice(part=first, text=f"The part that stands out: {first}, {by}.", lead=lead)
    return Choice(part=None, text=_NONE + why, lead=lead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The judgement of a face; `parts_p` and `z` are conformal p and standardised scores by
    part.
    """

    p: float
    word: Word
    parts_p: Mapping[str, float]
    z: Mapping[str, float]
    choice: Choice


def judge(
    score: float,
    parts: Mapping[str, float],
    real_scores: Array,
    real_parts: Mapping[str, Array],
    scale: PartScale,
    cannot_tell: str = "",
    runs: FrameRuns | None = None,
) -> Judgement:
    """Judge a face by its score and scores by part, beside those (n,) of the real faces of `scale`.

    `runs` are those of the frames of a file, whose p stands for that of the score.
    """
    p = float(conformal_p(score, real_scores)) if runs is None else runs.p
    word = verdict_word(p) if runs is None else verdict_word(p, runs.any_p)
    parts_p = {name: float(conformal_p(parts[name], real_parts[name])) for name in scale.names}
    z = scale.standardise(parts)
    choice = single_out(word, z, parts_p, scale.limit, cannot_tell)
    return Judgement(p=p, word=word, parts_p=parts_p, z=z, choice=choice)


# --- of a file -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRow:
    """A part's score and conformal p, and `low` to `high`, where 90 % of real faces lie."""

    name: str
    score: float
    p: float
    z: float
    low: float
    high: float

    @classmethod
    def of(
        cls, scores: Mapping[str, float], judgement: Judgement, scale: PartScale
    ) -> tuple[PartRow, ...]:
        """Return a row for every part of the scale."""
        return tuple(
            cls(
                name=name,
                score=scores[name],
                p=judgement.parts_p[name],
                z=judgement.z[name],
                low=float(scale.low[at]),
                high=float(scale.high[at]),
            )
            for at, name in enumerate(scale.names)
        )


def _is_plural(part: str) -> bool:
    """Say whether a part's name is a plural: of eyes, lips and cheeks, but not of the iris."""
    return part.endswith("s") and not part.endswith(("ss", "is", "us"))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FileVerdict:
    """The verdict on a file that has a score.

    Without a `word` there is no verdict, and `none` says why. `p` is None where no real face is
    comparable, and `incomparable` says why; `p_run`, of a video alone, is that of its highest run
    of frames by itself, which decides on AUTHENTIC; `below` is how many of 100 comparable real
    faces score lower (of a video: have no run of frames as high). `band` is where 90 % of the
    comparable real faces lie.
    """

    word: Word | None = None
    none: str = ""
    incomparable: str = ""
    p: float | None = None
    p_run: float | None = None
    below: int | None = None
    parts: tuple[PartRow, ...] = ()
    choice: Choice | None = None
    readable: bool = True  # whether part scores may be read as places
    segments: tuple[Segment, ...] = ()
    partial: bool = False  # whether the frames outside of the segments pass for real
    band: tuple[float, float] | None = None
    reals: RealScores | None = None
    scale: PartScale | None = None

    @property
    def part(self) -> str | None:
        """Name the part that stands out."""
        return None if self.choice is None else self.choice.part

    @property
    def part_stands_out(self) -> str:
        """Say that the part stands out, `mouth stands out` or `eyes stand out`; "" without one."""
        if not self.part:
            return ""
        return f"{self.part} {'stand' if _is_plural(self.part) else 'stands'} out"

    @property
    def looks_changed(self) -> str:
        """Name the runs of frames that lie above real faces, "" without any.

        `3.5 s to 6.4 s look changed` of a MANIPULATED video, of others only that they `stand out`.
        """
        if not self.segments:
            return ""
        verb = "look changed" if self.word == "MANIPULATED" else "stand out"
        return f"{', '.join(each.words for each in self.segments)} {verb}"

    @property
    def doubt(self) -> str:
        """Say why the verdict is UNDETERMINED; "" for every other verdict."""
        if self.word != "UNDETERMINED":
            return ""
        if self.p is None:
            return self.incomparable
        manipulated = f"MANIPULATED up to {MANIPULATED_UP_TO:.2f}"
        authentic = f"AUTHENTIC above {AUTHENTIC_ABOVE:.2f}"
        if self.p_run is None:
            return f"p = {_p_text(self.p)} ({manipulated}, {authentic})"
        both = (
            f"p = {self.p_run:.2f} for the highest run ({authentic}), {_p_text(self.p)} for the"
            f" clip ({manipulated})"
        )
        return "; ".join(filter(None, [both, self.why_two_p]))

    @property
    def why_two_p(self) -> str:
        """Say why the p of a video is larger than that of its highest run; "" where it is not."""
        if self.p is None or self.p_run is None or self.p <= self.p_run:
            return ""
        return "the clip's p is larger, as a camera or codec can raise every frame of a real clip"

    @property
    def part_caution(self) -> str:
        """Say what a part that stands out under UNDETERMINED is worth; "" in every other case."""
        if self.word != "UNDETERMINED" or not self.part:
            return ""
        are = "are" if _is_plural(self.part) else "is"
        return f"the {self.part} {are} a place to look at, not a finding"

    def to_json(self) -> dict[str, Any] | None:
        """Return plain data; None without a verdict."""
        if self.word is None:
            return None
        return {
            "word": self.word,
            "p": self.p,
            "p_of_highest_run": self.p_run,
            "undetermined_because": self.doubt or None,
            "manipulated_up_to": MANIPULATED_UP_TO,
            "authentic_above": AUTHENTIC_ABOVE,
            "higher_than_of_100": self.below,
            "reference": None if self.reals is None else self.reals.name,
            "reference_faces": 0 if self.reals is None else len(self.reals),
            "reals_between": None if self.band is None else list(self.band),
            "segments": [
                {"frames": [e.first, e.last], "seconds": _seconds(e)} for e in self.segments
            ],
            "rest_looks_real": self.partial,
        }

    def parts_json(self, scores: Mapping[str, float]) -> dict[str, dict[str, float]] | None:
        """Return scores by part beside real faces, or alone without any; None without parts."""
        if not self.parts:
            return {name: {"score": score} for name, score in scores.items()} or None
        return {
            row.name: {
                "score": row.score, "p": row.p, "z": row.z, "low": row.low, "high": row.high
            }
            for row in self.parts
        }  # fmt: skip

    def part_json(self) -> dict[str, Any] | None:
        """Return what is known of the parts as plain data; None if nothing is."""
        if self.choice is None:
            return None
        return {
            "singled_out": self.choice.part,
            "why": self.choice.text,
            "lead": self.choice.lead,
            "lead_limit": None if self.scale is None else self.scale.limit,
            "reals_within": REALS_WITHIN,
            "readable": self.readable,
        }


def _p_text(p: float) -> str:
    """Return a p in two digits; in three, rounded up, where two would seem to reach MANIPULATED."""
    text = f"{p:.2f}"
    crosses = float(text) <= MANIPULATED_UP_TO < p
    return f"{math.ceil(1000 * p) / 1000:.3f}" if crosses else text


def _seconds(segment: Segment) -> list[float] | None:
    if segment.start is None or segment.end is None:
        return None
    return [round(segment.start, 3), round(segment.end, 3)]
