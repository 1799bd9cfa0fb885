"""Rows of an audit in their groups, beside the best control without knowledge of the face."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from lesb_plugin.audit.measures.controls import CONSTANT, ORACLE
from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.page_table import group_of, grouped_table
from lesb_plugin.audit.rows.row import Aim, Row, at_least, at_most
from lesb_plugin.audit.rows.standing import compared_controls


def row(key: str, value: float = 0.5, aim: Aim = Aim(), number: int = 10, **more: object) -> Row:  # noqa: B008
    return Row(key=key, title=f"row {key}", n=number, figure=Figure(value), aim=aim, **more)  # type: ignore[arg-type]


class Found:
    rows = (
        row("cost", 1.02, at_most(1.05)),
        row("right_part.warps", 0.4, at_least(0.6)),
        row("equivariance", 0.9, at_least(0.8)),
        row("restore"),
    )


@pytest.mark.parametrize(
    ("key", "group"),
    [
        ("right_part", "Where"),
        ("localisation.rank", "Where"),
        ("shapley", "Faithful"),
        ("attack.parts_1", "Faithful"),
        ("outside.mass", "Robust"),
        ("cost", "Cost"),
    ],
)
def test_every_row_is_in_the_group_of_its_question(key: str, group: str) -> None:
    assert group_of(row(key)) == group


def test_the_best_control_is_the_one_that_does_best_and_never_the_oracle() -> None:
    controls = {ORACLE: Figure(1.0), "noise": Figure(0.2), "centre": Figure(0.4)}
    assert names_beside(row("right_part", controls=controls)) == ["centre"]
    lower = row("outside.mass", 0.1, controls=controls, higher_is_better=False)
    assert names_beside(lower) == ["noise"]
    assert names_beside(row("cost")) == []


def test_every_control_as_good_as_the_row_stands_beside_it_and_the_one_of_its_aim() -> None:
    controls = {ORACLE: Figure(1.0), "noise": Figure(0.5), "centre": Figure(0.7)}
    controls |= {CONSTANT: Figure(0.3), "edges": Figure(0.4)}
    beats = Aim("beats it", above=CONSTANT)
    given = row("right_part", 0.5, beats, controls=controls)
    assert names_beside(given) == [CONSTANT, "centre", "noise"]
    assert names_beside(replace(given, n=3)) == [CONSTANT, "centre"]
    text = grouped_table(SimpleNamespace(rows=(given,)))  # type: ignore[arg-type]
    assert [text.index(name) for name in (CONSTANT, "centre", "noise")] == sorted(
        text.index(name) for name in (CONSTANT, "centre", "noise")
    )
    assert "edges" not in text


def names_beside(given: Row) -> list[str]:
    return [each.name for each in compared_controls(given)]


def test_an_aim_that_a_control_reaches_too_is_reached_and_not_met() -> None:
    still = row("stability", 0.842, at_least(0.8), controls={"edges": Figure(0.931)})
    text = grouped_table(SimpleNamespace(rows=(still,)))  # type: ignore[arg-type]
    assert ">reached<" in text
    assert ">met<" not in text
    assert "0.931" in text


def test_the_groups_stand_in_order_and_aims_are_met_or_missed() -> None:
    text = grouped_table(Found())  # type: ignore[arg-type]
    places = [text.index(f">{name}</th>") for name in ("Where", "Faithful", "Robust", "Cost")]
    assert places == sorted(places)
    rows = {key: text.partition(f"row {key}<")[2].partition("</tr>")[0]
            for key in ("cost", "right_part.warps", "restore")}  # fmt: skip
    assert ">met<" in rows["cost"]
    assert ">missed<" in rows["right_part.warps"]
    assert "chip" not in rows["restore"]


def test_a_row_of_few_fakes_is_neither_met_nor_missed() -> None:
    few = row("right_part", aim=at_least(0.1), number=9, controls={CONSTANT: Figure(0.3)})
    text = grouped_table(SimpleNamespace(rows=(few,)))  # type: ignore[arg-type]
    assert ">cannot tell<" in text
    assert ">met<" not in text
