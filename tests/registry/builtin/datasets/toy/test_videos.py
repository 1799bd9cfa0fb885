from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.builtin.datasets.manifest import read_manifest
from registry.builtin.datasets.toy import videos as toy
from registry.builtin.datasets.toy.forgeries import METHODS, Shot, forge
from registry.builtin.datasets.toy.model import load_faces
from registry.builtin.datasets.toy.people import draw_person, draw_pose
from registry.builtin.datasets.toy.render import camera, encode, render
from registry.builtin.datasets.toy.videos import Plan, draw_toy, toy_videos
from registry.builtin.faces.dlib_models import build_dlib, build_dlib68
from registry.contracts.types import DatasetRequest, Video
from registry.data.images import read_image
from registry.data.index import data_fingerprint
from registry.errors import DataError, UnknownNameError
from registry.faces.crops import fraction_inside
from registry.faces.reader import read_landmarks

SMALL = Plan(people=(("train", 2), ("val", 1), ("test", 4)))


def videos(folder: Path, split: str) -> list[Video]:
    return read_manifest(folder / "manifest.csv", "drawn", split)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_toy(folder, SMALL, quiet=True)
    return folder


def shot(person: int) -> Shot:
    model, rng = load_faces(), np.random.default_rng(person)
    who, pose = draw_person(rng, model.rank), draw_pose(rng, model.rank)
    scene, landmarks = render(model, who, pose, rng)
    return Shot(np.clip(camera(scene, rng, rng), 0, 255).astype(np.uint8), landmarks)


@pytest.mark.slow
def test_it_reads_as_any_manifest(drawn: Path) -> None:
    test = videos(drawn, "test")
    assert [video.label for video in test].count(0) == 4
    assert [video.label for video in test].count(1) == 8
    for video in test:
        for frame in video.frames:
            image = read_image(frame.path)
            assert image.shape == (256, 256, 3)
            assert frame.landmarks is not None
            landmarks = read_landmarks(frame.landmarks)
            assert landmarks.shape == (81, 2)
            assert fraction_inside(landmarks, image.shape) == 1


def test_splits_share_no_person(drawn: Path) -> None:
    people = [
        {video.identity for video in videos(drawn, split)} for split in ("train", "val", "test")
    ]
    assert [len(each) for each in people] == [2, 1, 4]
    assert len(set.union(*people)) == 7


def test_some_people_have_a_video_of_three_frames(drawn: Path) -> None:
    frames = {len(video.frames) for video in videos(drawn, "test")}
    assert frames == {1, 3}
    longer = next(video for video in videos(drawn, "test") if len(video.frames) == 3)
    assert len({frame.path.read_bytes() for frame in longer.frames}) == 3


def test_every_method_is_there_with_region_and_mask(drawn: Path) -> None:
    fakes = [video for video in videos(drawn, "test") if video.label == 1]
    assert {video.method for video in fakes} == set(METHODS)
    for video in fakes:
        assert video.region in {"face", "eyes", "nose", "mouth"}
        for frame in video.frames:
            assert frame.mask is not None
            mask = cv2.imread(str(frame.mask), cv2.IMREAD_GRAYSCALE)
            assert set(np.unique(mask)) == {0, 255}


@pytest.mark.parametrize("method", METHODS)
def test_a_forgery_changes_what_its_mask_says_and_nothing_else(method: str) -> None:
    target, donor = shot(1), shot(2)
    forgery = forge(method, target, donor, np.random.default_rng(3))
    change = np.abs(forgery.image - target.image).max(axis=2)
    assert change[forgery.mask == 0].max() == 0
    assert change[forgery.mask > 0].mean() > 2
    centre = target.landmarks[{"eyes": 36, "nose": 30, "mouth": 51, "face": 30}[forgery.region]]
    column, row = np.rint(centre).astype(int)
    assert forgery.mask[row, column] == 255


@pytest.mark.slow
def test_the_same_seed_draws_the_same_faces(drawn: Path, tmp_path: Path) -> None:
    draw_toy(tmp_path, SMALL, quiet=True)
    for split in ("train", "val", "test"):
        assert data_fingerprint(videos(drawn, split)) == data_fingerprint(videos(tmp_path, split))
    digests = [
        hashlib.sha256(b"".join(path.read_bytes() for path in sorted(root.rglob("*.png")))).digest()
        for root in (drawn, tmp_path)
    ]
    assert digests[0] == digests[1]


def test_frames_do_not_depend_on_how_many_are_drawn(drawn: Path, tmp_path: Path) -> None:
    draw_toy(tmp_path, Plan(people=(("train", 2), ("test", 1)), video_frames=1), quiet=True)
    for name in ("frames/000/0.png", "frames/001/0.png", "landmarks/001/0.npy"):
        assert (tmp_path / name).read_bytes() == (drawn / name).read_bytes()


@pytest.mark.slow
def test_landmarks_are_where_the_predictor_sees_them(drawn: Path) -> None:
    """dlib's 68 points on the frames of reals, in shares of the distance between the eyes."""
    detect, locate = build_dlib(), build_dlib68()
    apart = []
    for split in ("train", "val", "test"):
        for video in videos(drawn, split):
            for frame in video.frames if video.label == 0 else ():
                assert frame.landmarks is not None
                known, image = read_landmarks(frame.landmarks)[:68], read_image(frame.path)
                seen = locate(image, max(detect(image), key=lambda face: face.score))
                unit = np.linalg.norm(known[42:48].mean(axis=0) - known[36:42].mean(axis=0))
                apart.append(np.linalg.norm(seen - known, axis=1).mean() / unit)
    assert len(apart) == 11
    assert np.median(apart) < 0.05
    assert max(apart) < 0.1


@pytest.mark.slow
def test_the_detector_finds_the_faces_of_the_default_set() -> None:
    """As many frames as make a good sample of the 128 people, with their own compression."""
    model, detect, people = load_faces(), build_dlib(), range(0, 128, 3)
    found = 0
    for person in people:
        (first,) = toy._shoot(model, person, 1)
        found += len(detect(encode(first.image, toy._rng(toy._ENCODING, person, 0)))) == 1
    assert found >= 0.95 * len(people)


# --- cache ------------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache of its own, and little to draw."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(
        toy, "Plan", lambda: Plan(people=(("train", 2), ("test", 2)), video_frames=1)
    )
    return tmp_path / "cache"


def request(split: str, name: str = "toy") -> DatasetRequest:
    return DatasetRequest(name=name, root=None, split=split)


def test_it_is_drawn_once_and_kept(few: Path) -> None:
    first = toy_videos(request("test"))
    assert {video.dataset for video in first} == {"toy"}
    assert [path.name for path in few.iterdir()] == [f"toy-{toy.FORMAT}"]
    stamps = {path: path.stat().st_mtime_ns for path in few.rglob("*.png")}
    assert toy_videos(request("test")) == first
    assert {path: path.stat().st_mtime_ns for path in few.rglob("*.png")} == stamps


def test_an_interrupted_drawing_leaves_nothing(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(folder: Path, plan: Plan) -> None:
        (folder / "half.png").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(toy, "draw_toy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        toy_videos(request("test"))
    assert list(few.iterdir()) == []


def test_two_processes_that_draw_at_once_do_no_harm(
    few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = toy.draw_toy

    def overtaken(folder: Path, plan: Plan) -> None:
        draw(folder, plan)
        monkeypatch.setattr(toy, "draw_toy", draw)
        toy_videos(request("test"))  # the other process

    monkeypatch.setattr(toy, "draw_toy", overtaken)
    assert toy_videos(request("test"))
    assert [path.name for path in few.iterdir()] == [f"toy-{toy.FORMAT}"]


def test_a_cache_that_cannot_be_written_costs_the_time_to_draw_again(
    few: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few.parent.mkdir(exist_ok=True)
    few.write_text("a file where the folder should be", encoding="utf-8")
    videos = toy_videos(request("test"))
    assert all(frame.path.is_file() for video in videos for frame in video.frames)
    assert "set BENCH_CACHE" in capsys.readouterr().err


def test_an_unknown_split_lists_those_there(few: Path) -> None:
    with pytest.raises(DataError, match=r"did you mean 'test'\? .* test 6, train 6"):
        toy_videos(request("tets"))


def test_there_is_one_toy_set() -> None:
    with pytest.raises(UnknownNameError, match="no toy data set named 'large'"):
        toy_videos(request("test", "large"))


def test_the_full_plan_has_all_methods_equally_often() -> None:
    plan = Plan()
    assert dict(plan.people) == {"train": 48, "val": 16, "test": 64}
    counts = [sum(m in plan.methods(person) for person in range(64, 128)) for m in METHODS]
    assert max(counts) - min(counts) <= 1
