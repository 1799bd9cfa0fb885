from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from registry.contracts.types import Face
from registry.faces.tracking import EVERY, FaceTracker

Box = tuple[int, int, int, int]
HEIGHT, WIDTH, SMALL, LEAST = 360, 640, 32, 16


def draw(*boxes: Box, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """White rectangles (x0, y0, x1, y1) on black."""
    image = np.zeros((height, width, 3), np.uint8)
    for x0, y0, x1, y1 in boxes:
        image[y0:y1, x0:x1] = 255
    return image


def detect(image: NDArray[np.uint8]) -> list[Face]:
    """Every bright patch of at least `LEAST` pixels across."""
    bright = np.where(image[..., 0] > 127, 1, 0).astype(np.uint8)
    _, _, found, _ = cv2.connectedComponentsWithStats(bright)
    return [
        Face(
            box=(float(x), float(y), float(x + across), float(y + down)),
            five=np.full((5, 2), (x, y), np.float32),
        )
        for x, y, across, down, _ in found[1:]
        if across >= LEAST and down >= LEAST
    ]


class Counted:
    """`detect`, with the sizes of the images that it was given."""

    def __init__(self, inner: Callable[[NDArray[np.uint8]], list[Face]] = detect) -> None:
        self.sizes: list[tuple[int, ...]] = []
        self._inner = inner

    def __call__(self, image: NDArray[np.uint8]) -> list[Face]:
        self.sizes.append(image.shape[:2])
        return self._inner(image)


def boxes(faces: Sequence[Face]) -> list[tuple[float, ...]]:
    return sorted(face.box for face in faces)


def test_a_face_that_moves_is_found_where_the_whole_frame_has_it_at_a_third_of_the_pixels() -> None:
    seen = Counted()
    tracker = FaceTracker(seen, SMALL)
    for step in range(EVERY):
        frame = draw((100 + 4 * step, 80 + 2 * step, 200 + 4 * step, 190 + 2 * step))
        (face,) = tracker(frame)
        assert [face.box] == boxes(detect(frame))
        assert face.five is not None
        np.testing.assert_array_equal(face.five[0], face.box[:2])
    assert tracker.searched == 1
    pixels = sum(height * width for height, width in seen.sizes[2:])
    assert pixels < (EVERY - 1) * HEIGHT * WIDTH / 3


def test_two_faces_are_followed_and_one_that_comes_is_found_in_its_first_frame() -> None:
    tracker = FaceTracker(detect, SMALL)
    one, other, newcomer = (40, 60, 140, 160), (260, 60, 350, 150), (460, 200, 535, 275)
    assert len(tracker(draw(one, other))) == 2
    assert boxes(tracker(draw(one, other))) == [one, other]
    assert tracker.searched == 1
    assert boxes(tracker(draw(one, other, newcomer))) == [one, other, newcomer]
    assert tracker.searched == 2


def test_a_newcomer_of_a_third_of_the_area_is_no_reason_to_search_the_frame() -> None:
    tracker = FaceTracker(detect, SMALL)
    face, small = (40, 60, 140, 160), (300, 60, 357, 117)
    tracker(draw(face))
    assert boxes(tracker(draw(face, small))) == [face]
    assert tracker.searched == 1
    tracker.restart()
    assert boxes(tracker(draw(face, small))) == [face, small]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ([(40, 60, 140, 160)], [(420, 150, 520, 250)]),  # another place
        ([(40, 60, 140, 160)], [(80, 90, 110, 120)]),  # much smaller
        ([(40, 60, 140, 160)], [(20, 40, 320, 340)]),  # too large for its window
        ([(40, 60, 140, 160), (260, 60, 360, 160)], [(40, 60, 140, 160)]),  # one has left
        ([(40, 60, 140, 160)], []),
    ],
)
def test_after_a_cut_the_faces_are_those_of_the_whole_frame(
    before: list[Box], now: list[Box]
) -> None:
    tracker = FaceTracker(detect, SMALL)
    tracker(draw(*before))
    tracker(draw(*before))
    assert boxes(tracker(draw(*now))) == now
    assert tracker.searched == 2


def test_what_only_the_small_copy_takes_for_a_face_costs_one_search() -> None:
    ghost = (400.0, 100.0, 500.0, 200.0)

    def haunted(image: NDArray[np.uint8]) -> list[Face]:
        scale = image.shape[0] / HEIGHT
        seen = tuple(edge * scale for edge in ghost)
        is_copy = image.shape[0] * WIDTH == image.shape[1] * HEIGHT and scale < 1
        return [*detect(image), *([Face(box=seen)] if is_copy else [])]  # type: ignore[arg-type]

    tracker = FaceTracker(haunted, 40)
    for _ in range(5):
        assert boxes(tracker(draw((40, 60, 140, 160)))) == [(40, 60, 140, 160)]
    assert tracker.searched == 1


def test_whole_frames_are_searched_from_time_to_time_and_where_faces_are_too_small_to_shrink() -> (
    None
):
    tracker = FaceTracker(detect, SMALL)
    for _ in range(2 * EVERY):
        tracker(draw((40, 60, 140, 160)))
    assert tracker.searched == 2
    tracker.restart()
    for _ in range(3):
        tracker(draw((40, 60, 76, 96)))
    assert tracker.searched == 5


def test_frames_larger_than_detectors_search_have_boxes_in_their_own_pixels() -> None:
    seen = Counted()
    tracker = FaceTracker(seen, SMALL)
    frame = draw((200, 300, 500, 600), height=1024, width=2560)
    for _ in range(3):
        (face,) = tracker(frame)
        np.testing.assert_allclose(face.box, (200, 300, 500, 600), atol=2)
    assert tracker.searched == 1
    assert max(width for _, width in seen.sizes) == 2048


@pytest.mark.parametrize("side", [55, 110, 210])  # shrunk once, twice and three times
def test_the_small_copy_is_the_frame_at_that_size(side: int) -> None:
    given: list[NDArray[np.uint8]] = []

    def remembered(image: NDArray[np.uint8]) -> list[Face]:
        given.append(image)
        return [Face(box=(80.0, 80.0, 80.0 + side, 80.0 + side))]

    noise = np.random.default_rng(side).integers(0, 256, (361, 643, 3), np.uint8)
    frame = np.asarray(cv2.GaussianBlur(noise, (0, 0), 4), np.uint8)
    FaceTracker(remembered, SMALL)(frame)
    copy = given[1]
    height, width = (round(edge * SMALL / side) for edge in frame.shape[:2])
    assert copy.shape == (height, width, 3)
    exact = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(copy.ravel(), exact.ravel())[0, 1] > 0.9
