"""What is said below the tables of an audit agrees with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lesb_plugin.audit.findings import AimCount, count_aims, of_matrix, of_rows
from lesb_plugin.audit.measures.controls import CONSTANT, ORACLE
from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.rows.row import Aim, Row, at_least, at_most, rarely, undecided


def _row(key: str, figure: Figure, aim: Aim, control: float | None = None) -> Row:
    controls = {} if control is None else {CONSTANT: Figure(control)}
    return Row(key=key, title=key, n=10, figure=figure, aim=aim, controls=controls)


@pytest.mark.parametrize(
    ("figure", "how"),
    [
        (Figure(0.6, 0.5, 0.8), "more often"),
        (Figure(0.6, 0.3, 0.8), "not clearly more often"),
        (Figure(0.2, 0.1, 0.3), "less often"),
    ],
)
def test_aims_are_counted_and_naming_is_beside_always_the_same_part(
    figure: Figure, how: str
) -> None:
    rows = [
        _row("right_part", figure, at_least(0.5), 1 / 3),
        _row("cost", Figure(2.0), at_most(1.05)),
        _row("stability", Figure(0.9), Aim()),
    ]
    said = of_rows(rows)
    met = 1 if figure.value == 0.6 else 0
    assert said.startswith(f"{met} of 2 aims are met. The explanation names the changed part ")
    assert f"part {how} than always" in said


@pytest.mark.parametrize(
    ("row", "met", "as_good"),
    [
        (_row("stability", Figure(0.842), at_least(0.8), 0.931), False, [CONSTANT]),
        (_row("stability", Figure(0.842), at_least(0.8), 0.842), False, [CONSTANT]),
        (_row("stability", Figure(0.842), at_least(0.8), 0.841), True, None),
        (replace(_row("same", Figure(0.2), at_most(0.3), 0.1), higher_is_better=False), False,
         [CONSTANT]),
        (replace(_row("same", Figure(0.2), at_most(0.3), 0.3), higher_is_better=False), True, None),
        (_row("missed", Figure(0.7), at_least(0.8), 0.931), False, None),
    ],
)  # fmt: skip
def test_an_aim_is_not_met_where_a_control_does_as_well(
    row: Row, met: bool, as_good: list[str] | None
) -> None:
    """A map that never changes is perfectly stable: to be stable shows nothing by itself."""
    plain = row.to_json()
    assert (plain["met"], plain.get("as_good")) == (met, as_good)
    assert plain["reached"] is (row.key != "missed")
    knowing = replace(row, controls={ORACLE: Figure(0.0 if row.key == "same" else 1.0)})
    assert knowing.met is plain["reached"]  # an oracle is no reason to doubt


def test_aims_that_are_only_reached_are_counted_by_themselves() -> None:
    rows = [
        _row("stability", Figure(0.842), at_least(0.8), 0.931),
        _row("equivariance", Figure(0.9), at_least(0.8), 0.1),
        _row("restore", Figure(0.5), at_least(0.8), 0.1),
        replace(_row("reports.real", Figure(0.0, 0.0, 0.522), rarely(0.05)), n=5),
    ]
    assert of_rows(rows) == (
        "1 of 3 aims are met (1 more cannot be judged). Reached, but no better than a control: 1."
    )
    assert count_aims(rows) == AimCount(judged=3, met=1, only_reached=1, undecided=1)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (replace(_row("restore", Figure(0.9), at_least(0.8)), n=9),
         "9 faces are too few (at least 10)"),
        (replace(_row("restore", Figure(0.9), at_least(0.8)), people=4),
         "faces of 4 people are too few (at least 5)"),
        (replace(_row("restore", Figure(0.9), at_least(0.8)), people=1),
         "faces of 1 person are too few (at least 5)"),
        (replace(_row("auc", Figure(0.9), at_least(0.8)), each_part=[(10, 5), (9, 7)]),
         "a part has only 9 fakes of 7 people (at least 10, of 5 people)"),
        (replace(_row("auc", Figure(0.9), at_least(0.8)), each_part=[(12, 1), (11, 9)]),
         "a part has only 12 fakes of 1 person (at least 10, of 5 people)"),
        (replace(_row("auc", Figure(0.9), at_least(0.8)), each_part=[(10, 5)]), ""),
        (replace(_row("reports.real", Figure(0.0), rarely(0.05)), n=19),
         "19 faces are too few (at least 20)"),
        (replace(_row("reports.real", Figure(0.0), rarely(0.05)), n=20), ""),
        (replace(_row("moved", Figure(0.9), Aim(), 0.1), n=9), "9 faces are too few (at least 10)"),
        (replace(_row("nothing to compare", Figure(0.9), Aim()), n=9), ""),
    ],
)  # fmt: skip
def test_thresholds_are_not_judged_on_few_faces_or_people(row: Row, why: str) -> None:
    assert row.undecided == why
    assert (row.met is None) is bool(why or not row.aim.text)


ALWAYS = "always naming the same part is right in every one of these fakes"
BEATS = Aim(f"beats {CONSTANT}", above=CONSTANT)


def test_few_fakes_and_fakes_of_one_part_decide_nothing() -> None:
    """Three of three right have an interval of no width above a third, which shows nothing."""
    sure, third = Figure(1.0, 1.0, 1.0), {CONSTANT: Figure(1 / 3)}
    few = Row(key="right_part", title="few", n=3, figure=sure, aim=BEATS, controls=third)
    one_part = replace(few, title="one part", n=50, controls={CONSTANT: Figure(1.0)})
    one_person = replace(few, title="one family", n=50, people=2)
    enough = replace(few, title="enough", n=10, people=5)
    assert [row.met for row in (few, one_part, one_person, enough)] == [None, None, None, True]
    assert undecided([few, replace(few, title="also"), one_part, one_person, enough]) == [
        "Cannot tell, as 3 faces are too few (at least 10): few; also.",
        f"Cannot tell, as {ALWAYS}: one part.",
        "Cannot tell, as faces of 2 people are too few (at least 5): one family.",
    ]
    said = of_rows([few, enough])
    assert said.startswith("1 of 1 aims are met (1 more cannot be judged). It is open whether")
    assert said.endswith("names the changed part: 3 faces are too few (at least 10).")
    assert few.to_json()["undecided"] == "3 faces are too few (at least 10)"
    assert few.to_json()["met"] is None
    assert "undecided" not in enough.to_json()


def test_an_aim_that_no_control_is_named_for_is_open_too_where_one_part_was_changed() -> None:
    row = _row("right_part.transplants", Figure(0.9, 0.8, 1.0), at_least(0.8), 1.0)
    assert row.met is None
    assert replace(row, controls={CONSTANT: Figure(0.4)}).met is True


def test_rows_of_something_else_than_parts_are_judged_by_any_number() -> None:
    assert replace(_row("cost", Figure(1.0), at_most(1.05)), n=0).met is True


def test_rows_without_an_aim_say_so() -> None:
    assert of_rows([_row("stability", Figure(0.9), Aim())]) == "No row here has an aim."


def test_a_score_that_rises_for_other_parts_is_named() -> None:
    many = [(10, 5)] * 3
    clear = np.array([[0.9, 0.6, 0.5], [0.5, 0.8, 0.6], [0.6, 0.5, 0.9]])
    names = ("eyes", "nose", "mouth")
    assert of_matrix(names, clear, many).startswith("Every part's score responds most")
    for few in ((9, 9), (10, 4), (0, 0)):
        said = of_matrix(names, clear, [(10, 5), few, (10, 5)])
        assert said.endswith(f"5 people): nose {few[0]}, of {few[1]} people.")
        assert "responds most" not in said
    clear[0, 2] = 0.9
    assert of_matrix(names, clear, many).startswith(
        "The score of eyes responds to other parts as much"
    )
    clear[1] = np.nan
    assert "show where" not in of_matrix(names, clear, many)  # an explanation may, all in all
    assert of_matrix(names, clear, many).startswith("The score of eyes and nose responds")
