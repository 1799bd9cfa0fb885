from __future__ import annotations

import cv2
import numpy as np
import pytest

from registry.builtin.datasets.toy.model import (
    FILE,
    HEAD,
    LANDMARKS,
    FaceModel,
    join_planes,
    load_faces,
    split_planes,
)
from registry.builtin.datasets.toy.people import (
    Pose,
    draw_person,
    draw_pose,
    frame_points,
    mirrored,
)
from registry.builtin.datasets.toy.render import SIZE, render


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return load_faces()


def still(model: FaceModel) -> Pose:
    none = np.zeros(model.rank, np.float32)
    return Pose(shift=(0, 0), scale=1, roll=0, yaw=0, pitch=0, expression=none)


def test_the_file_is_small_and_says_what_it_was_fitted_on() -> None:
    assert FILE.stat().st_size < 6e6
    terms = FILE.with_suffix(".txt").read_text("utf-8")
    assert "public domain" in terms
    assert "members of the United States Congress" in terms


def test_the_file_holds_modes_in_bytes_and_no_person() -> None:
    with np.load(FILE, allow_pickle=False) as file:
        assert sorted(file) == ["mean_planes", "mean_points", "plane_modes", "point_modes", "steps"]
        assert file["plane_modes"].dtype == np.int8
        assert len(file["plane_modes"]) == len(file["steps"]) == file["point_modes"].shape[1]


def test_planes_of_a_smooth_picture_give_it_back() -> None:
    rng = np.random.default_rng(0)
    coarse = rng.uniform(40, 215, (6, 6, 4)).astype(np.float32)
    smooth = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    person, opacity = smooth[..., :3], np.clip(smooth[..., 3] / 255, 0, 1)
    planes = split_planes(person, opacity)
    assert planes.shape == (SIZE * SIZE + 3 * (SIZE // 2) ** 2,)
    back, opacity_back = join_planes(planes)
    np.testing.assert_allclose(back, person, atol=3)
    np.testing.assert_allclose(opacity_back[..., 0], opacity, atol=0.02)


def test_the_mean_face_is_symmetric_and_in_the_usual_order(model: FaceModel) -> None:
    """The forehead's order is the predictor's."""
    mean = model.mean_points[:LANDMARKS]
    forehead = [77, 75, 76, 68, 69, 70, 71, 80, 72, 73, 79, 74, 78]
    for order in (list(range(17)), list(range(17, 27)), forehead):
        assert np.all(np.diff(mean[order, 0]) > 0)
    middle = mean[27:31, 0].mean()
    assert mean[36:42, 0].max() < middle < mean[42:48, 0].min()
    assert mean[8, 1] > mean[57, 1] > mean[51, 1] > mean[33, 1] > mean[27, 1] > mean[71, 1]


def test_a_mirrored_face_is_a_face(model: FaceModel) -> None:
    """Each landmark falls near that of the same name of the mean face, and twice is once."""
    mean = model.mean_points[:LANDMARKS]
    other = mirrored(mean)
    apart = other - other.mean(axis=0) - (mean - mean.mean(axis=0))
    assert np.abs(apart).max() < 4  # pixels; eyes are 52 apart
    np.testing.assert_allclose(mirrored(other), mean)


def test_it_agrees_with_the_shape_of_other_real_faces(model: FaceModel, faces) -> None:
    def shape(points: np.ndarray) -> np.ndarray:
        left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
        return (points - (left + right) / 2) / np.hypot(*(right - left))

    files = sorted((faces / "ffhq512" / "landmarks").glob("*.npy"))[:150]
    real = np.mean([shape(np.load(path)) for path in files], axis=0)
    apart = np.linalg.norm(real - shape(model.mean_points[:LANDMARKS]), axis=1)
    assert apart.mean() < 0.08  # of the distance between the eyes


def test_a_pose_moves_the_head_and_not_the_frame(model: FaceModel) -> None:
    person = draw_person(np.random.default_rng(1), model.rank)
    before = frame_points(model, person, still(model))
    moved = Pose(shift=(6, -4), scale=1, roll=0, yaw=0, pitch=0, expression=still(model).expression)
    after = frame_points(model, person, moved)
    np.testing.assert_allclose(after[:LANDMARKS] - before[:LANDMARKS], [[6, -4]] * LANDMARKS)
    np.testing.assert_array_equal(after[HEAD:], before[HEAD:])


def test_frames_of_a_video_differ_less_than_people(model: FaceModel) -> None:
    rng = np.random.default_rng(2)
    within, between = [], []
    for _ in range(20):
        who, other = draw_person(rng, model.rank), draw_person(rng, model.rank)
        first = draw_pose(rng, model.rank)
        second = draw_pose(rng, model.rank, first)
        points = frame_points(model, who, first)
        within.append(np.abs(frame_points(model, who, second) - points).mean())
        between.append(
            np.abs(frame_points(model, other, draw_pose(rng, model.rank)) - points).mean()
        )
    assert 0 < np.median(within) < np.median(between)


def test_the_mirrored_person_is_the_mirrored_frame(model: FaceModel) -> None:
    """Away from the backdrop, whose light comes from one side."""
    who = draw_person(np.random.default_rng(3), model.rank)
    images, shapes = [], []
    for flipped in (False, True):
        twin = type(who)(latent=who.latent, flipped=flipped)
        image, landmarks = render(model, twin, still(model), np.random.default_rng(0))
        images.append(image)
        shapes.append(landmarks)
    np.testing.assert_array_equal(images[1], images[0][:, ::-1])
    np.testing.assert_allclose(shapes[1], mirrored(shapes[0]))
