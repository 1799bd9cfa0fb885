from __future__ import annotations

from pathlib import Path

import pytest

from registry.files import cache_dir


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
