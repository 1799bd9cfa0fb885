"""The interface of detectors as torch modules: images in, scores, parts and maps out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from registry import Backbone, ConfigError, Crop, CropPolicy

__all__ = ["DetectorNetwork", "NetworkOutput", "as_landmarks"]


class NetworkOutput(NamedTuple):
    """A detector's answer for N faces; scores lie in [0, 1], higher meaning more fake.

    `maps` are by target ("face", or a part), higher meaning more fake, and empty where the detector
    has no exact ones. `embedding` is the backbone's.
    """

    scores: torch.Tensor  # (N,)
    parts: dict[str, torch.Tensor]  # (N,) each
    maps: dict[str, torch.Tensor]  # (N, h, w) each
    embedding: torch.Tensor  # (N, d)


class DetectorNetwork(nn.Module):
    """A detector in float32, frozen and in eval mode; gradients reach the images.

    Called with face crops (N, 3, S, S), RGB in [0, 1], S = `crop.size`, cut as `crop` says, and
    where `needs_landmarks` with landmarks (N, P, 2) in pixels of the crops. All of its state are
    parameters and buffers, which follow `.to(device)`.
    """

    needs_landmarks = False

    def __init__(self, detector: str, backbone: Backbone, parts: Sequence[str]) -> None:
        super().__init__()
        if not isinstance(backbone, nn.Module):
            raise ConfigError(
                f"backbone {backbone.name!r} is a {type(backbone).__name__}, not a"
                " torch.nn.Module, so its weights would not follow the module; choose"
                " another (`bench list backbones`)"
            )
        self.detector, self.parts = detector, tuple(parts)
        self.crop: CropPolicy = backbone.crop

    def pixels(self, images: NDArray[np.uint8]) -> torch.Tensor:
        """Convert uint8 RGB (N, S, S, 3) to the module's input, (N, 3, S, S) in [0, 1] on its
        device.

        ConfigError for another shape or type.
        """
        size = self.crop.size
        if images.dtype != np.uint8 or images.shape[1:] != (size, size, 3):
            raise ConfigError(
                f"{self.detector} takes crops (N, {size}, {size}, 3) of uint8, not"
                f" {images.shape} of {images.dtype}; make them with"
                " registry.crop_face(image, face, module.crop)"
            )
        pixels = torch.from_numpy(np.require(images, requirements=("C", "W")))
        return pixels.to(self.device).permute(0, 3, 1, 2).float() / 255

    def inputs(self, crops: Sequence[Crop]) -> tuple[torch.Tensor, NDArray[np.float32] | None]:
        """Convert crops to the module's input: images, and landmarks.

        Landmarks are None where no crop has any, or the detector needs none.
        """
        images = self.pixels(np.stack([crop.image for crop in crops]))
        found = [crop.landmarks for crop in crops if crop.landmarks is not None]
        if not self.needs_landmarks or not found:
            return images, None
        if len(found) < len(crops):
            raise ConfigError(
                f"{len(crops) - len(found)} of {len(crops)} crops have no landmarks, which"
                f" {self.detector} needs; leave them out"
            )
        return images, np.stack(found)

    @property
    def device(self) -> torch.device:
        """Return the device of its weights."""
        tensor: torch.Tensor = next(iter(self.state_dict().values()))
        return tensor.device

    def _check(self, images: torch.Tensor) -> None:
        size = self.crop.size
        if images.shape[1:] != (3, size, size) or not images.is_floating_point():
            raise ConfigError(
                f"{self.detector} takes images (N, 3, {size}, {size}), floats in [0, 1],"
                f" not {tuple(images.shape)} of {images.dtype}; module.pixels(images)"
                " makes them from uint8 (N, H, W, 3)"
            )


def as_landmarks(landmarks: ArrayLike | torch.Tensor, fewest: int) -> NDArray[np.float32]:
    """Return landmarks (N, P, 2), finite, P >= `fewest`; a ConfigError for anything else."""
    if isinstance(landmarks, torch.Tensor):
        landmarks = landmarks.detach().cpu().numpy()
    points = np.asarray(landmarks, np.float32)
    wrong = points.ndim != 3 or points.shape[2] != 2 or points.shape[1] < fewest
    if wrong or not np.isfinite(points).all():
        raise ConfigError(
            f"landmarks must be (N, P, 2) with at least {fewest} points, finite numbers in"
            f" pixels of the crops; got an array of shape {points.shape}"
        )
    return points
