"""`lesb_roi` as a torch module: scores of parts, and the maps whose means they are."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from lesb_plugin.networks.network import DetectorNetwork, NetworkOutput, as_landmarks
from lesb_plugin.roi.encoding import drawn_weights
from lesb_plugin.roi.fitted import FittedRoi, RoiModel
from registry import Backbone, ConfigError, DataError, Features, FineBackbone

__all__ = ["RoiNetwork"]

_EYES = 47  # the last landmark of the eyes, whose distance is the unit of masks


class RoiNetwork(DetectorNetwork):
    """Gives the scores of `RoiDetector`, and the maps of the explainer `part_heads`.

    Parts are drawn from landmarks outside of the graph, as weights of the feature map's positions.
    """

    needs_landmarks = True
    weight: torch.Tensor  # (K, C)
    offset: torch.Tensor  # (K,)
    calibration: torch.Tensor  # (3,): shared, slope, intercept
    fusion: torch.Tensor  # (2,): weight, offset
    probe: torch.Tensor | None  # (d + 1,), the bias last

    def __init__(self, backbone: Backbone, fitted: FittedRoi) -> None:
        model = fitted.model
        super().__init__("lesb_roi", backbone, model.regions.names)
        self.backbone: Backbone = backbone
        self.regions = model.regions
        for name, values in _buffers(model).items():
            self.register_buffer(name, values)
        self.eval().requires_grad_(requires_grad=False)
        with torch.no_grad():
            image = torch.zeros(1, 3, self.crop.size, self.crop.size, device=self.device)
            height, width = self._features(image)[1].shape[2:]
        self.grid: tuple[int, int] = (height, width)
        polygons = (polygon for part in self.regions.parts for polygon in part.polygons)
        self._fewest = 1 + max(_EYES, *(max(polygon) for polygon in polygons))

    def part_weights(self, landmarks: ArrayLike | torch.Tensor) -> torch.Tensor:
        """Return part weights (N, K, h, w) of each position, from landmarks (N, P, 2) in pixels.

        A crop that a part lies outside of has NaN, and so have its scores. A graph takes these in
        place of landmarks.
        """
        points = as_landmarks(landmarks, self._fewest)
        drawn = [drawn_weights(each, self.regions, self.crop.size, self.grid) for each in points]
        return torch.from_numpy(np.stack(drawn)).to(self.device)

    def forward(
        self,
        images: torch.Tensor,
        landmarks: ArrayLike | torch.Tensor | None = None,
        weights: torch.Tensor | None = None,
    ) -> NetworkOutput:
        """Score images (N, 3, S, S) with landmarks (N, P, 2), or with their `part_weights`.

        ConfigError without either.
        """
        self._check(images)
        if weights is None:
            weights = self._drawn(landmarks)
        self._check_weights(weights, images)
        features, finest = self._features(images)  # (N, C, h, w)
        embedding = self.backbone.embed(features)  # (N, d)
        maps = weights * self._densities(finest)  # (N, K, h, w)
        z = maps.sum(dim=(2, 3)) / weights.sum(dim=(2, 3))  # (N, K)
        scores, parts = self._scores(z, embedding)
        return NetworkOutput(
            scores=scores,
            parts=dict(zip(self.parts, parts.unbind(dim=1), strict=True)),
            maps={"face": maps.sum(dim=1), **dict(zip(self.parts, maps.unbind(1), strict=True))},
            embedding=embedding,
        )

    def _scores(
        self, z: torch.Tensor, embedding: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return scores (N,) of faces and (N, K) of parts, of standardised logits (N, K)."""
        shared, slope, intercept = self.calibration
        weight, offset = self.fusion
        contrast = z - shared * z.mean(dim=1, keepdim=True)
        fused = self._head(embedding) + weight * z.amax(dim=1) + offset
        return fused.sigmoid(), (slope * contrast + intercept).sigmoid()

    def _densities(self, finest: torch.Tensor) -> torch.Tensor:
        """Return what each position contributes to each head, in standard deviations of real
        faces.
        """
        return torch.einsum("kc,nchw->nkhw", self.weight, finest) + self.offset[:, None, None]

    def _features(self, images: torch.Tensor) -> tuple[Features, torch.Tensor]:
        """Return the backbone's features, and the finest map of the same pass."""
        backbone = self.backbone
        features_of = (
            backbone.fine_features if isinstance(backbone, FineBackbone) else backbone.features
        )
        features = features_of(images)
        return features, features.map if features.fine is None else features.fine

    def _head(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return logits (N,) of the probe, else of the backbone's own head."""
        if self.probe is not None:
            return embedding @ self.probe[:-1] + self.probe[-1]
        logits: torch.Tensor | None = self.backbone.head(embedding)
        if logits is None:
            raise DataError(
                f"backbone {self.backbone.name!r} has no fake/real head, and the artefact"
                " has no probe; fit it again with `bench fit --detector lesb_roi`"
            )
        return logits

    def _drawn(self, landmarks: ArrayLike | torch.Tensor | None) -> torch.Tensor:
        if landmarks is None:
            raise ConfigError(
                "lesb_roi scores face parts and needs their landmarks: pass landmarks (N, P, 2) in"
                " pixels of the crops; module.inputs(crops) takes them from registry.Crop"
            )
        return self.part_weights(landmarks)

    def _check_weights(self, weights: torch.Tensor, images: torch.Tensor) -> None:
        count, due = images.shape[0], (len(self.parts), *self.grid)
        # len(images) would fix the batch of a graph.
        if weights.shape[0] != count or weights.shape[1:] != due:
            raise ConfigError(
                f"{count} images need landmarks of {count} faces, or weights of shape"
                f" {(count, *due)}; got weights of shape {tuple(weights.shape)}"
            )


def _buffers(model: RoiModel) -> dict[str, torch.Tensor | None]:
    """Return a head's weights on the scale of real faces: z = weight x + offset."""
    heads, scale, probe = model.heads, model.calibration, model.probe
    bias = (heads.bias - scale.mean) / scale.deviation
    return {
        "weight": _tensor(heads.weight / scale.deviation[:, None]),
        "offset": _tensor(bias),
        "calibration": _tensor([scale.shared, scale.slope, scale.intercept]),
        "fusion": _tensor([model.fusion.weight, model.fusion.offset]),
        "probe": None if probe is None else _tensor([*probe.weight, probe.bias]),
    }


def _tensor(values: ArrayLike) -> torch.Tensor:
    array: NDArray[np.float32] = np.array(values, np.float32)
    return torch.from_numpy(array)
