from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.builtin import toy
from registry.builtin.datasets import read_manifest
from registry.builtin.toy import Plan, draw_toy, toy_videos
from registry.builtin.toy_forgeries import METHODS, Shot, forge
from registry.builtin.toy_people import draw_person, draw_pose, face_points
from registry.builtin.toy_render import camera, coverage, render
from registry.crops import fraction_inside
from registry.data import fingerprint
from registry.errors import DataError, UnknownNameError
from registry.images import read_image
from registry.reader import read_landmarks
from registry.types import DatasetRequest, Video

SMALL = Plan(people=(("train", 2), ("val", 2), ("test", 3)))


def videos(folder: Path, split: str) -> list[Video]:
    return read_manifest(folder / "manifest.csv", "drawn", split)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    draw_toy(folder, SMALL, quiet=True)
    return folder


def shot(person: int) -> Shot:
    rng = np.random.default_rng(person)
    scene, landmarks = render(draw_person(rng), draw_pose(rng), rng)
    return Shot(np.clip(camera(scene, rng), 0, 255).astype(np.uint8), landmarks)


def test_it_reads_as_any_manifest(drawn: Path) -> None:
    test = videos(drawn, "test")
    assert [video.label for video in test].count(0) == 3
    assert [video.label for video in test].count(1) == 6
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
    assert [len(each) for each in people] == [2, 2, 3]
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
    assert change[forgery.mask == 0].max() < 6  # a feathered edge's end
    assert change[forgery.mask > 0].mean() > 2
    centre = target.landmarks[{"eyes": 36, "nose": 30, "mouth": 51, "face": 30}[forgery.region]]
    column, row = np.rint(centre).astype(int)
    assert forgery.mask[row, column] == 255


def test_the_same_seed_draws_the_same_faces(drawn: Path, tmp_path: Path) -> None:
    draw_toy(tmp_path, SMALL, quiet=True)
    for split in ("train", "val", "test"):
        assert fingerprint(videos(drawn, split)) == fingerprint(videos(tmp_path, split))
    digests = [
        hashlib.sha256(b"".join(path.read_bytes() for path in sorted(root.rglob("*.png")))).digest()
        for root in (drawn, tmp_path)
    ]
    assert digests[0] == digests[1]


def test_landmarks_lie_on_the_features_they_name() -> None:
    """The pupils are the darkest and the sclera the brightest of each eye; lips are redder."""
    rng = np.random.default_rng(5)
    for _ in range(5):
        person, pose = draw_person(rng), draw_pose(rng)
        scene, points = render(person, pose, rng)
        for first in (36, 42):
            inside = coverage(points[first : first + 6]) > 0.5
            around = coverage(points[[17, 26, 14, 2]]) > 0.5
            assert np.ptp(scene[inside].mean(axis=1)) > 0.8 * np.ptp(scene[around].mean(axis=1))
        lips = scene[coverage(points[48:60]) > 0.5].mean(axis=0)
        cheek = scene[coverage(points[[2, 31, 48, 4]]) > 0.5].mean(axis=0)
        assert lips[0] / lips[1] > cheek[0] / cheek[1]


def test_the_mean_face_is_symmetric_and_in_the_usual_order() -> None:
    """Mirrored, every landmark falls on its partner; the forehead's order is the predictor's."""
    rng = np.random.default_rng(0)
    people = [(draw_person(rng), draw_pose(rng)) for _ in range(200)]
    shapes = [pose.unplace(pose.project(face_points(who, pose))) for who, pose in people]
    mean = np.mean(shapes, axis=0)
    forehead = [77, 75, 76, 68, 69, 70, 71, 80, 72, 73, 79, 74, 78]
    for order in (list(range(17)), list(range(17, 27)), forehead):
        assert np.all(np.diff(mean[order, 0]) > 0)
        np.testing.assert_allclose(mean[order, 1], mean[order[::-1], 1], atol=0.03)
    assert mean[36:42, 0].max() < 0 < mean[42:48, 0].min()
    assert mean[8, 1] > mean[57, 1] > mean[51, 1] > mean[33, 1] > mean[27, 1] > mean[71, 1]


def test_it_agrees_with_the_shape_of_real_faces(faces: Path) -> None:
    def shape(points: np.ndarray) -> np.ndarray:
        left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
        return (points - (left + right) / 2) / np.hypot(*(right - left))

    real = [
        shape(np.load(p)) for p in sorted((faces / "ffhq512" / "landmarks").glob("*.npy"))[:150]
    ]
    rng = np.random.default_rng(0)
    people = [(draw_person(rng), draw_pose(rng)) for _ in range(200)]
    drawn = [shape(pose.project(face_points(who, pose))) for who, pose in people]
    apart = np.linalg.norm(np.mean(real, axis=0) - np.mean(drawn, axis=0), axis=1)
    assert apart.mean() < 0.12  # of the distance between the eyes


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


def test_a_cache_that_cannot_be_written_says_so(few: Path) -> None:
    few.parent.mkdir(exist_ok=True)
    few.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(DataError, match="set BENCH_CACHE"):
        toy_videos(request("test"))


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
