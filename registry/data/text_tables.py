"""Say what is wrong with a table in a text file, and how to save it as UTF-8 with commas."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from registry.errors import DataError, did_you_mean

__all__ = ["check_columns", "reading_table"]

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_MARKS = (b"\xff\xfe", b"\xfe\xff")  # of UTF-16, at the start of a file
_NO_TEXT = {b"PK\x03\x04": "an Excel workbook or another ZIP file", b"\x1f\x8b": "gzip"}
_UTF16 = "utf-16"
_WESTERN = "cp1252"  # what Windows saves in western Europe: Latin-1 and a few more characters
_AROUND = 20  # characters to show before and after one that is not UTF-8


@contextmanager
def reading_table(path: Path, what: str = "") -> Iterator[None]:
    """Turn errors of opening and decoding a CSV or a list into a DataError with the way out."""
    try:
        yield
    except UnicodeDecodeError:
        raise DataError(f"cannot read {what}{path}: {_not_utf8(path)}") from None
    except (OSError, csv.Error) as error:
        raise DataError(f"cannot read {what}{path}: {error}") from None


def check_columns(path: Path, required: Sequence[str], header: Sequence[str]) -> None:
    """Raise a DataError if a header lacks required columns.

    Where they are all there, but separated by something else than commas, it says by what.
    """
    missing = [name for name in required if name not in header]
    if not missing:
        return
    line = ",".join(header)
    separator = _separator(line)
    if separator != "," and set(required) <= {cell.strip(' "') for cell in line.split(separator)}:
        raise DataError(
            f"{path} separates its columns by {_SEPARATORS[separator]}, not by commas;"
            f" {_rewrite(path, 'utf-8-sig', separator)}"
        )
    raise DataError(
        f"{path} has no column {', '.join(map(repr, missing))};"
        f"{did_you_mean(missing[0], header)} columns: {', '.join(header) or 'none'}"
    )


def _not_utf8(path: Path) -> str:
    """Return why a file does not decode as UTF-8, and what to do; it is read again for that."""
    data = path.read_bytes()
    if kind := next((_NO_TEXT[mark] for mark in _NO_TEXT if data.startswith(mark)), ""):
        return f"it is not text but {kind}; save it as text in UTF-8"
    encoding = _UTF16 if data.startswith(_MARKS) else _WESTERN
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        known = "UTF-8, UTF-16 or Windows-1252 (Latin-1)"
        return f"it is not text in {known}; save it in UTF-8 with the program that wrote it"
    found = "is in UTF-16, not in UTF-8"
    if encoding == _WESTERN:
        found = "is not in UTF-8 but seems to be in Windows-1252 (Latin-1)," + _first_odd(text)
    return f"it {found}; {_rewrite(path, encoding, _separator(text.partition(chr(10))[0]))}"


def _separator(line: str) -> str:
    """Return what separates the columns of a header; a comma where nothing else does."""
    return next((each for each in _SEPARATORS if each in line and "," not in line), ",")


def _first_odd(text: str) -> str:
    """Say where the first character is that is not ASCII, and what is around it."""
    at = next(index for index, character in enumerate(text) if not character.isascii())
    number = text.count("\n", 0, at) + 1
    start = max(text.rfind("\n", 0, at) + 1, at - _AROUND)
    return f" in which line {number} reads {text[start : at + _AROUND].splitlines()[0]!r}"


def _rewrite(path: Path, encoding: str, separator: str) -> str:
    """Return what to do, with a command that writes the text again as it must be.

    The new file lies beside the old one, as paths in it are relative to its folder.
    """
    target = str(path.with_name(f"{path.stem}_utf8{path.suffix}"))
    new = f"open({target!r}, 'w', encoding='utf-8', newline='')"
    old = f"open({str(path)!r}, encoding={encoding!r}, newline='')"
    if separator == ",":
        return f'save it again in UTF-8, or run python -c "{new}.write({old}.read())"'
    rows = f"csv.reader({old}, delimiter={separator!r})"
    return (
        "save it again in UTF-8 with commas, or run"
        f' python -c "import csv; csv.writer({new}).writerows({rows})"'
    )
