"""Part-contrastive heads: each detects a change of its own part, not of the face.

K linear heads, trained together: cross-entropy per part, where a changed part counts for its own
head alone, and a margin between the least of the changed parts and the greatest of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["Examples", "PartHeads", "PartRecipe", "contrastive_loss", "train_part_heads"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartRecipe:
    """How part-contrastive heads are trained."""

    margin: float = 4.0  # logits between a changed part and the others; 0: cross-entropy alone
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    batch: int = 128
    epochs: int = 100
    patience: int = 10  # epochs that do not lower the validation loss


@dataclass(frozen=True, slots=True)
class Examples:
    """Inputs (K, n, c) of n images and which of their parts were changed: 1, 0 or NaN, (n, K)."""

    inputs: NDArray[np.float32]
    labels: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHeads:
    """K linear heads over inputs in their own units, float64."""

    weight: Array  # (K, c)
    bias: Array  # (K,)

    def logits(self, inputs: NDArray[np.floating]) -> Array:
        """Return (K, n) of inputs (K, n, c)."""
        products = np.einsum("knc,kc->kn", inputs.astype(np.float64), self.weight)
        return np.asarray(products + self.bias[:, None])

    def tensors(self) -> dict[str, Array]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Array]) -> PartHeads:
        """Return the inverse of `tensors`; KeyError names an array that is missing."""
        return cls(**{f.name: tensors[f.name] for f in fields(cls)})


def train_part_heads(
    train: Examples,
    val: Examples,
    recipe: PartRecipe,
    seed: int,
    watch: Callable[[int, float], object] | None = None,
) -> PartHeads:
    """Train heads with AdamW and return them at their lowest validation loss.

    `watch` is told that loss after every epoch, the first being 1.
    Deterministic for a seed on one machine; torch's global generator is neither read nor moved.
    """
    mean = train.inputs.mean(axis=1, keepdims=True, dtype=np.float64)  # (K, 1, c)
    scale = train.inputs.std(axis=1, keepdims=True, dtype=np.float64)
    scale = np.where(scale <= 1e-12 * np.maximum(1.0, np.abs(mean)), 1.0, scale)
    inputs, val_inputs = (
        torch.from_numpy(np.asarray((split.inputs - mean) / scale, np.float32))
        for split in (train, val)
    )
    labels, val_labels = (torch.from_numpy(split.labels) for split in (train, val))
    weight, bias = _trained((inputs, labels), (val_inputs, val_labels), recipe, seed, watch)
    weight /= scale[:, 0]
    return PartHeads(weight=weight, bias=bias - (weight * mean[:, 0]).sum(axis=1))


def contrastive_loss(logits: torch.Tensor, labels: torch.Tensor, margin: float) -> torch.Tensor:
    """Compute the loss of logits and labels (n, K); a label NaN counts for nothing.

    Cross-entropy averaged over what is labelled, plus over all images the amount by which the
    changed part of lowest logit fails to exceed the unchanged one of highest logit by `margin`.
    """
    known = ~labels.isnan()
    every = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, labels.nan_to_num(), reduction="none"
    )
    loss = (every * known).sum() / known.sum().clamp(min=1)
    changed, others = labels == 1, labels == 0
    lowest = logits.masked_fill(~changed, torch.inf).amin(dim=1)
    highest = logits.masked_fill(~others, -torch.inf).amax(dim=1)
    # Where all parts were changed, or none, one of the two is infinite and nothing is lacking.
    lacking = (margin - (lowest - highest)).clamp(min=0) if margin else torch.zeros(1)
    return loss + lacking.mean()


Split = tuple[torch.Tensor, torch.Tensor]  # inputs (K, n, c) and labels (n, K)


def _trained(
    train: Split,
    val: Split,
    recipe: PartRecipe,
    seed: int,
    watch: Callable[[int, float], object] | None,
) -> tuple[Array, Array]:
    inputs, labels = train
    generator = torch.Generator().manual_seed(seed)
    weight = torch.zeros(inputs.shape[::2], requires_grad=True)  # (K, c)
    bias = torch.zeros(len(inputs), requires_grad=True)  # (K,)
    optimiser = torch.optim.AdamW(
        [weight, bias], lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )

    def loss(split: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        logits = torch.einsum("knc,kc->nk", split[0], weight) + bias
        return contrastive_loss(logits, split[1], recipe.margin)

    lowest, best_epoch, best = np.inf, 0, (weight.detach().clone(), bias.detach().clone())
    for epoch in range(recipe.epochs):
        for rows in torch.split(torch.randperm(len(labels), generator=generator), recipe.batch):
            optimiser.zero_grad()
            loss((inputs[:, rows], labels[rows])).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        with torch.no_grad():
            found = loss(val).item()
        if watch is not None:
            watch(epoch + 1, found)
        if found < lowest:
            lowest, best_epoch = found, epoch
            best = (weight.detach().clone(), bias.detach().clone())
        if epoch - best_epoch >= recipe.patience:
            break
    return best[0].double().numpy(), best[1].double().numpy()
