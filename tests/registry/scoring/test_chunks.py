from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from registry.contracts.types import Frame, Video
from registry.errors import DataError
from registry.scoring.chunks import Chunk, ChunkStore, Unit, cut


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
    with pytest.raises(DataError, match=r"other weights, crops or options.*--overwrite"):
        ChunkStore(tmp_path / "chunks", ["encoder b"], None).find(0, units)


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
