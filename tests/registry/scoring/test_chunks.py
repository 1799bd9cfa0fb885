from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from registry.contracts.types import Frame, Video
from registry.errors import DataError
from registry.results.parts import Shard
from registry.scoring.chunks import Chunk, ChunkStore, Unit, content_stamp, cut, piece_size


def _units(folder: Path, count: int) -> list[Unit]:
    units = []
    for index in range(count):
        path = folder / f"{index}.png"
        path.write_bytes(b"x" * (index + 1))
        video = Video(dataset="d", id=str(index), label=0, frames=(Frame(path=path),))
        units.append(Unit(video, video.frames[0]))
    return units


def _chunk(rows: int, value: float = 1.0) -> Chunk:
    return Chunk(
        unit=np.arange(rows, dtype=np.int32),
        face=np.zeros(rows, dtype=np.int32),
        box=np.ones((rows, 4), dtype=np.int32),
        status=np.asarray(["ok"] * rows),
        values={"embedding": np.full((rows, 3), value, dtype=np.float32)},
    )


def test_frames_are_cut_in_order_and_none_is_lost(tmp_path: Path) -> None:
    units = _units(tmp_path, 7)
    pieces = cut(units, 3)
    assert [len(piece) for piece in pieces] == [3, 3, 1]
    assert [unit for piece in pieces for unit in piece] == units


@pytest.mark.parametrize(
    ("frames", "size"),
    [(9, 64), (256, 64), (1000, 64), (4095, 64), (8192, 128), (16383, 128), (16384, 256)],
)
def test_few_frames_are_cut_finer_so_that_shards_can_be_equal(frames: int, size: int) -> None:
    assert piece_size(frames, 256) == size
    assert piece_size(frames, 3) == 3


@pytest.mark.parametrize("count", [2, 3, 7, 8])
@pytest.mark.parametrize("frames", [700, 1000, 5000, 12_345, 100_000])
def test_shards_differ_by_one_chunk_at_most_and_none_could_be_smaller(
    frames: int, count: int
) -> None:
    size = piece_size(frames, 256)
    sizes = [len(each) for each in cut(cast("list[Unit]", range(frames)), 256)]
    shards = [Shard(number, count).chunks(len(sizes)) for number in range(1, count + 1)]
    loads = [sum(sizes[at] for at in each) for each in shards]
    assert sum(loads) == frames
    assert max(loads) - min(loads) <= size
    assert max(loads) <= -(-len(sizes) // count) * size  # as whole chunks allow
    if frames >= 64 * 64:
        assert max(loads) <= 1.15 * frames / count


def test_a_finished_chunk_comes_back_as_it_was(tmp_path: Path) -> None:
    units = _units(tmp_path, 2)
    store = ChunkStore(tmp_path / "chunks", ["encoder"], None)
    assert store.find(0, units) is None
    store.put(0, units, _chunk(2, 7.0))
    found = store.find(0, units)
    assert found is not None
    np.testing.assert_array_equal(found.values["embedding"], np.full((2, 3), 7.0))
    assert list(found.status) == ["ok", "ok"]
    assert found.values["embedding"].dtype == np.float32


def test_a_chunk_of_another_maker_is_refused(tmp_path: Path) -> None:
    units = _units(tmp_path, 2)
    ChunkStore(tmp_path / "chunks", ["encoder a"], None).put(0, units, _chunk(2))
    with pytest.raises(DataError, match=r"other weights, crops or options.*--overwrite") as found:
        ChunkStore(tmp_path / "chunks", ["encoder b"], None).find(0, units)
    assert str(found.value).startswith(f"{tmp_path} holds scores of an earlier run")
    assert "--faces" in str(found.value)
    assert ".npz" not in str(found.value)


@pytest.mark.parametrize("change", ["frame", "file", "missing"])
def test_a_chunk_of_frames_that_have_changed_is_made_again(tmp_path: Path, change: str) -> None:
    units = _units(tmp_path, 2)
    store = ChunkStore(tmp_path / "chunks", ["encoder"], None)
    store.put(0, units, _chunk(2))
    if change == "frame":
        units = units[::-1]
    elif change == "file":
        units[0].frame.path.write_bytes(b"other content")
    else:
        units[0].frame.path.unlink()
    assert store.find(0, units) is None


def test_a_chunk_cut_short_is_made_again(tmp_path: Path) -> None:
    units = _units(tmp_path, 2)
    store = ChunkStore(tmp_path / "chunks", ["encoder"], None)
    store.put(0, units, _chunk(2))
    (path,) = (tmp_path / "chunks").iterdir()
    whole = path.read_bytes()
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert store.find(0, units) is None


def test_the_cache_serves_another_run_folder(tmp_path: Path) -> None:
    units = _units(tmp_path, 2)
    cache = tmp_path / "cache"
    ChunkStore(tmp_path / "a", ["encoder"], cache).put(0, units, _chunk(2, 5.0))
    found = ChunkStore(tmp_path / "b", ["encoder"], cache).find(3, units)
    assert found is not None
    assert (found.values["embedding"] == 5.0).all()
    assert ChunkStore(tmp_path / "c", ["other"], cache).find(0, units) is None
    assert ChunkStore(tmp_path / "d", ["encoder"], None).find(0, units) is None


def test_a_chunk_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units = _units(tmp_path, 2)
    store = ChunkStore(tmp_path / "chunks", ["encoder"], None)

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(DataError, match="No space left"):
        store.put(0, units, _chunk(2))
    assert list((tmp_path / "chunks").iterdir()) == []


def _edit(path: Path, **arrays: Any) -> None:
    """Write a chunk again with other arrays, and the checksum that it had."""
    with np.load(path) as stored:
        kept = {name: stored[name] for name in stored.files}
    with path.open("wb") as file:
        np.savez(file, **{**kept, **arrays})


@pytest.mark.parametrize("where", ["chunks", "cache"])
def test_a_chunk_that_was_edited_is_made_again(tmp_path: Path, where: str) -> None:
    units = _units(tmp_path, 2)
    cache = tmp_path / "cache" if where == "cache" else None
    ChunkStore(tmp_path / "chunks", ["encoder"], cache).put(0, units, _chunk(2))
    (path,) = (tmp_path / where).iterdir()
    _edit(path, **{"value.embedding": np.full((2, 3), 0.999, np.float32)})
    reader = ChunkStore(tmp_path / ("other" if cache else "chunks"), ["encoder"], cache)
    assert reader.find(0, units) is None


SCORES = {"fake": np.array([0.1, 0.2])}


@pytest.mark.parametrize(
    "change",
    [
        {"values": {"fake": np.array([0.5, 5.79])}},
        {"values": {"fake": np.array([0.5, np.nan])}},
        {"values": {"fake": np.array([0.5])}},
        {"values": {"fake": np.array([[0.5], [0.5]])}},
        {"values": {"fake": np.array([1, 0])}},
        {"values": {}},
        {"values": {"embedding": np.full((2, 3), np.inf, np.float32)}},
        {"values": {"embedding": np.zeros(2, np.float32)}},
        {"unit": np.array([0, 7], np.int32)},
        {"unit": np.array([0, 0], np.int32)},
        {"box": np.zeros((2, 3), np.int32)},
        {"status": np.array(["ok"])},
    ],
)
def test_a_chunk_that_makes_no_sense_is_made_again_whatever_its_checksum(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    units = _units(tmp_path, 2)
    store = ChunkStore(tmp_path / "chunks", ["encoder"], None)
    sound = replace(_chunk(2), values=SCORES)
    store.put(0, units, sound)
    assert store.find(0, units) is not None
    store.put(0, units, replace(sound, **change))
    assert store.find(0, units) is None


def test_a_file_of_the_same_size_and_date_is_known_by_its_content(tmp_path: Path) -> None:
    units = _units(tmp_path, 2)
    store = ChunkStore(tmp_path / "chunks", ["encoder"], None)
    store.put(0, units, _chunk(2))
    path = units[0].frame.path
    before = path.stat()
    path.write_bytes(b"y" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.find(0, units) is None


def test_a_large_file_of_the_same_size_and_date_is_known_by_when_it_was_written(
    tmp_path: Path,
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(bytes(2 << 20))
    before, stamp = path.stat(), content_stamp(path)
    assert content_stamp(path) == stamp
    time.sleep(0.02)
    path.write_bytes(b"y" * (2 << 20))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert content_stamp(path) != stamp


def test_a_file_that_was_touched_keeps_its_chunk(tmp_path: Path) -> None:
    units = _units(tmp_path, 2)
    store = ChunkStore(tmp_path / "chunks", ["encoder"], None)
    store.put(0, units, _chunk(2))
    os.utime(units[0].frame.path, (1, 1))
    assert store.find(0, units) is not None


def test_clearing_takes_away_chunks_and_nothing_else(tmp_path: Path) -> None:
    units = _units(tmp_path, 2)
    folder = tmp_path / "chunks"
    store = ChunkStore(folder, ["encoder"], None)
    store.put(0, units, _chunk(2))
    np.savez(folder / "000001.npz", mine=np.zeros(2))
    (folder / "000002.npz").write_text("no archive")
    (folder / "letters").mkdir()
    store.clear()
    assert sorted(path.name for path in folder.iterdir()) == [
        "000001.npz",
        "000002.npz",
        "letters",
    ]
    ChunkStore(tmp_path / "empty", [], None).clear()


@pytest.mark.parametrize("fault", ["a file in its place", "a folder in the file's place"])
def test_a_cache_that_takes_nothing_costs_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    units = _units(tmp_path, 2)
    cache = tmp_path / "cache"
    store = ChunkStore(tmp_path / "chunks", ["encoder"], cache)
    if fault == "a file in its place":
        cache.write_text("in the way")
    else:
        (cache / f"{store.key(units)}.npz").mkdir(parents=True)
    for index in range(3):
        assert store.find(index, units) is None
        store.put(index, units, _chunk(2))
    assert capsys.readouterr().err.count("note: nothing is stored for later runs") == 1
