"""What is said below the tables of an audit agrees with them."""

from __future__ import annotations

import numpy as np
import pytest

from lesb_plugin.audit.findings import of_matrix, of_rows
from lesb_plugin.audit.measures.controls import CONSTANT
from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.rows.row import Aim, Row, at_least, at_most


def _row(key: str, figure: Figure, aim: Aim, control: float | None = None) -> Row:
    controls = {} if control is None else {CONSTANT: Figure(control)}
    return Row(key=key, title=key, n=10, figure=figure, aim=aim, controls=controls)


@pytest.mark.parametrize(("low", "how"), [(0.5, "more often"), (0.3, "not clearly more often")])
def test_aims_are_counted_and_naming_is_beside_always_the_same_part(low: float, how: str) -> None:
    rows = [
        _row("right_part", Figure(0.6, low, 0.8), at_least(0.5), 1 / 3),
        _row("cost", Figure(2.0), at_most(1.05)),
        _row("stability", Figure(0.9), Aim()),
    ]
    said = of_rows(rows)
    assert said.startswith("1 of 2 aims are met. The explanation names the changed part ")
    assert f"part {how} than always" in said


def test_rows_without_an_aim_say_so() -> None:
    assert of_rows([_row("stability", Figure(0.9), Aim())]) == "No row here has an aim."


def test_a_score_that_rises_for_other_parts_is_named() -> None:
    clear = np.array([[0.9, 0.6, 0.5], [0.5, 0.8, 0.6], [0.6, 0.5, 0.9]])
    names = ("eyes", "nose", "mouth")
    assert of_matrix(names, clear).startswith("Every part's score responds most")
    clear[0, 2] = 0.9
    assert of_matrix(names, clear).startswith("The score of eyes responds to other parts as much")
    clear[1] = np.nan
    assert of_matrix(names, clear).startswith("The score of eyes and nose responds")
