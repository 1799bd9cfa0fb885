"""Tables as spreadsheet programs save them: the error's own command makes them readable."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

from registry.builtin.datasets.manifest import manifest_videos
from registry.builtin.datasets.path_lists import path_list_videos
from registry.data.text_tables import check_columns, reading_table
from registry.errors import DataError
from tests.shared.data_requests import ids, request

ROWS = [["path", "label", "method"], ["Zoë, 1.png", "0", ""], ["b.png", "1", "für"]]


def saved(path: Path, separator: str, encoding: str, rows: list[list[str]] = ROWS) -> Path:
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=separator).writerows(rows)
    return path


def fault(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        manifest_videos(request(path))
    return str(caught.value)


@pytest.mark.parametrize(
    ("separator", "encoding", "found"),
    [
        (",", "cp1252", "Windows-1252 (Latin-1), in which line 2 reads '\"Zoë, 1.png\",0,'"),
        (";", "cp1252", "Windows-1252 (Latin-1), in which line 2 reads 'Zoë, 1.png;0;'"),
        (";", "utf-8", "separates its columns by semicolons, not by commas"),
        (";", "utf-8-sig", "separates its columns by semicolons, not by commas"),
        ("\t", "utf-8", "separates its columns by tabs, not by commas"),
        ("|", "utf-8", "separates its columns by vertical bars, not by commas"),
        ("\t", "utf-16", "is in UTF-16, not in UTF-8"),
        (",", "utf-16", "is in UTF-16, not in UTF-8"),
    ],
)
def test_the_command_that_an_error_names_makes_the_manifest_readable(
    tmp_path: Path, separator: str, encoding: str, found: str
) -> None:
    message = fault(saved(tmp_path / "mine.csv", separator, encoding))
    assert found in message
    command = re.search(r'run python -c "(.*)"$', message)
    assert command is not None, message
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    subprocess.run([sys.executable, "-c", command[1]], cwd=elsewhere, check=True, timeout=60)
    videos = manifest_videos(request(tmp_path / "mine_utf8.csv"))
    assert ids(videos) == ["Zoë, 1", "b"]
    assert [video.method for video in videos] == ["", "für"]


def test_a_name_with_a_semicolon_does_not_pass_for_a_separator(tmp_path: Path) -> None:
    rows = [["path", "labels;of"], ["a.png", "0"]]
    assert "has no column 'label'" in fault(saved(tmp_path / "a.csv", ",", "utf-8", rows))
    rows = [["file;label"], ["a.png;0"]]
    assert "has no column 'path'" in fault(saved(tmp_path / "b.csv", ",", "utf-8", rows))


def test_a_header_with_every_column_passes() -> None:
    check_columns(Path("a.csv"), ("path", "label"), ["label", "other;one", "path"])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"PK\x03\x04\x14\0\x06\0\xff", "it is not text but an Excel workbook or another ZIP file"),
        (b"\x1f\x8b\x08\0", "it is not text but gzip"),
        (b"path,label\n\x90\x81,0\n", "not text in UTF-8, UTF-16 or Windows-1252"),
    ],
)
def test_what_is_no_text_is_named(tmp_path: Path, data: bytes, kind: str) -> None:
    (tmp_path / "manifest.csv").write_bytes(data)
    message = fault(tmp_path / "manifest.csv")
    assert message.startswith(f"cannot read manifest {tmp_path / 'manifest.csv'}: it is")
    assert kind in message
    assert "python -c" not in message


def test_a_list_of_paths_says_its_encoding_too(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_bytes("a.png\nZoë.png\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"Windows-1252 \(Latin-1\), in which line 2 .*'Zoë.png'"):
        path_list_videos(request(tmp_path))


def test_a_table_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"cannot read labels .*No such file"),
        reading_table(tmp_path / "none.csv", "labels "),
    ):
        (tmp_path / "none.csv").read_text(encoding="utf-8")
