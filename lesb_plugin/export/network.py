"""LESB as one torch module, from images to scores, to be exported."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lesb_plugin.lesb.fitted import FittedLesb
from lesb_plugin.lesb.fusion import SMALLEST
from lesb_plugin.lesb.heads import Heads
from lesb_plugin.lesb.probe import Probe
from registry import Backbone, ConfigError

__all__ = ["FUSIONS", "LesbNetwork", "LesbScores"]


class LesbScores(NamedTuple):
    """LESB's scores of B faces in [0, 1], higher = more fake, and their embeddings.

    `parts` are in the order of `LesbNetwork.parts`; `head` is the backbone's own head or the
    artefact's probe, None where there is neither.
    """

    fake: torch.Tensor  # (B,)
    parts: torch.Tensor  # (B, K)
    head: torch.Tensor | None  # (B,)
    embedding: torch.Tensor  # (B, d)


class LesbNetwork(nn.Module):
    """Backbone, local subspaces and heads in float32: the scores of `LesbDetector` on a tensor.

    Takes images (B, 3, S, S), RGB in [0, 1], S = `crop.size`; frozen and in eval mode. The state
    dict is flat: `backbone.*`, `centre`, `heads.p_<part>.*` and `probe.*`. ConfigError for a
    backbone that is no torch module, as its weights would be left behind.
    """

    centre: torch.Tensor  # (d,)

    def __init__(self, backbone: Backbone, fitted: FittedLesb, fusion: str = "mean") -> None:
        super().__init__()
        if not isinstance(backbone, nn.Module):
            raise ConfigError(
                f"backbone {backbone.name!r} is a {type(backbone).__name__}, not a"
                " torch.nn.Module, so its weights cannot be exported; choose another"
                " (`bench list backbones`)"
            )
        if fusion not in FUSIONS:
            raise ConfigError(f"no fusion named {fusion!r}; known: {', '.join(FUSIONS)}")
        self.parts, self.crop, self.fusion = fitted.lfd.parts, backbone.crop, fusion
        self.backbone = backbone
        self.register_buffer("centre", _tensor(fitted.lfd.mean))
        self.heads = nn.ModuleDict(
            {
                f"p_{part}": _PartHead(fitted.lfd.bases[part], fitted.heads, k)
                for k, part in enumerate(self.parts)
            }
        )
        self.probe = None if fitted.probe is None else _ProbeHead(fitted.probe)
        self.eval().requires_grad_(requires_grad=False)

    def forward(self, images: torch.Tensor) -> LesbScores:
        return self.score(self.embed(images))

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Return (B, d)."""
        embedding: torch.Tensor = self.backbone.embed(self.backbone.features(images))
        return embedding

    def score(self, embedding: torch.Tensor) -> LesbScores:
        """Return scores of embeddings (B, d)."""
        centred = embedding - self.centre
        logits = torch.stack([head(centred) for head in self.heads.values()], dim=1)  # (B, K)
        parts = logits.sigmoid()
        head = (self.backbone.head if self.probe is None else self.probe)(embedding)
        return LesbScores(
            fake=FUSIONS[self.fusion](parts),
            parts=parts,
            head=None if head is None else head.sigmoid(),
            embedding=embedding,
        )


class _PartHead(nn.Module):
    """Eq. 6, 7 for one part: V^T (e - c), standardised, through a perceptron r -> h -> 1."""

    basis: torch.Tensor  # (d, r)
    mean: torch.Tensor  # (r,)
    scale: torch.Tensor  # (r,)
    weight1: torch.Tensor  # (r, h)
    bias1: torch.Tensor  # (h,)
    weight2: torch.Tensor  # (h,)
    bias2: torch.Tensor  # ()

    def __init__(self, basis: NDArray[np.floating], heads: Heads, k: int) -> None:
        super().__init__()
        self.register_buffer("basis", _tensor(basis))
        for name, arrays in heads.tensors().items():
            self.register_buffer(name, _tensor(arrays[k]))

    def forward(self, centred: torch.Tensor) -> torch.Tensor:
        """Return logits (B,) of centred embeddings (B, d)."""
        z = (centred @ self.basis - self.mean) / self.scale  # (B, r)
        hidden = (z @ self.weight1 + self.bias1).relu()  # (B, h)
        return hidden @ self.weight2 + self.bias2


class _ProbeHead(nn.Module):
    """Logits (B,) of embeddings (B, d)."""

    weight: torch.Tensor  # (d,)
    bias: torch.Tensor  # ()

    def __init__(self, probe: Probe) -> None:
        super().__init__()
        self.register_buffer("weight", _tensor(probe.weight))
        self.register_buffer("bias", _tensor(probe.bias))

    def forward(self, embedding: torch.Tensor) -> torch.Tensor:
        return embedding @ self.weight + self.bias


def _tensor(values: NDArray[np.floating] | float) -> torch.Tensor:
    """Return a float32 tensor with memory of its own."""
    return torch.from_numpy(np.array(values, np.float32))


# --- the fusions of fusion.py, for tensors ---------------------------------------------------


def _median(parts: torch.Tensor) -> torch.Tensor:
    """Return the mean of the two middle scores, as torch.median does not."""
    ordered = parts.sort(dim=1).values
    last = parts.shape[1] - 1
    return (ordered[:, last // 2] + ordered[:, (last + 1) // 2]) / 2


def _vote(parts: torch.Tensor) -> torch.Tensor:
    balance = 2 * (parts > 0.5).sum(dim=1) - parts.shape[1]
    tie = parts.mean(dim=1) >= 0.5
    return torch.where(balance == 0, tie, balance > 0).to(parts.dtype)


FUSIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda parts: parts.mean(dim=1),
    "max": lambda parts: parts.amax(dim=1),
    "min": lambda parts: parts.amin(dim=1),
    "median": _median,
    "geometric": lambda parts: parts.clamp(SMALLEST, 1.0).log().mean(dim=1).exp(),
    "harmonic": lambda parts: 1.0 / (1.0 / parts.clamp(SMALLEST, 1.0)).mean(dim=1),
    "vote": _vote,
}
"""(B, K) -> (B,), each as the function of the same name in `fusion.py`."""
