"""Tables and lines on the terminal, flags made of dataclasses."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import pytest

from registry.console import print_table, progress, table_text
from registry.errors import PluginError
from registry.flags import add_option_flags

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
    with pytest.raises(PluginError, match="an option of mine takes the name of a flag that `bench"):
        add_option_flags(parser, "mine", Options)
