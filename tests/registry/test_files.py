from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.errors import ConfigError, DataError
from registry.files import cache_dir, cache_or_scratch, expanded, read_json, write_text


def test_bench_cache_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "kept"))
    assert cache_dir() == tmp_path / "kept"


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", "~/kept")
    assert cache_dir() == Path.home() / "kept"


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "XDG_CACHE_HOME", "there/lesb-plugin"),
        ("linux", None, ".cache/lesb-plugin"),
        ("darwin", None, "Library/Caches/lesb-plugin"),
        ("win32", "LOCALAPPDATA", "there/lesb-plugin"),
        ("win32", None, "AppData/Local/lesb-plugin"),
    ],
)
def test_otherwise_it_is_in_the_platforms_cache(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    platform: str,
    variable: str | None,
    expected: str,
) -> None:
    for name in ("BENCH_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / "there"))
    assert cache_dir() == tmp_path / expected


def test_a_user_without_a_home_is_told_to_name_a_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BENCH_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(*_: object) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.setattr(Path, "expanduser", nobody)
    with pytest.raises(ConfigError, match=r"no cache folder.*set BENCH_CACHE"):
        cache_dir()
    assert expanded("~nobody/x") == Path("~nobody/x")


def test_without_a_cache_there_is_a_temporary_folder_and_one_note(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "file" / "cache"))
    folder = cache_or_scratch()
    assert folder.is_dir()
    assert cache_or_scratch() == folder
    err = capsys.readouterr().err
    assert err.count("note: nothing is stored for later runs") == 1
    assert "set BENCH_CACHE" in err


def test_json_of_any_kind_is_read_or_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": [1]}')
    assert read_json(path) == {"a": [1]}
    for content in (b"[" * 200_000, b"{", b"\xff\xfe", b"1" * 5000, b""):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"cannot read .*a\.json"):
            read_json(path)


def test_a_name_that_is_not_utf_8_is_written_as_escapes(tmp_path: Path) -> None:
    write_text(tmp_path / "page.html", f"<p>{os.fsdecode(b'bad' + bytes([255]))}</p>")
    assert (tmp_path / "page.html").read_bytes() == b"<p>bad\\udcff</p>"
