"""What is said of a face: a verdict against real faces, and the part that stands out, if one does.

Nothing here needs the host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from lesb_plugin.explainers.log_odds import Array, log_odds

__all__ = [
    "AUTHENTIC_ABOVE",
    "MANIPULATED_UP_TO",
    "REALS_WITHIN",
    "Choice",
    "Judgement",
    "PartScale",
    "Word",
    "conformal_p",
    "judge",
    "single_out",
    "verdict_word",
]

Word: TypeAlias = Literal["MANIPULATED", "AUTHENTIC", "UNDETERMINED"]

MANIPULATED_UP_TO, AUTHENTIC_ABOVE = 0.05, 0.20
REALS_WITHIN = 0.90  # share of real faces in the interval that is shown: 5 % lie above, as p has it
_CONFIDENT = 0.95  # share of real faces whose first part leads by no more than the limit
_NONE = "No part can be singled out: "


def conformal_p(score: float, reals: Array) -> float:
    """(1 + #{reals >= score}) / (n + 1): how often a real face would score as high, or higher.

    For a real face that is drawn as the n `reals` were, P(p <= a) <= a for every a.
    """
    return float((1 + np.count_nonzero(reals >= score)) / (len(reals) + 1))


def verdict_word(p: float) -> Word:
    """MANIPULATED up to .05, AUTHENTIC above .20, else UNDETERMINED."""
    if p <= MANIPULATED_UP_TO:
        return "MANIPULATED"
    return "AUTHENTIC" if p > AUTHENTIC_ABOVE else "UNDETERMINED"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartScale:
    """Part scores of real faces: what a part's score is measured by.

    Arrays are (K,): mean and standard deviation of the log-odds, and the interval that holds 90 %
    of the scores themselves. `limit` is the 95th percentile of the first part's lead over the
    second in standard deviations; None with less than two parts.
    """

    names: tuple[str, ...]
    mean: Array
    deviation: Array
    low: Array
    high: Array
    limit: float | None

    @classmethod
    def of(cls, scores: Mapping[str, Array]) -> PartScale:
        """Of scores (n,) in [0, 1] by part, n >= 2."""
        values = np.stack(list(scores.values())) if scores else np.empty((0, 2))  # (K, n)
        odds = log_odds(values)
        deviation = odds.std(axis=1, ddof=1)
        deviation = np.where(deviation > 0, deviation, np.inf)  # a constant part never stands out
        mean = odds.mean(axis=1)
        tail = (1 - REALS_WITHIN) / 2
        limit = None
        if len(values) > 1:
            ranked = np.sort((odds - mean[:, None]) / deviation[:, None], axis=0)  # (K, n)
            limit = float(np.quantile(ranked[-1] - ranked[-2], _CONFIDENT, method="higher"))
        return cls(
            names=tuple(scores),
            mean=mean,
            deviation=deviation,
            low=np.quantile(values, tail, axis=1),
            high=np.quantile(values, 1 - tail, axis=1),
            limit=limit,
        )

    def standardise(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Log-odds by part in standard deviations of real faces, 0 their mean."""
        odds = log_odds(np.array([scores[name] for name in self.names], np.float64))
        z = (odds - self.mean) / self.deviation
        return dict(zip(self.names, z.tolist(), strict=True))


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
    """Of standardised scores and conformal p by part.

    A part stands out where it leads the next by more than `limit` and is the only one as unusual
    as a manipulated face is: where others are, too, several may have been changed, or the face as a
    whole. `cannot_tell` says why a detector's parts never say where.
    """
    ranked = sorted(z, key=lambda name: -z[name])
    if len(ranked) < 2 or limit is None:
        scored = "one part" if ranked else "the face as a whole"
        return Choice(part=None, text=f"{_NONE}the detector scores {scored} only.")
    first, second = ranked[:2]
    lead = z[first] - z[second]
    by = (
        f"{lead:.2f} standard deviations of real faces ahead of the next ({second}); in 95 % of"
        f" real faces the first part is ahead by {limit:.2f} or less"
    )
    unusual = [name for name in z if p[name] <= MANIPULATED_UP_TO]
    if cannot_tell:
        why = cannot_tell
    elif word == "AUTHENTIC":
        why = "the face passes for real."
    elif second in unusual:
        why = (
            f"{', '.join(unusual[:-1])} and {unusual[-1]} each score as few real faces do, so"
            " several parts may have been changed, or the face as a whole."
        )
    elif lead <= limit:
        why = f"the highest part ({first}) is only {by}."
    else:
        return Choice(part=first, text=f"The part that stands out: {first}, {by}.", lead=lead)
    return Choice(part=None, text=_NONE + why, lead=lead)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What is said of a face; `parts_p` and `z` are conformal p and standardised scores by part."""

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
) -> Judgement:
    """Of a face's score and scores by part, beside those (n,) of the real faces of `scale`."""
    p = conformal_p(score, real_scores)
    word = verdict_word(p)
    parts_p = {name: conformal_p(parts[name], real_parts[name]) for name in scale.names}
    z = scale.standardise(parts)
    choice = single_out(word, z, parts_p, scale.limit, cannot_tell)
    return Judgement(p=p, word=word, parts_p=parts_p, z=z, choice=choice)
