"""The table of an audit in the terminal: narrow, each row above what it is compared with."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lesb_plugin.audit.measures.controls import CONSTANT, ORACLE, SUBSPACES
from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.rows.row import Aim, Row, at_least, at_most
from lesb_plugin.audit.rows.standing import called_out, standing
from lesb_plugin.audit.table import print_audit

CONTROLS = {
    ORACLE: Figure(1.0, 1.0, 1.0),
    "random": Figure(0.4, 0.3, 0.5),
    CONSTANT: Figure(0.333, 0.333, 0.333),
    SUBSPACES: Figure(0.2, 0.1, 0.25),
}
BEATS = Aim(f"beats {CONSTANT}", above=CONSTANT)


def row(title: str, figure: Figure, aim: Aim, controls: dict[str, Figure], **more: Any) -> Row:
    return Row(key="a", title=title, n=18, figure=figure, aim=aim, controls=controls, **more)


ROWS = (
    row("right part first", Figure(0.411, 0.233, 0.572), BEATS, CONTROLS),
    row("selectivity: that AUC minus other parts' AUC", Figure(0.7, 0.6, 0.8), at_least(0.5),
        CONTROLS),
    row("reals in which a part is singled out", Figure(0.0, 0.0, 0.459), Aim(), {}),
)  # fmt: skip


def lines(rows: tuple[Row, ...], capsys: pytest.CaptureFixture[str]) -> list[str]:
    settings = SimpleNamespace(
        detector="lesb", backbone="sbi_efflite0", explainer=None, make_edits=False
    )
    audit: Any = SimpleNamespace(
        config=settings,
        rows=rows,
        found=SimpleNamespace(real=np.array([True, False]), names=("eyes",)),
        matrix=None,
        called_out=("a sentence on controls that the table does not show",),
        notes=("of few faces",),
        summary="",
    )
    print_audit(audit)
    return capsys.readouterr().out.splitlines()


def test_controls_stand_below_their_row_with_what_they_are_compared_by(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed = lines(ROWS, capsys)
    table = [" ".join(line.split()) for line in printed[3:9]]
    assert table == [
        "right part first 18 0.411 0.233 to 0.572 beats constant part no",
        "constant part 0.333 0.333 to 0.333 not clearly beaten",
        "random 0.400 0.300 to 0.500 not clearly beaten",
        "selectivity: that AUC minus other parts' AUC 18 0.700 0.600 to 0.800 >= 0.5 yes",
        "random 0.400 0.300 to 0.500 beaten",
        "reals in which a part is singled out 18 0.000 0.000 to 0.459 - -",
    ]
    assert max(map(len, printed[1:9])) <= 120  # in a pipe, where nothing wraps
    said = "\n".join(printed)
    assert ORACLE not in said
    assert SUBSPACES not in said
    assert "does not show" not in said
    assert "note: of few faces" in said


def test_at_80_columns_the_table_is_one_block(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.console.terminal_width", lambda _=None: 80)
    reached = replace(ROWS[1], controls={"edges of the image": Figure(0.931, 0.92, 0.94)})
    printed = lines((*ROWS, reached), capsys)
    assert any("reached" in line for line in printed[1:])
    table = printed[1 : printed.index(next(line for line in printed if "Indented" in line))]
    assert max(map(len, table)) <= 80
    assert sum(line.startswith("row ") for line in table) == 1


def test_a_row_that_cannot_tell_has_a_question_mark_and_calls_no_control_beaten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    few = replace(ROWS[0], n=3, figure=Figure(1.0, 1.0, 1.0))
    table = [" ".join(line.split()) for line in lines((few,), capsys)[3:6]]
    assert table[0].endswith(f"1.000 to 1.000 {BEATS.text} ?")
    assert all(line.endswith("cannot tell") for line in table[1:])
    assert called_out(few) == ""


def test_a_control_that_is_better_keeps_a_reached_aim_from_being_met(
    capsys: pytest.CaptureFixture[str],
) -> None:
    controls = {"edges": Figure(0.931, 0.92, 0.94), "noise": Figure(0.1, 0.0, 0.2)}
    still = row("stability", Figure(0.842, 0.83, 0.86), at_least(0.8), controls)
    printed = lines((still,), capsys)
    table = [" ".join(line.split()) for line in printed[3:5]]
    assert table[0].endswith(">= 0.8 reached")
    assert table[1] == "edges 0.931 0.920 to 0.940 better"
    assert "0 of 1 aims are met. Reached, but no better than a control: 1." in printed


def test_more_decimals_are_printed_where_they_decide(capsys: pytest.CaptureFixture[str]) -> None:
    slow = replace(row("cost", Figure(1.0504), at_most(1.05), {}), n=0)
    assert "1.0504" in lines((slow,), capsys)[3]


def test_rows_without_controls_need_no_words_on_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Indented" not in "\n".join(lines(ROWS[2:], capsys))


@pytest.mark.parametrize(
    ("control", "aim", "lower", "how"),
    [
        (Figure(0.1, 0.0, 0.2), Aim(), False, "beaten"),
        (Figure(0.4, 0.2, 0.5), Aim(), False, "not clearly beaten"),
        (Figure(0.6, 0.4, 0.8), Aim(), False, "not beaten"),
        (Figure(0.9, 0.8, 1.0), Aim(), False, "better"),
        (Figure(0.9, 0.8, 1.0), Aim(), True, "beaten"),
        (Figure(0.3, 0.1, 0.5), Aim("beats it", above="it"), False, "beaten"),
        (Figure(), Aim(), False, ""),
    ],
)
def test_how_a_control_stands(control: Figure, aim: Aim, lower: bool, how: str) -> None:
    figure = Figure(0.5, 0.4, 0.6)
    each = row("any", figure, aim, {"it": control}, higher_is_better=not lower)
    assert standing(each, "it") == how


def test_a_row_without_an_interval_says_nothing_of_its_controls() -> None:
    assert standing(row("any", Figure(0.5), BEATS, CONTROLS), CONSTANT) == ""
