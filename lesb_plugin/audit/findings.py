"""What the tables of an audit show, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.measures.controls import CONSTANT
from lesb_plugin.audit.rows.row import FEWEST_FACES, FEWEST_PEOPLE, Row, persons

__all__ = ["AimCount", "count_aims", "of_matrix", "of_rows"]

NAMING = "right_part"


@dataclass(frozen=True, slots=True, kw_only=True)
class AimCount:
    """Of `judged` aims so many are `met`, and so many `only_reached`, which a control does as well
    or better; `undecided` ones cannot be judged.
    """

    judged: int
    met: int
    only_reached: int
    undecided: int


def of_rows(rows: Sequence[Row]) -> str:
    """Say how many aims are met, and whether the explanation names the changed part."""
    aims = _of_aims(rows)
    naming = next((row for row in rows if row.key == NAMING), None)
    if naming is None or naming.figure.value is None:
        return aims
    return f"{aims} {_of_naming(naming)}"


def of_matrix(
    parts: Sequence[str], matrix: NDArray[np.float64], alone: Sequence[tuple[int, int]]
) -> str:
    """Say whether each part's score answers to its own change; `matrix` (K, K), by score a row.

    `alone` has for each part in how many fakes, and of how many people, nothing else was changed.
    This is about a score beside itself on other faces; whether the explanation shows where a face
    was changed is about the scores of one face.
    """
    few = [
        f"{part} {fakes}, of {persons(people)}"
        for part, (fakes, people) in zip(parts, alone, strict=True)
        if fakes < FEWEST_FACES or people < FEWEST_PEOPLE
    ]
    if few:
        return (
            "Which score responds to which part is open, as fakes with one part changed are too few"
            f" (at least {FEWEST_FACES}, of {FEWEST_PEOPLE} people): {'; '.join(few)}."
        )
    with_own = np.diag(matrix)
    others = np.where(np.eye(len(parts), dtype=np.bool_), -np.inf, np.nan_to_num(matrix, nan=-1.0))
    mixed = [
        part for k, part in enumerate(parts) if not with_own[k] > others[k].max(initial=-np.inf)
    ]
    if not mixed:
        return "Every part's score responds most to a change of its own part."
    listed = " and ".join([", ".join(mixed[:-1]), mixed[-1]] if len(mixed) > 1 else mixed)
    return (
        f"The score of {listed} responds to other parts as much as to its own: a high one alone"
        " does not tell which part was changed."
    )


def count_aims(rows: Sequence[Row]) -> AimCount:
    """Count the rows with an aim by how they stand."""
    judged = [row for row in rows if row.met is not None]
    met = sum(bool(row.met) for row in judged)
    return AimCount(
        judged=len(judged),
        met=met,
        only_reached=sum(bool(row.reached) for row in judged) - met,
        undecided=sum(bool(row.undecided and row.aim.text) for row in rows),
    )


def _of_aims(rows: Sequence[Row]) -> str:
    count = count_aims(rows)
    if not count.judged and not count.undecided:
        return "No row here has an aim."
    rest = f" ({count.undecided} more cannot be judged)" if count.undecided else ""
    text = f"{count.met} of {count.judged} aims are met{rest}."
    if count.only_reached:
        text += f" Reached, but no better than a control: {count.only_reached}."
    return text


def _of_naming(row: Row) -> str:
    control = row.controls.get(CONSTANT)
    if row.undecided:
        return f"It is open whether the explanation names the changed part: {row.undecided}."
    if control is None or control.value is None or row.figure.low is None:
        return f"The changed part comes first in {row.figure.value:.3f} of the fakes."
    how = "not clearly more often"
    if row.figure.low > control.value:
        how = "more often"
    elif row.figure.high is not None and row.figure.high < control.value:
        how = "less often"
    return f"The explanation names the changed part {how} than always naming the same part does."
