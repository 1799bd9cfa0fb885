"""The model of faces that `toy` draws from: `toy_faces.npz`, see `toy_faces.txt` beside it.

An active appearance model (Cootes et al. 2001) of whole frames: one latent vector moves points and
pixels together, so that nothing is ever pasted. Frames are (256, 256), planes of colour and opacity
half as large in the file.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from registry.builtin.datasets.toy.warp import SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image: TypeAlias = NDArray[np.float32]
    Points: TypeAlias = NDArray[np.float64]
    Vector: TypeAlias = NDArray[np.float32]

__all__ = ["FILE", "HEAD", "LANDMARKS", "FaceModel", "join_planes", "load_faces", "split_planes"]

FILE = Path(__file__).with_name("toy_faces.npz")
LANDMARKS = 81  # the first points of a shape
HEAD = 90  # so many points move with the head; the rest are shoulders and the frame's border
_HALF = SIZE // 2
_GREY = np.array([0, 127.5, 127.5], dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceModel:
    """Latent vectors are (K,), of unit variance.

    mean_points (P, 2), point_modes (2 P, K): in pixels of a frame.
    mean_planes (D,), plane_modes (D, K): luma, chroma and opacity, see `split_planes`.
    """

    mean_points: Points
    point_modes: NDArray[np.float64]
    mean_planes: Vector
    plane_modes: NDArray[np.float32]

    @property
    def rank(self) -> int:
        return int(self.plane_modes.shape[1])

    def points(self, latent: Vector) -> Points:
        """Return the points (P, 2) of a latent vector: 81 landmarks, head, shoulders, border."""
        moved: Points = self.mean_points + (self.point_modes @ latent).reshape(-1, 2)
        return moved

    def picture(self, latent: Vector) -> tuple[Image, Image]:
        """Return RGB times opacity (256, 256, 3) and opacity (256, 256, 1), with points at their
        means.
        """
        return join_planes(self.mean_planes + self.plane_modes @ latent)


@functools.cache
def load_faces() -> FaceModel:
    """Load the model from the package."""
    with np.load(FILE, allow_pickle=False) as file:
        return FaceModel(
            mean_points=file["mean_points"].astype(np.float64),
            point_modes=file["point_modes"].astype(np.float64),
            mean_planes=file["mean_planes"].astype(np.float32),
            plane_modes=np.ascontiguousarray((file["plane_modes"] * file["steps"][:, None]).T),
        )


def split_planes(person: Image, opacity: Image) -> Vector:
    """Return luma (256, 256), then Cr, Cb and 255 times opacity (128, 128), as one vector.

    person: RGB in 0-255 times opacity; opacity: 0-1. `join_planes` is the inverse.
    """
    tones = cv2.cvtColor(person / 255, cv2.COLOR_RGB2YCrCb) * 255 - _GREY
    small = cv2.resize(
        np.dstack([tones[..., 1:], 255 * opacity]), (_HALF, _HALF), interpolation=cv2.INTER_AREA
    )
    return np.concatenate([tones[..., 0].ravel(), small.transpose(2, 0, 1).ravel()])


def join_planes(planes: Vector) -> tuple[Image, Image]:
    """Return RGB times opacity (256, 256, 3), and opacity (256, 256, 1)."""
    luma = planes[: SIZE * SIZE].reshape(SIZE, SIZE)
    small = planes[SIZE * SIZE :].reshape(3, _HALF, _HALF).transpose(1, 2, 0)
    large = cv2.resize(np.ascontiguousarray(small), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    tones = np.dstack([luma, large[..., :2]]) + _GREY
    person: Image = cv2.cvtColor(tones / 255, cv2.COLOR_YCrCb2RGB) * 255
    return person, np.clip(large[..., 2:] / 255, 0, 1)
