"""The next shard is fetched while one is scored: once, one ahead, and for as long as it is wanted.

The store notes what it is asked for, and waits for events; no test depends on how fast it is.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import cv2
import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from registry import objects
from registry.archives import INDEX, archive_index, archive_url
from registry.contracts.types import Crop, CropPolicy, Frame, Scores, Video
from registry.files import read_file
from registry.objects import transfers
from registry.plugins.discovery import load_plugins
from registry.scoring.chunks import Chunk, Unit, content_stamp
from registry.scoring.scorer import Scorer
from tests.shared.readers import reader_of

SHARDS, FRAMES = 7, 12
LONG = 60.0  # seconds after which a test fails instead of waiting


class NotedStore(MemoryFileSystem):
    """Counts what is opened and notes what was read to its end; `failing` shards never come."""

    protocol = "noted"
    opens: ClassVar[Counter[str]] = Counter()
    finished: ClassVar[dict[str, threading.Event]] = {}
    begun: ClassVar[dict[str, threading.Event]] = {}
    failing: ClassVar[set[str]] = set()
    endless: ClassVar[set[str]] = set()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("noted://", "memory://")))

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        name = path.rpartition("/")[2]
        if mode != "rb" or name.endswith(INDEX):
            return super()._open(path, mode, **options)
        NotedStore.opens[name] += 1
        NotedStore.begun[name].set()
        if name in NotedStore.failing:
            raise OSError("reset")
        data = super()._open(path, mode, **options).getvalue()
        return Endless() if name in NotedStore.endless else Noted(name, data)


class Noted(io.BytesIO):
    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(data)
        self._name = name

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data:
            NotedStore.finished[self._name].set()
        return data


class Endless(io.BytesIO):
    def read(self, _: int | None = -1) -> bytes:
        return b"more"


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    fsspec.register_implementation("noted", NotedStore, clobber=True)
    monkeypatch.setattr(objects, "_PAUSE", 0.0)
    objects._counted.faults.clear()
    NotedStore.opens.clear()
    NotedStore.failing.clear()
    NotedStore.endless.clear()
    NotedStore.begun, NotedStore.finished = (
        defaultdict(threading.Event),
        defaultdict(threading.Event),
    )
    yield
    objects._counted.faults.clear()
    MemoryFileSystem.store.clear()


@pytest.fixture
def pieces(request: pytest.FixtureRequest) -> list[list[Unit]]:
    """A piece of frames for each shard; the shards of each test have a folder of their own."""
    folder = f"noted://bucket/{abs(hash(request.node.name))}"
    return [_shard(f"{folder}/{at}.tar", at) for at in range(SHARDS)]


def _shard(url: str, number: int) -> list[Unit]:
    data = io.BytesIO()
    units = []
    with tarfile.open(fileobj=data, mode="w") as tar:
        for at in range(FRAMES):
            image = np.full((20, 20, 3), 20 * number + at, np.uint8)
            png = cv2.imencode(".png", image)[1].tobytes()
            info = tarfile.TarInfo(f"{at}.png")
            info.size = len(png)
            tar.addfile(info, io.BytesIO(png))
            frame = Frame(path=Path(f"{url}/{at}.png"), index=at)
            video = Video(dataset="d", id=str(number), label=0, frames=(frame,))
            units.append(Unit(video, frame))
    with fsspec.open(url, "wb") as file:
        file.write(data.getvalue())
    return units


class Grey:
    """Scores by grey value; `meanwhile` is called with the shard of each batch."""

    def __init__(self, meanwhile: Callable[[int], None] = lambda _: None) -> None:
        self._meanwhile = meanwhile

    def score(self, crops: Sequence[Crop]) -> Scores:
        self._meanwhile(int(crops[0].video))
        return Scores(fake=np.array([crop.image.mean() / 255 for crop in crops]))


def scored(
    pieces: list[list[Unit]], detector: Grey | None = None, workers: int = 2
) -> Iterator[Chunk]:
    reader = reader_of(load_plugins(), crop_from="frame")
    scorer = Scorer(detector or Grey(), "grey", "-", reader, CropPolicy(name="frame", size=20))
    with closing(scorer.run(pieces, 2, workers)) as steps:
        yield from (step for step in steps if isinstance(step, Chunk))


def threads() -> set[str]:
    return {each.name for each in threading.enumerate() if each.name.startswith("shard")}


def test_the_next_shard_comes_while_one_is_scored_and_the_one_after_it_does_not(
    pieces: list[list[Unit]],
) -> None:
    ahead: list[bool] = []

    def meanwhile(shard: int) -> None:
        if len(ahead) == shard and shard + 1 < SHARDS:  # its first batch: none of its last is read
            ahead.append(NotedStore.finished[f"{shard + 1}.tar"].wait(LONG))
            assert NotedStore.opens[f"{shard + 2}.tar"] == 0

    chunks = list(scored(pieces, Grey(meanwhile)))
    assert ahead == [True] * (SHARDS - 1)
    greys = [round(255 * value) for chunk in chunks for value in chunk.values["fake"].tolist()]
    assert greys == [20 * shard + at for shard in range(SHARDS) for at in range(FRAMES)]
    assert threads() == set()


@pytest.mark.parametrize("workers", [1, 5])
def test_nothing_is_fetched_twice_and_only_what_is_needed(
    pieces: list[list[Unit]], workers: int
) -> None:
    own = [pieces[at] for at in (0, 2, 3, 5, 6)]
    before = transfers()
    assert len(list(scored(own, workers=workers))) == len(own)
    once = {f"{at}.tar": 1 for at in (0, 2, 3, 5, 6)}
    assert dict(NotedStore.opens) == once
    assert transfers().objects - before.objects == len(own)


def test_shards_without_an_index_are_fetched_to_be_listed_and_to_be_scored(
    pieces: list[list[Unit]],
) -> None:
    for piece in pieces:
        archive_index(archive_url(piece[0].frame.path))
    stamps = [content_stamp(unit.frame.path) for piece in pieces for unit in piece]
    assert len(set(stamps)) == SHARDS * FRAMES
    data = read_file(pieces[0][0].frame.path)
    assert stamps[0] == (len(data), hashlib.sha256(data).hexdigest())
    list(scored(pieces))
    assert set(NotedStore.opens.values()) <= {2, 3}  # the first one was read here once more
    assert NotedStore.opens["1.tar"] == 2


def test_a_shard_that_does_not_come_is_named_by_its_frames_after_five_tries(
    pieces: list[list[Unit]],
) -> None:
    NotedStore.failing.add("2.tar")
    before = transfers()
    chunks = list(scored(pieces))
    url = archive_url(pieces[2][0].frame.path)
    reason = f"cannot read FILE: cannot read {url} after 5 tries: OSError: reset"
    assert set(chunks[2].status) == {reason}
    assert all(set(chunk.status) == {"ok"} for at, chunk in enumerate(chunks) if at != 2)
    assert NotedStore.opens["2.tar"] == 5
    assert transfers().retries - before.retries == 4


@pytest.mark.parametrize("kind", ["failing", "endless"])
def test_an_end_while_a_shard_is_fetched_leaves_no_thread_and_no_file(
    pieces: list[list[Unit]], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_PAUSE", 1e6)  # seconds
    getattr(NotedStore, kind).add("1.tar")
    chunks = scored([pieces[0] * 3, pieces[1]], workers=1)
    next(chunks)
    assert NotedStore.begun["1.tar"].wait(LONG)
    there = len(list(objects._folder().iterdir()))
    chunks.close()  # type: ignore[attr-defined]
    assert threads() == set()
    assert len(list(objects._folder().iterdir())) == there - 1
    assert not objects._counted.faults


def test_files_on_a_disk_need_no_thread(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((20, 20, 3), 9, np.uint8))
    frame = Frame(path=tmp_path / "a.png")
    unit = Unit(Video(dataset="d", id="0", label=0, frames=(frame,)), frame)
    seen: list[set[str]] = []
    list(scored([[unit]], Grey(lambda _: seen.append(threads()))))
    assert seen == [set()]
