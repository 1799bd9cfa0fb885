"""The cache stays within its limit, keeps what was used last, and bears several runs at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from registry.contracts.types import Frame, Video
from registry.errors import ConfigError
from registry.scoring.cache_limit import LIMIT, CacheBound, Freed, cache_limit, files_in, prune
from registry.scoring.chunks import Chunk, ChunkStore, Unit


def file(folder: Path, name: str, size: int, used: int) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, ns=(used, used))
    return path


@pytest.mark.parametrize(
    ("text", "size"),
    [("20GB", 20 * 10**9), ("1.5 mb", 1_500_000), ("7", 7), ("3k", 3000), ("2TiB", 2 * 10**12)],
)
def test_a_limit_is_a_size(text: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT, text)
    assert cache_limit() == cache_limit(text) == size


@pytest.mark.parametrize("text", ["x", "-1GB", "10 PB", "GB", "1e9"])
def test_a_limit_that_is_none_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match="write a size such as 20GB"):
        cache_limit(text)


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    for at, name in enumerate("dacb"):
        file(tmp_path, f"{name}.npz", 10, used=at)
    file(tmp_path, "notes.txt", 99, used=0)
    assert prune([tmp_path], 25, dry=True) == Freed(2, 20)
    assert len(list(tmp_path.iterdir())) == 5
    assert prune([tmp_path, tmp_path / "none"], 25) == Freed(2, 20)
    assert {path.name for path in tmp_path.iterdir()} == {"c.npz", "b.npz", "notes.txt"}
    assert prune([tmp_path], 25) == Freed(0, 0)


def test_the_limit_is_never_passed_by_one_process(tmp_path: Path) -> None:
    bound = CacheBound(tmp_path, 3200)
    for at in range(200):
        bound.add(file(tmp_path, f"{at:03d}.npz", 100, used=at))
        assert sum(each.size for each in files_in([tmp_path])) <= 3200
    assert (tmp_path / "199.npz").exists()
    assert len(list(tmp_path.iterdir())) >= 28


def test_a_cache_that_was_too_large_before_is_pruned_at_the_first_file(tmp_path: Path) -> None:
    for at in range(100):
        file(tmp_path, f"{at:03d}.npz", 100, used=at)
    CacheBound(tmp_path, 1600).add(file(tmp_path, "new.npz", 100, used=999))
    assert sum(each.size for each in files_in([tmp_path])) == 1500


def units(tmp_path: Path, name: str) -> list[Unit]:
    frame = Frame(path=tmp_path / name, index=0)
    return [Unit(Video(dataset="d", id=name, label=0, frames=(frame,)), frame)]


def chunk(value: float) -> Chunk:
    return Chunk(
        unit=np.zeros(1, np.int32),
        face=np.zeros(1, np.int32),
        box=np.ones((1, 4), np.int32),
        status=np.array(["ok"]),
        values={"embedding": np.full((1, 64), value, np.float32)},
    )


def test_what_a_run_finds_in_the_cache_counts_as_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LIMIT, "1GB")
    cache = tmp_path / "cache"
    first, second = units(tmp_path, "a"), units(tmp_path, "b")
    writer = ChunkStore(tmp_path / "one", ["m"], cache)
    writer.put(0, first, chunk(1))
    writer.put(1, second, chunk(2))
    for path in cache.iterdir():
        os.utime(path, ns=(10**9, 10**9))
    assert ChunkStore(tmp_path / "two", ["m"], cache).find(0, first) is not None
    (used,) = [path for path in cache.iterdir() if path.stat().st_mtime_ns > 10**9]
    prune([cache], used.stat().st_size)
    assert list(cache.iterdir()) == [used]
    assert ChunkStore(tmp_path / "three", ["m"], cache).find(0, first) is not None


@pytest.mark.slow
def test_runs_at_once_find_what_was_written_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four writers and readers in a cache that holds a quarter of what they write."""
    monkeypatch.setenv(LIMIT, "20kB")
    cache = tmp_path / "cache"
    keys = [units(tmp_path, f"{at}") for at in range(50)]

    def work(number: int) -> int:
        found = 0
        for turn in range(3):
            store = ChunkStore(tmp_path / f"run {number} {turn}", ["m"], cache)
            for at, key in enumerate(keys):
                there = store.find(at, key)
                if there is None:
                    store.put(at, key, chunk(at))
                else:
                    assert float(there.values["embedding"][0, 0]) == at
                    found += 1
        return found

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) > 0
    sizes = [each.size for each in files_in([cache])]
    assert 0 < sum(sizes) <= 20_000 + 4 * (20_000 // 16 + max(sizes))
