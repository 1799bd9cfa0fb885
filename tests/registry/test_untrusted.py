"""Names that strangers chose steer no terminal, no browser and no spreadsheet."""

from __future__ import annotations

import pytest

from registry.console import table_text
from registry.untrusted import csv_cell, markdown_cell, one_line, visible

NAME = "a\x1b[2Jb\u202ec\rd\ne\x9b1m"


def test_control_characters_and_marks_of_direction_are_escapes() -> None:
    assert visible(NAME) == "a\\x1b[2Jb\\u202ec\\rd\ne\\x9b1m"
    assert one_line(NAME) == "a\\x1b[2Jb\\u202ec\\rd\\ne\\x9b1m"
    table = table_text("", ("name", "n"), [(NAME, "1")])
    assert table.splitlines()[-1].startswith("a\\x1b[2Jb\\u202ec\\rd\\ne\\x9b1m")


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
