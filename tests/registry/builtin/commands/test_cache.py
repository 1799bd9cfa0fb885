"""`bench cache`: sizes by kind, room made, and nothing deleted that is not the cache's own."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from registry.cli import main


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of three kinds, weights, and somebody's own file; used in this order."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    files = {"embeddings/a.npz": 1000, "embeddings/b.npz": 2000, "toy-3/x/1.png": 500}
    files |= {"weights/own.pth": 700, "thesis.txt": 50}
    for at, (name, size) in enumerate(files.items()):
        path = tmp_path / "cache" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        os.utime(path, (86400 * at, 86400 * at))
    return tmp_path / "cache"


def there(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def answer(capsys: pytest.CaptureFixture[str], *argv: str) -> dict[str, object]:
    assert main(["cache", *argv, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_sizes_are_listed_by_kind(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = answer(capsys, "size")
    assert (found["bytes"], found["limit"]) == (4200, 50 * 10**9)
    kinds = {each["kind"]: each for each in found["kinds"]}  # type: ignore[attr-defined]
    assert kinds["embeddings"] == {
        "kind": "embeddings", "files": 2, "bytes": 3000, "used": "1970-01-02 00:00"
    }  # fmt: skip
    assert kinds["toy"]["bytes"] == 500
    main(["cache", "size"])
    text = capsys.readouterr().out
    assert "3.0 kB" in text
    assert "in all: 4.2 kB; limit of embeddings: 50.0 GB" in text


def test_prune_deletes_what_was_not_used_for_longest(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = there(root)
    dry = answer(capsys, "prune", "--limit", "2kB", "--dry-run")
    assert (dry["files"], dry["bytes"], dry["dry_run"]) == (1, 1000, True)
    assert there(root) == before
    assert answer(capsys, "prune", "--limit", "2kB")["bytes"] == 1000
    assert there(root) == before - {"embeddings/a.npz"}


def test_clear_deletes_kinds_and_never_files_of_others(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(capsys, "clear", "toy", "--dry-run")["files"] == 1
    assert answer(capsys, "clear", "toy")["files"] == 1
    assert there(root) == {
        "embeddings/a.npz", "embeddings/b.npz", "weights/own.pth", "thesis.txt"
    }  # fmt: skip
    main(["cache", "clear"])
    assert f"freed 3.0 kB in 2 files of {root}" in capsys.readouterr().out
    assert there(root) == {"weights/own.pth", "thesis.txt"}


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["clear", "embedings"], "did you mean 'embeddings'?"),
        (["clear", "weights"], "delete by hand"),
        ([], "arguments are required: action; action is one of size, prune, clear ("),
        (["size", "--limit", "1GB"], "--limit is of `bench cache prune`"),
        (["prune", "toy"], "takes no kinds"),
        (["prune", "--limit", "many"], "write a size such as 20GB"),
    ],
)
def test_what_makes_no_sense_is_told_and_deletes_nothing(
    root: Path, capsys: pytest.CaptureFixture[str], argv: list[str], message: str
) -> None:
    before = there(root)
    assert main(["cache", *argv]) == 2
    assert message in capsys.readouterr().err
    assert there(root) == before


def test_a_cache_that_is_not_there_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "none"))
    assert answer(capsys, "size")["bytes"] == 0
    assert answer(capsys, "clear")["files"] == 0
    assert not (tmp_path / "none").exists()
