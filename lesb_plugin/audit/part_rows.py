"""The rows about part scores. Each is one statistic, asked of the explanation and of controls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit import discrimination, naming
from lesb_plugin.audit.agreement import kendall, spearman
from lesb_plugin.audit.collect import Collected
from lesb_plugin.audit.controls import CONSTANT, ORACLE, SUBSPACES, constant_part, part_controls
from lesb_plugin.audit.intervals import Draws, Statistic
from lesb_plugin.audit.row import Aim, Row, at_least, at_most

__all__ = ["on_scale", "part_rows"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Evidence = Mapping[str, Array]  # part scores (n, K) by who gives them
_BEATS = Aim("beats constant part", above="constant part")
_FOLDS = 2
# Titles of the rows kappa and AUC: with what was changed, with what people take to be changed.
_CHANGED = ("the same: Cohen's kappa", "AUC of changed over unchanged parts of fakes")
_PERCEIVED = (
    "parts above that percentile and parts people perceive: kappa",
    "AUC of perceived over other parts of fakes",
)


@dataclass(frozen=True, slots=True)
class _Question:
    """`ask(z)` is the statistic of part scores; `n` faces decide it.

    `controls` replace those of the same name, where a row has a better oracle or constant answer.
    """

    key: str
    title: str
    aim: Aim
    n: int
    ask: Callable[[Array], Statistic]
    higher_is_better: bool = True
    compared: bool = True  # with controls
    controls: Evidence = field(default_factory=dict)


def part_rows(
    found: Collected, wanted: Callable[[str], bool], draws: Draws, rng: np.random.Generator
) -> list[Row]:
    """Rows of the keys that are `wanted`, each with the controls' figures."""
    if found.reading.parts is None:
        return []
    z = naming.standardised(found.reading.parts, found.real)
    evidence = part_controls(z, found.truth, found.areas, found.centrality, rng)
    if found.subspaces is not None:
        evidence[SUBSPACES] = naming.standardised(found.subspaces, found.real)
    return [
        _answer(question, z, evidence if question.compared else {}, draws)
        for question in _questions(found)
        if wanted(question.key) and question.n
    ]


def _answer(question: _Question, z: Array, evidence: Evidence, draws: Draws) -> Row:
    seen = {**evidence, **question.controls} if evidence else {}
    controls = {name: draws.figure(question.ask(each)) for name, each in seen.items()}
    return Row(
        key=question.key,
        title=question.title,
        n=question.n,
        figure=draws.figure(question.ask(z)),
        aim=question.aim,
        higher_is_better=question.higher_is_better,
        controls={name: figure for name, figure in controls.items() if figure.value is not None},
    )


def _questions(found: Collected) -> Iterator[_Question]:
    yield from _right_part(found)
    yield from _auc(found)
    yield from _redundancy(found)
    yield from _sets(found)
    yield from _exchanges(found)
    yield _no_part_on_real(found)
    yield _stability(found)
    if found.subspaces is not None:
        yield _sanity(found, found.subspaces)


# --- the right part first --------------------------------------------------------------------


def _right_part(found: Collected) -> Iterator[_Question]:
    single = found.single
    yield _named("right_part", "right part first", _BEATS, found, single)
    groups = np.array([face.group for face in found.faces])
    aims = {"transplants": at_least(0.8), "warps": at_least(0.6)}
    for group in dict.fromkeys(groups[single].tolist()):
        of_group = single & (groups == group)
        aim = aims.get(group, _BEATS)
        yield _named(f"right_part.{group}", f"right part, {group}", aim, found, of_group)
    flagged = single & (found.reading.fake > np.percentile(found.reading.fake[found.real], 90))
    title = "right part, fakes flagged at 10 % FPR"
    yield _named("right_part.flagged", title, _BEATS, found, flagged)


def _named(key: str, title: str, aim: Aim, found: Collected, rows: Flags) -> _Question:
    truth = found.truth & rows[:, None]

    def ask(z: Array) -> Statistic:
        share = naming.named_share(z, truth)
        return lambda weights: naming.macro_recall(share, truth, weights)

    constant = constant_part(truth)  # of the parts that this row is about
    return _Question(key, title, aim, int(rows.sum()), ask, controls={CONSTANT: constant})


# --- single scores ---------------------------------------------------------------------------


def _auc(found: Collected) -> Iterator[_Question]:
    def matrix(z: Array, weights: Array) -> Array:
        return discrimination.auc_matrix(z, found.truth, found.real, weights)

    count = int(found.single.sum())
    yield _Question(
        "auc_matrix.diagonal",
        "AUC of a part's score for its own change",
        at_least(0.85),
        count,
        lambda z: lambda weights: discrimination.diagonal(matrix(z, weights)),
    )
    yield _Question(
        "auc_matrix.selectivity",
        "selectivity: that AUC less the AUC for another part",
        at_least(0.25),
        count,
        lambda z: lambda weights: discrimination.selectivity(matrix(z, weights)),
    )


def _redundancy(found: Collected) -> Iterator[_Question]:
    for key, title, rows, aim in (
        ("whole_face", "correlation of part scores, whole-face fakes", found.whole, at_most(0.6)),
        ("single_part", "correlation of part scores, one part changed", found.single, at_most(0.2)),
    ):
        yield _Question(
            f"redundancy.{key}",
            title,
            aim,
            int(rows.sum()),
            lambda z, rows=rows: (
                lambda weights: discrimination.redundancy(  # type: ignore[misc]
                    z[rows], weights[:, rows]
                )
            ),
            higher_is_better=False,
            compared=False,
        )


# --- sets of parts ---------------------------------------------------------------------------


def _sets(found: Collected) -> Iterator[_Question]:
    known, truth = found.known, found.truth
    count = int(known.sum())

    def jaccard(z: Array) -> Statistic:
        values = naming.jaccard(naming.raised(z, found.real), truth)
        return lambda weights: naming.mean(np.where(known, values, np.nan), weights)

    title = "parts above their reals' 95th percentile: Jaccard"
    yield _Question("several_parts", title, at_least(0.7), count, jaccard)
    if found.judged.any():
        yield from _agreement(found, found.judged, found.perceived, _PERCEIVED)
    else:
        yield from _agreement(found, known, truth, _CHANGED)


def _agreement(
    found: Collected, rows: Flags, named: Flags, titles: tuple[str, str]
) -> Iterator[_Question]:
    """With the parts `named` (n, K) of the fakes `rows` (n,), one pair of face and part at a time.

    kappa: Cohen's, of parts that are raised above their reals; range [-1, 1], chance 0. AUC: of
    part scores, range [0, 1], chance .5. Higher is better.
    """
    answers, parts = named[rows], named.shape[1]

    def kappa(z: Array) -> Statistic:
        flags = naming.raised(z, found.real)[rows]
        return lambda weights: naming.kappa(flags, answers, weights[:, rows])

    def within(z: Array) -> Statistic:
        scores = z[rows].ravel()
        return lambda w: discrimination.auc(
            answers.ravel(), scores, np.repeat(w[:, rows], parts, axis=1)
        )

    controls = {ORACLE: named.astype(np.float64), CONSTANT: constant_part(named)}
    for key, title, ask in zip(("kappa", "auc"), titles, (kappa, within), strict=True):
        count = int(rows.sum())
        yield _Question(f"agreement.{key}", title, _BEATS, count, ask, controls=controls)


def _no_part_on_real(found: Collected) -> _Question:
    """Folds are of people, so that nobody is judged by a threshold that his own face set."""
    people = np.unique(found.identity[found.real], return_inverse=True)[1]

    def ask(z: Array) -> Statistic:
        values = np.full(len(z), np.nan)
        values[found.real] = naming.alarms(z[found.real], people % _FOLDS)
        return lambda weights: naming.mean(values, weights)

    return _Question(
        "no_part_on_real",
        "reals in which a part stands out at 5 %",
        Aim("interval holds 0.05", holds=0.05),
        int(found.real.sum()),
        ask,
        higher_is_better=False,
        compared=False,
    )


# --- what the scores do ----------------------------------------------------------------------


def _exchanges(found: Collected) -> Iterator[_Question]:
    for key, title, effect in (
        ("restore", "Spearman with the fall when pristine pixels return", found.restored),
        ("insert", "Spearman with the rise when changed pixels come in", found.inserted),
    ):
        yield _Question(
            key,
            title,
            at_least(0.8),
            int((~np.isnan(effect)).all(axis=1).sum()),
            lambda z, effect=effect: _mean_of(spearman(z, effect)),  # type: ignore[misc]
            controls={ORACLE: effect},
        )


def _stability(found: Collected) -> _Question:
    rows = found.perturbed_rows

    def ask(z: Array) -> Statistic:
        values = np.full(len(z), np.nan)
        taus = [kendall(z[rows], on_scale(found, changed)) for changed in found.perturbed.values()]
        values[rows] = np.mean(taus, axis=0)
        return _mean_of(values)

    title = "Kendall's tau of the parts after JPEG, resizing"
    return _Question("stability", title, at_least(0.8), len(rows), ask, compared=False)


def on_scale(found: Collected, changed: Array) -> Array:
    """Z of other scores of the explanation, by the reals of this one."""
    assert found.reading.parts is not None  # noqa: S101 - rows are asked of part scores only
    both = np.concatenate([found.reading.parts, changed])
    real = np.concatenate([found.real, np.zeros(len(changed), np.bool_)])
    return naming.standardised(both, real)[len(found.real) :]


def _sanity(found: Collected, subspaces: Array) -> _Question:
    """Over fakes and part by part: what is left of the ranking when the subspaces are random."""
    chance = naming.standardised(subspaces, found.real)
    fakes = ~found.real

    def ask(z: Array) -> Statistic:
        return lambda weights: discrimination.rank_correlation(
            z[fakes], chance[fakes], weights[:, fakes]
        )

    return _Question(
        "sanity",
        "Spearman with the scores of random subspaces",
        at_most(0.2),
        int(fakes.sum()),
        ask,
        higher_is_better=False,
        compared=False,
    )


def _mean_of(values: Array) -> Statistic:
    return lambda weights: naming.mean(values, weights)
