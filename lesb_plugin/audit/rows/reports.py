"""What a report of `bench explain` would say about each face, and how often it is right."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from lesb_plugin.audit.evidence.collect import Collected
from lesb_plugin.audit.measures.controls import CONSTANT, OWN, commonest
from lesb_plugin.audit.measures.intervals import Draws, of_share
from lesb_plugin.audit.rows.compared import mean_row
from lesb_plugin.audit.rows.row import Aim, Row, rarely
from registry import PartScale, Scores, by_quality, judge, sharpness

__all__ = ["report_rows", "singled_out"]

_NONE = -1


def report_rows(found: Collected, draws: Draws) -> list[Row]:
    """Return rows on the part that a report singles out, if any, as far as there are faces.

    `reports.right`: of fakes with one part changed in which one is singled out, the share where it
    is that part; range [0, 1], higher is better, beside always naming the same part. `.singled`:
    in how many of those fakes one is singled out at all. `.whole` and `.real`: in how many fakes
    with every part changed, and reals, one is, where none should be; lower is better. Verdict and
    parts are judged by the val reals of the artefact, as reports of the detector are by default;
    a report of a detector that is known not to localise singles out nothing, whatever stands here.
    """
    if found.val_reals is None:
        return []
    part = singled_out(found, found.val_reals)
    named = part != _NONE
    reals = of_share(named[found.real], "the interval is Clopper's and Pearson's")
    rows = [
        _right(found, part, draws),
        mean_row(
            "reports.singled",
            "one-part fakes in which a part is singled out",
            Aim(),
            {OWN: _only(named, found.single)},
            draws,
        ),
        mean_row(
            "reports.whole",
            "whole-face fakes in which a part is singled out",
            Aim(),
            {OWN: _only(named, found.whole)},
            draws,
            higher=False,
        ),
        Row(
            key="reports.real",
            title="reals in which a part is singled out",
            n=int(found.real.sum()),
            figure=reals,
            aim=rarely(0.05),
            higher_is_better=False,
            people=draws.people(found.real),
        ),
    ]
    return [row for row in rows if row.n]


def _right(found: Collected, part: NDArray[np.int64], draws: Draws) -> Row:
    asked = found.single & (part != _NONE)
    always = commonest(found.truth[asked])
    values = {
        OWN: _only(found.truth[np.arange(len(part)), part], asked),
        CONSTANT: _only(found.truth[:, always], asked),
    }
    aim = Aim(f"beats {CONSTANT}", above=CONSTANT)
    return mean_row("reports.right", "part singled out is the changed one", aim, values, draws)


def _only(flags: NDArray[np.bool_], rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return (n,): 1 or 0 in `rows`, NaN elsewhere."""
    return np.where(rows, flags.astype(np.float64), np.nan)


def singled_out(found: Collected, val: Scores) -> NDArray[np.int64]:
    """Return (n,): the number of the part that a report would single out, -1 for none."""
    assert found.reading.parts is not None  # noqa: S101 - val's reals have parts, so faces have
    out = np.full(len(found.faces), _NONE)
    scores = expit(found.reading.parts)  # (n, K); they are log-odds
    finite = np.isfinite(scores).all(axis=1)
    for rows, like in _by_quality(found, val):
        scale = PartScale.of({name: like.regions[name] for name in found.names})
        for row in rows[finite[rows]]:
            parts = dict(zip(found.names, scores[row].tolist(), strict=True))
            fake = float(found.reading.fake[row])
            part = judge(fake, parts, like.fake, like.regions, scale).choice.part
            if part is not None:
                out[row] = found.names.index(part)
    return out


def _by_quality(found: Collected, val: Scores) -> Iterator[tuple[NDArray[np.int64], Scores]]:
    """Yield faces and the reals of their class of sharpness; faces without comparable reals are
    left out.
    """
    if found.val_sharpness is None:
        yield np.arange(len(found.faces)), val
        return
    own = np.array([sharpness(face.crop.image) for face in found.faces])
    for rows, alike in by_quality(own, found.val_sharpness):
        regions = {name: values[alike] for name, values in val.regions.items()}
        yield rows, Scores(fake=val.fake[alike], regions=regions)
