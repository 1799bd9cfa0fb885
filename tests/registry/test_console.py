"""Tables and lines on the terminal, flags made of dataclasses."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

import pytest

from registry.cli.flags import add_option_flags
from registry.console import numbered_steps, print_records, print_table, progress, table_text
from registry.errors import PluginError

ROWS = [("eyes", "12.5", "a long [sentence] :smile: about the eyes"), ("mouth", "-3", "short")]


def test_a_table_without_a_width_keeps_every_cell_on_one_line() -> None:
    lines = table_text("angles", ("part", "degrees", "what"), ROWS).splitlines()
    assert lines[0] == "angles"
    assert lines[3] == "eyes       12.5   a long [sentence] :smile: about the eyes"
    assert lines[4] == "mouth        -3   short"


def test_a_table_for_a_terminal_wraps_and_loses_nothing() -> None:
    lines = table_text("", ("part", "degrees", "what"), ROWS, width=40).splitlines()
    assert max(map(len, lines)) <= 40
    words = " ".join(lines).split()
    assert all(word in words for row in ROWS for cell in row for word in cell.split())


WIDE = ("part", "aim", "value", "by random parts", "by shuffled parts", "by a constant part")
NUMBERS = [
    ("part singled out is the changed one", "more than random", "0.812 to 0.934", *["0.125"] * 3),
    ("eyes", "-", "0.500 to 0.622", "-", "0.250", "0.375"),
]  # fmt: skip


def test_columns_for_which_a_terminal_has_no_room_follow_below_and_nothing_is_cut() -> None:
    whole = table_text("", WIDE, NUMBERS).split()
    for width in (30, 40, 60, 80, 100):
        lines = table_text("", WIDE, NUMBERS, width=width).splitlines()
        assert max(map(len, lines)) <= width
        assert not any("…" in line for line in lines)
        assert any("0.812 to 0.934" in line for line in lines)  # numbers are not wrapped
        words = " ".join(lines).split()
        assert set(whole) - {word for word in whole if "─" in word} <= set(words)
        assert words.count("0.125") == 3
    headed = [
        line for line in table_text("", WIDE, NUMBERS, width=60).splitlines() if "part " in line
    ]
    assert sum(line.startswith("part ") for line in headed) > 1  # what a row is stands there again


def test_the_widest_texts_give_way_first_and_a_word_that_is_too_long_is_broken() -> None:
    row = ("eyes", "https://example.org/" + "a" * 60, "a sentence of some length, longer than most")
    lines = table_text("", ("part", "where", "what"), [row], width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].startswith("eyes   https://example.org/")
    assert "…" not in "".join(lines)
    assert "".join(lines).count("a" * 10) >= 4


def test_a_terminal_is_fitted_and_a_pipe_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    print_table("", WIDE, NUMBERS)
    assert capsys.readouterr().out == table_text("", WIDE, NUMBERS) + "\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_table("", WIDE, NUMBERS)
    assert capsys.readouterr().out == table_text("", WIDE, NUMBERS, width=60) + "\n"


def test_a_table_may_be_empty(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("nothing", ("a", "b"), [])
    assert "nothing\na   b" in capsys.readouterr().out


def test_progress_yields_what_it_is_given_and_can_be_quiet(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(progress([1, 2], "count", quiet=True)) == [1, 2]
    assert capsys.readouterr().err == ""
    assert list(progress(iter([1, 2]), "count")) == [1, 2]
    assert "count" in capsys.readouterr().err


def test_an_option_that_takes_the_name_of_a_flag_is_the_plugins_fault() -> None:
    @dataclass(frozen=True)
    class Options:
        seed: int = 0

    parser = argparse.ArgumentParser(prog="bench eval")
    parser.add_argument("--seed")
    with pytest.raises(PluginError, match="an option of mine has the name of a flag that `bench"):
        add_option_flags(parser, "mine", Options)


def test_records_are_a_table_on_a_terminal_and_lines_of_values_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("a", "a summary"), ("b\tc", "d")]
    print_records(("name", "summary"), rows)
    assert capsys.readouterr().out == "name\tsummary\na\ta summary\nb\\tc\td\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    print_records(("name", "summary"), rows)
    assert "a      a summary" in capsys.readouterr().out


def test_bars_of_a_work_in_steps_are_numbered_and_others_are_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with numbered_steps("the fit", ["faces", "heads"]):
        for label in ("faces", "heads", "something else"):
            list(progress([1], label))
    list(progress([1], "heads"))
    err = capsys.readouterr().err
    assert err.startswith("the fit has 2 steps: faces, heads\n")
    bars = ["1 of 2: faces:", "2 of 2: heads:", "something else:", "heads:"]
    lines = err.replace("\r", "\n").splitlines()
    assert [line.split(" 100%")[0] for line in lines if "100%" in line] == bars
    with numbered_steps("the fit", ["faces"], quiet=True):
        list(progress([1], "faces", quiet=True))
    assert capsys.readouterr().err == ""


_ABOVE_A_BAR = """
from registry.console import progress_bar, say_above_bar
from registry.streams import own_output
with own_output(), progress_bar("lesb", total=2, unit="frame", quiet=False) as advance:
    advance(1)
    say_above_bar("clip.mp4  AUTHENTIC")
    advance(1)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals")
def test_a_line_above_a_bar_does_not_run_into_it() -> None:
    import pty
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen(
        [sys.executable, "-c", _ABOVE_A_BAR], stdout=theirs, stderr=theirs, stdin=theirs
    ) as process:
        os.close(theirs)
        written = b""
        with suppress(OSError):  # Linux says so when the other side is closed
            while piece := os.read(ours, 65536):
                written += piece
    assert process.returncode == 0
    before, _, _ = written.decode().partition("clip.mp4  AUTHENTIC")
    assert "0/2" in before
    assert not before.rpartition("\r")[2].strip()  # what is left of the bar in this line


_ANSWERS = """
from registry.console import progress_bar, say_above_bar, tell
with progress_bar("faces", total=3) as advance:
    for name in ("one", "two"):
        say_above_bar(f"answer {name}")
        advance(1)
    tell("note: a note")
"""


def test_answers_and_notes_have_lines_of_their_own_where_a_pipe_carries_bars_too() -> None:
    line = [sys.executable, "-c", _ANSWERS]
    joined = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True)
    lines = joined.stdout.decode().split("\n")
    assert [each for each in lines if "answer" in each] == ["answer one", "answer two"]
    assert "note: a note" in lines
    assert sum("faces:" in each for each in lines) >= 2  # before the first answer, and at the end
    assert lines[-1] == ""


def test_a_bar_in_a_log_of_its_own_is_not_broken_by_answers() -> None:
    answers = _ANSWERS.replace('tell("note: a note")', "pass")
    apart = subprocess.run([sys.executable, "-c", answers], capture_output=True, check=True)
    assert apart.stdout.decode() == "answer one\nanswer two\n"
    assert apart.stderr.decode().count("\n") == 1
