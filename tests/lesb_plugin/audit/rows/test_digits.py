"""Numbers are printed with the decimals that decide."""

from __future__ import annotations

import pytest

from lesb_plugin.audit.measures.controls import CONSTANT
from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.rows.digits import digits_of, interval_text, number
from lesb_plugin.audit.rows.row import Aim, Row, at_least, at_most

BEATS = Aim(f"beats {CONSTANT}", above=CONSTANT)


def row(figure: Figure, aim: Aim, control: float | None = None) -> Row:
    controls = {} if control is None else {CONSTANT: Figure(control)}
    return Row(key="a", title="a", n=50, figure=figure, aim=aim, controls=controls)


@pytest.mark.parametrize(
    ("given", "digits", "text"),
    [
        (row(Figure(1.05), at_most(1.05)), 3, "1.050"),
        (row(Figure(1.2), at_most(1.05)), 3, "1.200"),
        (row(Figure(1.0504), at_most(1.05)), 4, "1.0504"),
        (row(Figure(1.05004), at_most(1.05)), 5, "1.05004"),
        (row(Figure(0.79996), at_least(0.8)), 5, "0.79996"),
        (row(Figure(0.8 - 1e-16), at_least(0.8)), 3, "0.800"),  # a sum of floats
        (row(Figure(0.9, 0.33336, 1.0), BEATS, 1 / 3), 4, "0.9000"),
        (row(Figure(0.84204), at_least(0.8), 0.84199), 5, "0.84204"),
        (row(Figure(0.842), at_least(0.8), 0.842), 3, "0.842"),
    ],
)
def test_rounding_never_hides_on_which_side_of_an_aim_or_control_a_figure_is(
    given: Row, digits: int, text: str
) -> None:
    assert digits_of(given) == digits
    assert number(given.figure.value, digits) == text


def test_a_sum_of_floats_that_is_off_by_nothing_reaches_its_aim() -> None:
    assert row(Figure(0.8 - 1e-16), at_least(0.8)).met is True
    assert row(Figure(1.05 + 1e-15), at_most(1.05)).met is True


def test_an_interval_is_printed_with_the_same_decimals() -> None:
    assert interval_text(Figure(0.5, 0.33336, 0.7), 5) == "0.33336 to 0.70000"
    assert interval_text(Figure(0.5)) == "-"
