"""Shards give what the folder gives that they were made of; what is wrong with them is told."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest

import registry.tasks.evaluate
from registry import Crop, DetectorContext, DetectorSpec, Scores, evaluate, objects
from registry.archives import INDEX
from registry.builtin.prepare.shards import write_shards
from registry.cli import main
from registry.contracts.types import Video
from registry.data.images import read_image
from registry.data.index import find_videos
from registry.errors import BenchError, DataError
from registry.faces.landmark_files import read_landmarks
from registry.plugins.discovery import Plugins, load_plugins
from registry.results.parts import Shard
from registry.results.predictions import PREDICTIONS
from registry.settings.tasks import EvalConfig
from registry.tasks.parts import evaluate_shard, merge_parts
from tests.shared.crop_store import drawn_store


class Weighed:
    """Scores a crop by its grey values and the mean of its landmarks, to the last digit."""

    def __init__(self, context: DetectorContext) -> None:
        self.context = context

    def score(self, crops: Sequence[Crop]) -> Scores:
        points = [0.0 if each.landmarks is None else each.landmarks.mean() / 64 for each in crops]
        means = [crop.image.mean() / 512 for crop in crops]
        return Scores(fake=np.asarray(means) + np.asarray(points) / 4)


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Three shards of the split test and one of val, beside the folder that they are made of."""
    store, records = drawn_store(tmp_path / "out", videos=6, frames=30, masks=True)
    return write_shards(store, records, 1, quiet=True)


Run = Callable[..., dict[str, list[Any]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Columns of the predictions of an evaluation."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    spec = DetectorSpec(name="weighed", summary="-", build=Weighed, needs_backbone=False)
    plugins = Plugins(records=(*load_plugins().records, spec))
    monkeypatch.setattr(registry.tasks.evaluate, "load_plugins", lambda: plugins)

    def _run(dataset: str, name: str = "run", **settings: Any) -> dict[str, list[Any]]:
        usual: dict[str, Any] = {
            "detector": "weighed", "draws": 10, "quiet": True, "reporters": (), "chunk": 16,
            "data_root": str(tmp_path / "out"), "crop_from": "frame", "max_errors": 1000,
        }  # fmt: skip
        evaluate(dataset=(dataset,), out=str(tmp_path / name), **{**usual, **settings})
        return pq.read_table(tmp_path / name / PREDICTIONS).to_pydict()

    return _run


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path, str], None]]:
    """Puts a file into the object store in memory."""
    monkeypatch.setattr(objects, "_PAUSE", 0.0)
    memory = fsspec.filesystem("memory")
    objects._counted.faults.clear()

    def put(path: Path, url: str) -> None:
        memory.pipe(url, path.read_bytes())

    yield put
    memory.store.clear()
    objects._counted.faults.clear()


def pattern(shards: Sequence[Path], start: str) -> str:
    last = sum("-test-" in each.name for each in shards) - 1
    return f"wds:{start}/set-test-{{000000..{last:06d}}}.tar"


def same_but_paths(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> bool:
    return {**one, "path": None} == {**other, "path": None}


@pytest.mark.slow
@pytest.mark.parametrize("crop_from", ["frame", "landmarks"])
def test_shards_are_scored_as_the_folder_is_to_the_last_bit(
    run: Run, shards: list[Path], crop_from: str
) -> None:
    folder = run("deepfakebench:set", "folder", crop_from=crop_from)
    assert len(set(folder["fake"])) == 180
    assert set(folder["status"]) == {"ok"}
    own = shards[0].parent
    for at, name in enumerate(
        (
            f"wds:{own}",
            pattern(shards, str(own)),
            str(own),
            f"wds:file://{own}",
            f"wds:FILE://{own}",
        )
    ):
        assert same_but_paths(run(name, f"wds {at}", crop_from=crop_from), folder), name


@pytest.mark.slow
def test_a_run_of_shards_in_parts_is_the_run_of_one_process(run: Run, shards: list[Path]) -> None:
    whole = run(f"wds:{shards[0].parent}", "whole")
    out = shards[0].parents[2]
    config = EvalConfig(
        detector="weighed", dataset=(f"wds:{shards[0].parent}",), crop_from="frame", quiet=True,
        reporters=(), draws=10, chunk=16, data_root=str(out / "out"), max_errors=1000,
    )  # fmt: skip
    parts = []
    for number in (1, 2):
        own = replace(config, out=str(out / f"part{number}"))
        parts.append(evaluate_shard(own, Shard(number, 2))[1])
    merge_parts(parts, out / "merged", quiet=True)
    assert pq.read_table(out / "merged" / PREDICTIONS).to_pydict() == whole


@pytest.mark.slow
def test_shards_in_an_object_store_are_scored_as_the_folder_is(
    run: Run, shards: list[Path], store: Callable[[Path, str], None]
) -> None:
    folder = run("deepfakebench:set", "folder")
    for each in shards:
        store(each, f"memory://bucket/{each.name}")
        store(Path(f"{each}{INDEX}"), f"memory://bucket/{each.name}{INDEX}")
    there = run(pattern(shards, "memory://bucket"), "store")
    assert same_but_paths(there, folder)
    assert same_but_paths(run("wds:memory://bucket", "all of it"), folder)


@pytest.mark.slow
def test_a_lost_object_is_rows_with_an_error_that_another_run_tries_again(
    run: Run, shards: list[Path], store: Callable[[Path, str], None]
) -> None:
    for each in shards[1:]:
        store(each, f"memory://b/{each.name}")
    for each in shards:
        store(Path(f"{each}{INDEX}"), f"memory://b/{each.name}{INDEX}")
    found = run(pattern(shards, "memory://b"))
    wrong = {status for status in found["status"] if status != "ok"}
    assert len(wrong) == 1
    assert "memory://b/set-test-000000.tar: there is no such archive" in wrong.pop()
    failed = found["status"].count("ok")
    assert 0 < failed < 180
    store(shards[0], f"memory://b/{shards[0].name}")
    again = run(pattern(shards, "memory://b"))
    assert again["status"].count("ok") == 180


def members(tar: Path) -> dict[str, bytes]:
    with tarfile.open(tar) as file:
        return {each.name: file.extractfile(each).read() for each in file}  # type: ignore[union-attr]


def foreign(path: Path, files: dict[str, bytes]) -> Path:
    """A shard of another program: no index, and in the old format of tar."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as file:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, BytesIO(data))
    return path


def videos_of(name: object, split: str = "test") -> list[Video]:
    return find_videos(f"wds:{name}", split, load_plugins())


def test_shards_of_other_programs_are_read_by_their_headers(
    shards: list[Path], tmp_path: Path
) -> None:
    own = {each.id: each for each in videos_of(shards[0])}
    copy = foreign(
        tmp_path / "theirs/a-0.tar", {f"./{k}": v for k, v in members(shards[0]).items()}
    )
    for video in videos_of(copy):
        mine = own[video.id]
        assert (video.label, video.method, video.split) == (mine.label, mine.method, mine.split)
        for one, other in zip(video.frames, mine.frames, strict=True):
            np.testing.assert_array_equal(read_image(one.path), read_image(other.path))
            assert one.landmarks is not None
            assert other.landmarks is not None
            np.testing.assert_array_equal(
                read_landmarks(one.landmarks), read_landmarks(other.landmarks)
            )


def test_a_video_goes_on_in_the_next_shard(shards: list[Path]) -> None:
    tests = [each for each in shards if "-test-" in each.name]
    alone = [len(video.frames) for each in tests for video in videos_of(each)]
    together = [len(video.frames) for video in videos_of(shards[0].parent)]
    assert sum(alone) == sum(together) == 180
    assert len(alone) > len(together) == 6


def test_a_split_is_chosen_and_one_that_is_not_there_is_told(shards: list[Path]) -> None:
    assert [each.id for each in videos_of(shards[0].parent, "val")] == ["set_real/real_v.0"]
    with pytest.raises(BenchError, match=r"no videos in split 'train' .*test 6, val 1"):
        videos_of(shards[0].parent, "train")


PNG = b"\x89PNG"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.png": PNG}, r"no JSON beside .*x\.tar/a; each sample needs KEY\.json"),
        ({"a.png": PNG, "a.json": b"{"}, r"cannot read the JSON of .*x\.tar/a"),
        ({"a.png": PNG, "a.json": b"[1]"}, r"JSON of .*x\.tar/a is no object with a label"),
        ({"a.png": PNG, "a.json": b'{"label": 2}'}, r"label of .*x\.tar/a is 2; .* 0 or real"),
        ({"a.png": PNG, "a.json": b'{"label": true}'}, r"label of .*x\.tar/a is True"),
        ({"a.png": PNG, "a.json": b'{"label": 0, "frame": -1}'}, r"frame of .*x\.tar/a is -1"),
    ],
)
def test_a_sample_that_is_none_is_told(
    tmp_path: Path, files: dict[str, bytes], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        videos_of(foreign(tmp_path / "x.tar", files))


def test_a_video_of_two_labels_or_with_a_frame_twice_is_told(tmp_path: Path) -> None:
    def said(label: int, frame: int) -> bytes:
        return json.dumps({"label": label, "video": "v", "frame": frame}).encode()

    two = foreign(tmp_path / "two.tar", {"a.json": said(0, 0), "b.json": said(1, 1)})
    with pytest.raises(DataError, match="video 'v' is labelled in two ways"):
        videos_of(two)
    twice = foreign(tmp_path / "twice.tar", {"a.json": said(1, 3), "b.json": said(1, 3)})
    with pytest.raises(DataError, match="frame 3 of video 'v' is there twice"):
        videos_of(twice)


def test_a_sample_without_an_image_is_a_frame_with_an_error(tmp_path: Path) -> None:
    (video,) = videos_of(foreign(tmp_path / "x.tar", {"a.json": b'{"label": "fake"}'}))
    assert (video.label, video.id, video.dataset) == (1, "a", "x")
    with pytest.raises(DataError, match=r"no image file .*x\.tar/a\.png"):
        read_image(video.frames[0].path)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing.tar", "nothing.tar: there is no such archive"),
        ("cut.tar", r"cut\.tar: (it is cut short|unexpected end of data)"),
        ("text.tar", "it is no tar file, or damaged"),
        ("folder", "no .tar files in .*folder; write wds:DIR"),
        ("{000..001.tar", "Unbalanced braces|unbalanced"),
        ("memory://nothing/x.tar", "memory://nothing/x.tar: there is no such archive"),
        ("memory://nothing", "no .tar files in memory://nothing"),
        ("nosuchstore://b/x.tar", "nosuchstore://b/x.tar.* cannot be read here"),
    ],
)
def test_shards_that_cannot_be_read_end_in_one_line(
    tmp_path: Path, shards: list[Path], name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cut.tar").write_bytes(shards[0].read_bytes()[:70_000])
    (tmp_path / "text.tar").write_bytes(b"hello" * 999)
    (tmp_path / "folder").mkdir()
    where = name if "://" in name else str(tmp_path / name)
    out = tmp_path / "o"
    code = main(["eval", "--detector", "random", "--dataset", f"wds:{where}", "--out", str(out)])
    told = capsys.readouterr().err
    assert code == 2
    assert re.search(message, told), told
    assert "Traceback" not in told
    assert not out.exists()


def test_what_was_read_is_counted_and_told(
    shards: list[Path], store: Callable[[Path, str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    store(shards[0], "memory://told/a.tar")
    main(["data", "check", "wds:memory://told/a.tar", "--frame-policy", "all"])
    size = shards[0].stat().st_size
    told = capsys.readouterr().err
    assert f"note: read from object stores: {size / 1e3:.1f} kB in 1 objects, retries: 0" in told
