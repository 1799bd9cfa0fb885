"""The protocol of backbones; conventions as in `types`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from registry.contracts.training import Training
from registry.contracts.types import CropPolicy, Features

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

__all__ = ["Backbone", "FineBackbone", "FreezableNetwork", "TrainableBackbone", "TrainableNetwork"]


class Backbone(Protocol):
    """A network that turns face crops into embeddings, in eval mode.

    `crop` can be set: the host does so when frames are to be taken whole. Images come as float
    tensors (B, 3, S, S), RGB in [0, 1]; the backbone applies its own mean and std.
    `weights_sha256` identifies the weights; `mean_pooled` says that `embed` is the mean of
    `Features.map` over its positions and nothing more (then maps of a linear head are
    closed-form). An attribute `concurrent = True`, which may be missing, says that several threads
    may call it at once; then a CPU computes several batches at once.
    """

    name: str
    crop: CropPolicy
    dim: int
    mean_pooled: bool
    weights: str
    weights_sha256: str
    trained_on: tuple[Training, ...]

    def features(self, images: torch.Tensor) -> Features: ...

    def embed(self, features: Features) -> torch.Tensor:
        """Return embeddings (B, d), for a timm model `forward_head(x, pre_logits=True)`."""

    def head(self, embedding: torch.Tensor) -> torch.Tensor | None:
        """Return logits of fake (B,), or None if the weights have no fake/real head."""

    def head_direction(self) -> NDArray[np.float64] | None:
        """Return the gradient (d,) of the head's logit if the head is linear, else None."""

    def to(self, device: str) -> Backbone: ...


@runtime_checkable
class FineBackbone(Protocol):
    """A backbone that also gives a finer feature map from the same forward pass."""

    def fine_features(self, images: torch.Tensor) -> Features:
        """Return `features(images)`, with `fine` of about S / 16, or None if `map` is that fine."""


class TrainableNetwork(Protocol):
    """A torch module: images (B, 3, S, S), RGB in [0, 1], to logits (B, classes).

    `head()` is the module that turns embeddings into logits; `weights()` are the tensors by the
    names under which `--weights FILE` of the same backbone reads them. `with_map(images)` gives
    the logits and an intermediate feature map (B, C, h, w), h about a sixteenth of S; a
    ConfigError if there is none.
    """

    def head(self) -> torch.nn.Module: ...

    def weights(self) -> dict[str, torch.Tensor]: ...

    def with_map(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]: ...


@runtime_checkable
class FreezableNetwork(Protocol):
    """A TrainableNetwork whose first stages can be frozen, norms included."""

    def freeze(self, stages: int) -> None: ...


@runtime_checkable
class TrainableBackbone(Protocol):
    """A backbone that can be trained further.

    `trainable(classes, seed)` is a torch module (a TrainableNetwork) in train mode with weights of
    its own. A head that has as many classes is kept, any other replaced by one drawn from `seed`.
    """

    name: str
    crop: CropPolicy

    def trainable(self, classes: int, seed: int) -> TrainableNetwork: ...
