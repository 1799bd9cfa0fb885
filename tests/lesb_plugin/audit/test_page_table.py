"""Rows of an audit in their groups, beside the best control without knowledge of the face."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lesb_plugin.audit.measures.controls import CONSTANT, ORACLE
from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.page_table import group_of, grouped_table
from lesb_plugin.audit.rows.row import Aim, Row, at_least, at_most, best_control


def row(key: str, value: float = 0.5, aim: Aim = Aim(), **more: object) -> Row:  # noqa: B008
    return Row(key=key, title=f"row {key}", n=9, figure=Figure(value), aim=aim, **more)  # type: ignore[arg-type]


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
    found = best_control(row("right_part", controls=controls))
    assert found == ("centre", controls["centre"])
    found = best_control(row("outside.mass", controls=controls, higher_is_better=False))
    assert found == ("noise", controls["noise"])
    assert best_control(row("cost")) is None


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
    few = row("right_part", aim=at_least(0.1), controls={CONSTANT: Figure(0.3)})
    text = grouped_table(SimpleNamespace(rows=(few,)))  # type: ignore[arg-type]
    assert ">cannot tell<" in text
    assert ">met<" not in text
