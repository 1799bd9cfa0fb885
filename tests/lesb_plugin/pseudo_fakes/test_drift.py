"""Faces that talk: where their landmarks go, and that the image goes along."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lesb_plugin.pseudo_fakes.drift import drift_face, move_landmarks
from lesb_plugin.pseudo_fakes.recipe import Drift
from tests.shared.planted import MEAN_FACE

POINTS = (MEAN_FACE * (140, 160) + (80, 60)).astype(np.float32)
IOD = float(np.hypot(*(POINTS[42:48].mean(axis=0) - POINTS[36:42].mean(axis=0))))


def test_without_strength_nothing_moves() -> None:
    moved = move_landmarks(POINTS, 0.0, np.random.default_rng(0))
    np.testing.assert_allclose(moved, POINTS, atol=1e-4)


def test_the_mouth_moves_most_and_the_temples_least() -> None:
    moves = np.mean(
        [
            np.hypot(*(move_landmarks(POINTS, 1.0, np.random.default_rng(seed)) - POINTS).T)
            for seed in range(200)
        ],
        axis=0,
    )
    mouth, temples = moves[48:68].mean() / IOD, moves[[0, 1, 15, 16]].mean() / IOD
    assert 0.03 < mouth < 0.12
    assert temples < 0.02
    assert moves[27:36].mean() / IOD < mouth


def test_moves_grow_with_strength_and_turn_with_the_face() -> None:
    weak, strong = (
        np.abs(move_landmarks(POINTS, share, np.random.default_rng(4)) - POINTS).mean()
        for share in (0.3, 1.2)
    )
    assert 2.5 * weak < strong
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    turned = move_landmarks((POINTS @ turn.T).astype(np.float32), 1.0, _Still(5))
    expected = move_landmarks(POINTS, 1.0, _Still(5)) @ turn.T
    np.testing.assert_allclose(turned, expected, atol=0.02)


class _Still(np.random.Generator):
    """Draws of points by themselves are 0: they have no direction to turn with."""

    def __init__(self, seed: int) -> None:
        super().__init__(np.random.PCG64(seed))

    def normal(self, loc=0.0, scale=1.0, size=None):  # type: ignore[no-untyped-def]
        return super().normal(loc, scale) if size is None else np.zeros(size)


def test_the_image_goes_where_its_landmarks_go() -> None:
    for seed in range(6):
        image = np.zeros((300, 320, 3), np.uint8)
        lip = POINTS[57]
        cv2.circle(image, tuple(np.rint(lip).astype(int).tolist()), 5, (255, 255, 255), -1)
        drifted, moved = drift_face(image, POINTS, Drift(), np.random.default_rng(seed))
        y, x = np.nonzero(drifted[..., 0] > 128)
        if not len(x):
            pytest.fail("the dot is gone")
        np.testing.assert_allclose((x.mean(), y.mean()), moved[57], atol=2.5)
