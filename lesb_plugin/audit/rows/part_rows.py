"""The rows about part scores: each is a statistic of the explanation and of controls."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.collect import Collected
from lesb_plugin.audit.measures import discrimination, naming
from lesb_plugin.audit.measures.agreement import spearman
from lesb_plugin.audit.measures.controls import (
    CONSTANT,
    ORACLE,
    SUBSPACES,
    constant_alarm,
    constant_part,
    part_controls,
)
from lesb_plugin.audit.measures.intervals import Draws, Statistic
from lesb_plugin.audit.rows.no_part import no_part_row
from lesb_plugin.audit.rows.reports import report_rows
from lesb_plugin.audit.rows.row import Aim, Row, at_least, at_most
from lesb_plugin.audit.rows.stability import stability_row

__all__ = ["part_rows"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Evidence = Mapping[str, Array]  # part scores (n, K) by who gives them
_BEATS = Aim("beats constant part", above="constant part")
# Titles of the rows kappa and AUC: with what was changed, with what people take to be changed.
_CHANGED = (
    "parts above that percentile: Cohen's kappa",
    "AUC of changed over unchanged parts of fakes",
)
_PERCEIVED = (
    "parts above that and perceived parts: kappa",
    "AUC of perceived over other parts of fakes",
)


@dataclass(frozen=True, slots=True)
class _Question:
    """`ask(z)` is the statistic of part scores; the faces `rows` (n,) decide it.

    It is asked of the controls `compared`, None for all. `controls` replace those of the same name,
    where a row has a better oracle or constant answer. `each_part` counts the fakes of each part,
    and their people, where those of a part are compared apart.
    """

    key: str
    title: str
    aim: Aim
    rows: Flags
    ask: Callable[[Array], Statistic]
    higher_is_better: bool = True
    compared: Collection[str] | None = None
    controls: Evidence = field(default_factory=dict)
    each_part: Sequence[tuple[int, int]] = ()


def part_rows(
    found: Collected, wanted: Callable[[str], bool], draws: Draws, rng: np.random.Generator
) -> list[Row]:
    """Return rows of the keys `wanted`, each with the controls' figures."""
    if found.reading.parts is None:
        return []
    z = naming.standardised(found.reading.parts, found.real)
    evidence = part_controls(z, found.truth, found.areas, found.centrality, rng)
    if found.subspaces is not None:
        evidence[SUBSPACES] = naming.standardised(found.subspaces, found.real)
    rows = [
        _answer(question, z, evidence, draws)
        for question in _questions(found)
        if wanted(question.key) and question.rows.any()
    ]
    if wanted("no_part_on_real"):
        rows.append(no_part_row(found, draws))
    if wanted("reports"):
        rows += report_rows(found, draws)
    if wanted("stability") and len(found.perturbed_rows):
        rows.append(stability_row(found, draws, rng))
    if wanted("sanity") and found.subspaces is not None:
        rows.append(_answer(_sanity(found, found.subspaces), z, {}, draws))
    return rows


def _answer(question: _Question, z: Array, evidence: Evidence, draws: Draws) -> Row:
    names = evidence if question.compared is None else question.compared
    seen = {name: each for name, each in evidence.items() if name in names}
    asked = {**seen, **question.controls}
    controls = {name: draws.figure(question.ask(each)) for name, each in asked.items()}
    return Row(
        key=question.key,
        title=question.title,
        n=int(question.rows.sum()),
        figure=draws.figure(question.ask(z)),
        aim=question.aim,
        higher_is_better=question.higher_is_better,
        controls={name: figure for name, figure in controls.items() if figure.value is not None},
        people=draws.people(question.rows),
        each_part=question.each_part,
    )


def _questions(found: Collected) -> Iterator[_Question]:
    yield from _right_part(found)
    yield from _auc(found)
    yield from _redundancy(found)
    yield from _sets(found)
    yield from _exchanges(found)


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
    return _Question(key, title, aim, rows, ask, controls={CONSTANT: constant})


# --- single scores ---------------------------------------------------------------------------


def _auc(found: Collected) -> Iterator[_Question]:
    def matrix(z: Array, weights: Array) -> Array:
        return discrimination.auc_matrix(z, found.truth, found.real, weights)

    yield _Question(
        "auc_matrix.diagonal",
        "AUC of a part's score for changes of that part",
        at_least(0.85),
        found.single,
        lambda z: lambda weights: discrimination.diagonal(matrix(z, weights)),
        each_part=[each for each in found.alone if each[0]],
    )
    yield _Question(
        "auc_matrix.selectivity",
        "selectivity: that AUC minus other parts' AUC",
        at_least(0.25),
        found.single,
        lambda z: lambda weights: discrimination.selectivity(matrix(z, weights)),
        each_part=[each for each in found.alone if each[0]],
    )


def _redundancy(found: Collected) -> Iterator[_Question]:
    """Compared with what was changed, and with random subspaces.

    The first lies below 0 where single parts change, each in its turn; whole-face fakes, of which
    every part was changed, leave it undefined. The other controls say nothing here: scores under
    the names of other parts are as correlated as under their own, noise by construction is not at
    all, and places and areas of parts are as faces have them.
    """
    for key, title, rows, aim in (
        ("whole_face", "correlation of part scores, whole-face fakes", found.whole, at_most(0.6)),
        ("single_part", "correlation of part scores, one changed part", found.single, at_most(0.2)),
    ):
        yield _Question(
            f"redundancy.{key}",
            title,
            aim,
            rows,
            lambda z, rows=rows: (
                lambda weights: discrimination.redundancy(  # type: ignore[misc]
                    z[rows], weights[:, rows]
                )
            ),
            higher_is_better=False,
            compared=(ORACLE, SUBSPACES),
        )


# --- sets of parts ---------------------------------------------------------------------------


def _sets(found: Collected) -> Iterator[_Question]:
    known, truth = found.known, found.truth
    always = {CONSTANT: constant_alarm(truth, found.real)}

    def jaccard(z: Array) -> Statistic:
        values = naming.jaccard(naming.raised(z, found.real), truth)
        return lambda weights: naming.mean(np.where(known, values, np.nan), weights)

    title = "parts above their reals' 95th percentile: Jaccard"
    yield _Question("several_parts", title, at_least(0.7), known, jaccard, controls=always)
    if found.judged.any():
        yield from _agreement(found, found.judged, found.perceived, _PERCEIVED)
    else:
        yield from _agreement(found, known, truth, _CHANGED)


def _agreement(
    found: Collected, rows: Flags, named: Flags, titles: tuple[str, str]
) -> Iterator[_Question]:
    """Measure agreement with the parts `named` (n, K) of the fakes `rows` (n,), pair by pair.

    kappa: Cohen's, of parts that are raised above their reals; range [-1, 1], chance 0. AUC: of
    part scores, range [0, 1], chance 0.5. Higher is better.
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

    oracle = {ORACLE: named.astype(np.float64)}
    always = oracle | {CONSTANT: constant_alarm(named, found.real)}
    yield _Question("agreement.kappa", titles[0], _BEATS, rows, kappa, controls=always)
    constant = oracle | {CONSTANT: constant_part(named)}
    yield _Question("agreement.auc", titles[1], _BEATS, rows, within, controls=constant)


# --- what the scores do ----------------------------------------------------------------------


def _exchanges(found: Collected) -> Iterator[_Question]:
    for key, title, effect in (
        ("restore", "Spearman with the drop as changes are undone", found.restored),
        ("insert", "Spearman with the rise as changes are inserted", found.inserted),
    ):
        yield _Question(
            key,
            title,
            at_least(0.8),
            np.asarray(~np.isnan(effect).any(axis=1)),
            lambda z, effect=effect: _mean_of(spearman(z, effect)),  # type: ignore[misc]
            controls={ORACLE: effect},
        )


def _sanity(found: Collected, subspaces: Array) -> _Question:
    """Over fakes and part by part: what is left of the ranking when the subspaces are random.

    The control is what other random subspaces say, which have as much in common as two that know
    nothing of parts: an explanation that agrees with them as well is one of them.
    """
    again = found.subspaces_again
    other = {} if again is None else {SUBSPACES: naming.standardised(again, found.real)}
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
        fakes,
        ask,
        higher_is_better=False,
        controls=other,
    )


def _mean_of(values: Array) -> Statistic:
    return lambda weights: naming.mean(values, weights)
