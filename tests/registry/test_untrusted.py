"""Names that strangers chose steer no terminal, no browser and no spreadsheet."""

from __future__ import annotations

import os
import pickle

import pytest

from registry.cli import main
from registry.console import table_text
from registry.errors import BenchError, ConfigError, DataError, PluginError
from registry.untrusted import csv_cell, markdown_cell, one_line, visible

NAME = "a\x1b[2Jb\u202ec\rd\ne\x9b1m"


def test_control_characters_and_marks_of_direction_are_escapes() -> None:
    assert visible(NAME) == "a\\x1b[2Jb\\u202ec\\rd\ne\\x9b1m"
    assert one_line(NAME) == "a\\x1b[2Jb\\u202ec\\rd\\ne\\x9b1m"
    table = table_text("", ("name", "n"), [(NAME, "1")])
    assert table.splitlines()[-1].startswith("a\\x1b[2Jb\\u202ec\\rd\\ne\\x9b1m")


def test_bytes_that_are_no_utf_8_are_escapes() -> None:
    name = os.fsdecode(b"bad\xff.png")
    assert visible(name) == one_line(name) == "bad\\udcff.png"


def test_letters_of_all_languages_stay() -> None:
    for text in ("caf\u00e9", "\u4eba", "\u0645\u0631\u062d\u0628\u0627", "\U0001f600"):
        assert one_line(text) == csv_cell(text) == markdown_cell(text) == text


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_of_a_csv_file_is_a_formula(start: str) -> None:
    assert csv_cell(f"{start}cmd|' /C calc'!A0") == f"'{start}cmd|' /C calc'!A0"
    assert csv_cell("a=b") == "a=b"


def test_no_cell_of_a_markdown_table_is_markup() -> None:
    assert markdown_cell("<img src=x onerror=alert(1)>") == "&lt;img src=x onerror=alert(1)&gt;"
    assert markdown_cell("[x](javascript:a)") == "[x]\\(javascript:a)"
    assert markdown_cell("a|b*c`d\\") == "a\\|b\\*c\\`d\\\\"
    assert markdown_cell("a\n| b |") == "a \\| b \\|"


@pytest.mark.parametrize("kind", [BenchError, ConfigError, DataError, PluginError])
def test_a_line_of_an_error_is_one_line_whatever_it_names(kind: type[BenchError]) -> None:
    assert str(kind(f"no {NAME}", "  next")) == "no a\\x1b[2Jb\\u202ec\\rd\\ne\\x9b1m\n  next"
    crossed = pickle.loads(pickle.dumps(kind("a\nb", "c")))  # noqa: S301 - our own bytes
    assert str(crossed) == "a\\nb\nc"


@pytest.mark.parametrize(
    "line",
    [
        ["eval", "--dataset", f"./{NAME}"],
        ["eval", "--config", f"{NAME}.yaml"],
        ["eval", "--detector", NAME],
        ["eval", f"--{NAME}"],
        ["eval", "--set", NAME],
        ["report", NAME],
        ["explain", "--artefact", f"./{NAME}", "x.png"],
        [NAME],
    ],
)
def test_what_was_typed_steers_no_terminal(
    line: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert not any(mark in said for mark in "\x1b\u202e\r\x9b")
