"""`lesb` and `lesb_gep` as a torch module: heads on the whole embedding."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike

from lesb_plugin.export.network import LesbNetwork
from lesb_plugin.lesb.fitted import FittedLesb
from lesb_plugin.networks.network import DetectorNetwork, NetworkOutput
from registry import Backbone

__all__ = ["WholeNetwork"]


class WholeNetwork(DetectorNetwork):
    """Gives the scores of `LesbDetector`. There are no maps: its heads see the face as a whole."""

    def __init__(self, backbone: Backbone, fitted: FittedLesb) -> None:
        super().__init__(fitted.detector, backbone, fitted.lfd.parts)
        self.network = LesbNetwork(backbone, fitted)
        self.eval()

    def forward(
        self,
        images: torch.Tensor,
        landmarks: ArrayLike | torch.Tensor | None = None,  # noqa: ARG002 - no head looks at a place
    ) -> NetworkOutput:
        """Score images (N, 3, S, S); landmarks are ignored."""
        self._check(images)
        found = self.network(images)
        parts = dict(zip(self.parts, found.parts.unbind(dim=1), strict=True))
        return NetworkOutput(found.fake, parts, {}, found.embedding)
