"""Any timm model as a backbone: feature map, embedding and fake/real head."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt
from threading import get_ident
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from registry.backbones.folding import FoldedForm
from registry.backbones.timm_layout import fine_map, fine_stage, is_channels_last, prefix_tokens
from registry.backbones.timm_network import TimmNetwork
from registry.contracts.training import Training
from registry.contracts.types import CropPolicy, Features
from registry.errors import ConfigError

__all__ = ["TimmBackbone", "WeightsOrigin"]


_FOREIGN = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsOrigin:
    """Which weights a backbone has, and what they were trained on."""

    weights: str
    weights_sha256: str
    trained_on: tuple[Training, ...] = ()


class TimmBackbone(nn.Module):
    """A timm model that keeps the Backbone protocol; frozen and in eval mode.

    What the model is (feature map or tokens, channels first or last, embedding a plain mean or
    not, head a function of the embedding or not) is found out by running it once, not by its name.
    `mean` and `std` are subtracted from and divided out of RGB in [0, 1].
    """

    mean: torch.Tensor
    std: torch.Tensor
    concurrent = True

    def __init__(
        self,
        name: str,
        model: Any,
        *,
        crop: CropPolicy,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        provenance: WeightsOrigin,
        many_classes: bool = False,
    ) -> None:
        super().__init__()
        self.name = name
        self.crop = crop
        self.weights = provenance.weights
        self.weights_sha256 = provenance.weights_sha256
        self.trained_on = provenance.trained_on
        self.model: Any = model  # timm's methods stand in no common class
        self.register_buffer("mean", torch.tensor(mean).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(1, 3, 1, 1), persistent=False)
        self._many_classes = many_classes
        self._normalises = any(mean) or any(value != 1 for value in std)
        self.eval().requires_grad_(requires_grad=False)
        try:
            self._examine()
        except _FOREIGN as error:
            raise ConfigError(
                f"backbone {name!r} does not map an image to one feature map or one list"
                f" of tokens ({type(error).__name__}: {error}); choose another timm model"
            ) from error
        self._folded = FoldedForm(self._maps)

    # --- the protocol --------------------------------------------------------------------------

    def features(self, images: torch.Tensor) -> Features:
        """Return the features of images (B, 3, S, S), RGB in [0, 1]."""
        return self._features_with(self._folded.of(self.model, images.device), images)

    def fine_features(self, images: torch.Tensor) -> Features:
        """Return the features, with the last stage of stride 16 where the map itself is coarser."""
        return self._fine_with(self._folded.of(self.model, images.device), images)

    def _fine_with(self, model: Any, images: torch.Tensor) -> Features:
        """Compute `fine_features` with the model or another form of it."""
        stage = fine_stage(model)
        if stage is None:
            return self._features_with(model, images)
        outputs: list[Any] = []
        own = _thread()

        def note(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if _thread() == own:  # another pass may be under way
                outputs.append(output)

        handle = stage.register_forward_hook(note)
        try:
            features = self._features_with(model, images)
        finally:
            handle.remove()
        fine = fine_map(outputs[0] if outputs else None, features.map)
        return features if fine is None else replace(features, fine=fine)

    def embed(self, features: Features) -> torch.Tensor:
        embedding: torch.Tensor = self.model.forward_head(self._raw(features), pre_logits=True)
        return embedding  # (B, d)

    def head(self, embedding: torch.Tensor) -> torch.Tensor | None:
        """Return the logit (B,) of fake: the second class over all others, or the only class."""
        if not self._has_head:
            return None
        logits = self._classify(embedding)  # (B, 1 | 2 | more)
        if logits.shape[1] == 1:
            return logits[:, 0]
        others = torch.cat([logits[:, :1], logits[:, 2:]], dim=1)
        return logits[:, 1] - others.logsumexp(dim=1)

    def head_direction(self) -> NDArray[np.float64] | None:
        if not self._has_head or not _is_linear(self._classifier):
            return None
        rows = self._classifier.weight.double().flatten(1).cpu().numpy()  # (classes, d)
        if len(rows) > 2:
            return None  # over several other classes the logit is not linear
        direction: NDArray[np.float64] = rows[-1] - rows[0] if len(rows) == 2 else rows[0]
        return direction

    # --- training ------------------------------------------------------------------------------

    def trainable(self, classes: int, seed: int) -> TimmNetwork:
        """Return a copy to train; a head of other than `classes` classes is replaced."""
        return TimmNetwork(self.model, self.mean, self.std, classes=classes, seed=seed)

    # --- layouts -------------------------------------------------------------------------------

    def _features_with(self, model: Any, images: torch.Tensor) -> Features:
        """Compute features of images in [0, 1] with the model or another form of it."""
        if self._normalises:
            images = (images - self.mean) / self.std
        return self._features_of(model.forward_features(images))

    def _features_of(self, raw: torch.Tensor) -> Features:
        """Return the output of `forward_features`, (B, C, h, w), (B, h, w, C) or (B, T, C), as
        Features.
        """
        if raw.ndim == 4:
            return Features(raw.permute(0, 3, 1, 2) if self._nhwc else raw)
        batch, tokens, channels = raw.shape
        side = isqrt(tokens - self._prefix)
        patches = raw[:, self._prefix :].transpose(1, 2)  # (B, C, h w)
        return Features(patches.reshape(batch, channels, side, side), raw)

    def _raw(self, features: Features) -> torch.Tensor:
        """Return the inverse of `_features_of`."""
        if features.tokens is not None:
            return features.tokens
        return features.map.permute(0, 2, 3, 1) if self._nhwc else features.map

    # --- what the model is ---------------------------------------------------------------------

    @torch.no_grad()
    def _examine(self) -> None:
        """Run the model once and set what depends on its layout."""
        rng = torch.Generator().manual_seed(0)
        raw = self.model.forward_features(self._example())
        self._prefix = prefix_tokens(self.name, self.model, raw)
        self._nhwc = raw.ndim == 4 and is_channels_last(raw) is True
        if raw.ndim == 4 and not self._nhwc:
            # Convolutions run 8 to 30 % faster on channels-last memory (measured on a CPU).
            self.model.to(memory_format=torch.channels_last)
        # One input about 1 and one about -1: an activation, a norm or a maximum would show.
        noise = torch.randn((2, *raw.shape[1:]), generator=rng)
        noise[0] += 1
        noise[1] -= 1
        features = self._features_of(noise)
        embedding = self.embed(features)
        self.dim = embedding.shape[1]
        self.mean_pooled = _equal(embedding, features.map.mean((2, 3)), 2e-6)
        self._classifier = _classifier_of(self.model)
        self._has_head = self._head_follows(noise, embedding)

    def _example(self) -> torch.Tensor:
        """Return (1, 3, S, S) in [0, 1]."""
        rng, size = torch.Generator().manual_seed(0), self.crop.size
        return torch.rand(1, 3, size, size, generator=rng).to(self.mean.device)

    def _maps(self, model: Any) -> torch.Tensor:
        """Return everything that is read of a model, for one image, as one vector."""
        features = self._fine_with(model, self._example())
        read = (features.map, features.fine)
        return torch.cat([each.flatten() for each in read if each is not None])

    def _head_follows(self, raw: torch.Tensor, embedding: torch.Tensor) -> bool:
        """Say whether its classes are real and fake, and its logits its head of the embedding."""
        classes = getattr(self.model, "num_classes", 0)
        if self._classifier is None or classes < 1 or (classes > 2 and not self._many_classes):
            return False
        if not _takes(self._classifier, self.dim):
            return False
        return _equal(self._classify(embedding), self.model.forward_head(raw), 1e-5)

    def _classify(self, embedding: torch.Tensor) -> torch.Tensor:
        if isinstance(self._classifier, nn.Conv2d):
            embedding = embedding[:, :, None, None]
        logits: torch.Tensor = self._classifier(embedding).flatten(1)
        return logits  # (B, classes)


def _thread() -> int:
    """Return the number of the calling thread; 0 in a graph, which is recorded by one alone."""
    return 0 if torch.compiler.is_compiling() else get_ident()


def _classifier_of(model: Any) -> Any:
    """Return the last layer of a timm model; None where there is none, or one for each of two
    tokens.
    """
    name = model.pretrained_cfg.get("classifier")
    return dict(model.named_modules()).get(name) if isinstance(name, str) else None


def _takes(layer: Any, dim: int) -> bool:
    """Say whether a classifier works on the embedding itself: an MLP has layers before it."""
    width = getattr(layer, "in_features", None) or getattr(layer, "in_channels", None)
    return width is None or width == dim


def _is_linear(layer: Any) -> bool:
    pointwise = isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and layer.groups == 1
    return pointwise or isinstance(layer, nn.Linear)


def _equal(found: torch.Tensor, expected: torch.Tensor, tolerance: float) -> bool:
    return found.shape == expected.shape and torch.allclose(
        found, expected, rtol=tolerance, atol=tolerance
    )
