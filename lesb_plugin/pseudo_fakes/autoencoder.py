"""A small autoencoder of faces, whose output has the look of generated faces.

Deepfakes and neural textures redraw a region with a decoder; such fakes share its smoothness,
its colours and the grain of its upsampling, which blending alone does not leave.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import nn

from lesb_plugin.pseudo_fakes.distort import Image
from lesb_plugin.pseudo_fakes.mask import Points
from lesb_plugin.weights import HERE
from registry import ConfigError, DataError, reading, refuse_special

__all__ = ["BOXES", "SIDE", "Autoencoder", "box_matrix", "cut_box", "load_autoencoder", "redraw"]

SIDE = 64  # pixels
SHIPPED = "autoencoder.safetensors"
_CHANNELS = (3, 32, 48, 80, 96)  # at 64, 32, 16, 8 and 4 pixels
_CODE = 128
_COARSEST = SIDE // 2 ** (len(_CHANNELS) - 1)

BOXES: dict[str, tuple[tuple[int, ...], float]] = {
    "face": (tuple(range(68)), 1.15),
    "eyes": (tuple(range(36, 48)), 1.5),
    "mouth": (tuple(range(48, 68)), 1.7),
}
"""Landmarks of what is drawn anew, and the side of its square box in their width."""


class Autoencoder(nn.Module):
    """RGB images (B, 3, 64, 64) in [0, 1] to as many that look like them."""

    def __init__(self) -> None:
        super().__init__()
        flat = _CHANNELS[-1] * _COARSEST**2
        down = pairwise(_CHANNELS)
        self.encoder = nn.Sequential(
            *[_down(before, after) for before, after in down],
            nn.Flatten(),
            nn.Linear(flat, _CODE),
        )
        up = pairwise(_CHANNELS[::-1])
        self.decoder = nn.Sequential(
            nn.Linear(_CODE, flat),
            nn.Unflatten(1, (_CHANNELS[-1], _COARSEST, _COARSEST)),
            *[_up(before, max(after, 24)) for before, after in up],
            nn.Conv2d(24, 3, 3, padding=1),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        redrawn: torch.Tensor = self.decoder(self.encoder(images * 2 - 1))
        return torch.sigmoid(redrawn)


def _down(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 5, stride=2, padding=2), nn.LeakyReLU(0.1))


def _up(before: int, after: int) -> nn.Module:
    return nn.Sequential(
        nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.1)
    )


def box_matrix(
    landmarks: Points, name: str, rng: np.random.Generator | None = None
) -> NDArray[np.float64]:
    """Return (2, 3): from pixels of an image to those of a box around part of its face, eyes
    level.

    With `rng` the box is moved, turned and scaled a little.
    """
    chosen, grown = BOXES[name]
    points = landmarks[list(chosen)].astype(np.float64)
    eyes = landmarks[42:48].mean(axis=0) - landmarks[36:42].mean(axis=0)
    angle = np.arctan2(eyes[1], eyes[0])
    low, high = points.min(axis=0), points.max(axis=0)
    centre, side = (low + high) / 2, grown * float((high - low).max())
    if rng is not None:
        centre = centre + rng.uniform(-0.06, 0.06, 2) * side
        side *= float(np.exp(rng.uniform(-0.12, 0.12)))
        angle += rng.uniform(-0.1, 0.1)
    if side < 4:
        raise ValueError(f"the {name} is less than four pixels wide")
    cos, sin = np.cos(angle) * SIDE / side, np.sin(angle) * SIDE / side
    linear = np.array([[cos, sin], [-sin, cos]])
    return np.column_stack([linear, (SIDE - 1) / 2 - linear @ centre])


def cut_box(image: Image, matrix: NDArray[np.float64]) -> Image:
    """Return the box (64, 64, 3), averaged over areas where the image has more pixels."""
    shrink = 1.0 / np.hypot(matrix[0, 0], matrix[0, 1])
    if shrink > 1.5:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 * shrink), np.uint8)
    cut = cv2.warpAffine(
        image, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(cut, np.uint8)


@torch.inference_mode()
def redraw(
    network: Autoencoder, image: Image, matrix: NDArray[np.float64], interpolation: int
) -> Image:
    """Return the image with the box of `matrix` redrawn by the network, nothing else changed."""
    box = torch.from_numpy(cut_box(image, matrix)).permute(2, 0, 1)[None].float() / 255
    drawn = (network(box)[0].permute(1, 2, 0) * 255).round().byte().numpy()
    height, width = image.shape[:2]
    flags = interpolation | cv2.WARP_INVERSE_MAP
    placed = cv2.warpAffine(
        drawn, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    inside = cv2.warpAffine(
        np.ones((SIDE, SIDE), np.uint8), matrix, (width, height), flags=cv2.WARP_INVERSE_MAP
    )
    return np.where(inside[..., None] > 0, placed, image).astype(np.uint8)


@lru_cache(maxsize=2)
def load_autoencoder(weights: str) -> Autoencoder:
    """Return the network with weights from a file of `bench autoencoder`, or the shipped ones.

    ConfigError where the file does not hold them.
    """
    path = HERE / SHIPPED if weights == "shipped" else Path(weights)
    network = Autoencoder()
    try:
        with reading(path):
            refuse_special(path)
            tensors = {name: each.float() for name, each in load_file(path).items()}
            network.load_state_dict(tensors)
    except DataError as error:
        raise ConfigError(
            f"cannot read the weights of an autoencoder from {path}: {error}; make them with"
            " `bench autoencoder --train FACES --out FILE.safetensors`"
        ) from error
    return network.eval().requires_grad_(requires_grad=False)
