"""Eq. 7's classifiers: one small perceptron per face part, over local embeddings.

K parts are trained as one batched module: their parameters, losses, and early stops are their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = [
    "FoldedHeads",
    "HeadRecipe",
    "Heads",
    "Labelled",
    "TorchHeads",
    "Trained",
    "auc",
    "fold",
    "train_heads",
]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadRecipe:
    """How heads are built and trained."""

    hidden: int = 128
    dropout: float = 0.2
    learning_rate: float = 1e-3
    batch: int = 256
    epochs: int = 100
    patience: int = 10  # epochs that do not improve on validation


@dataclass(frozen=True, slots=True)
class Labelled:
    """Local embeddings (K, n, r) float32 of n images, and their labels (n,): 1 for fake."""

    local: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """K perceptrons r -> h -> 1 with the standardisers of their inputs, as float32 arrays."""

    mean: NDArray[np.float32]  # (K, r)
    scale: NDArray[np.float32]  # (K, r)
    weight1: NDArray[np.float32]  # (K, r, h)
    bias1: NDArray[np.float32]  # (K, h)
    weight2: NDArray[np.float32]  # (K, h)
    bias2: NDArray[np.float32]  # (K,)

    def logits(self, local: NDArray[np.floating]) -> Array:
        """Return logits of fake (K, n) of local embeddings (K, n, r), in float64."""
        z = (local - self.mean[:, None].astype(np.float64)) / self.scale[:, None]
        hidden = np.maximum(z @ self.weight1 + self.bias1[:, None], 0.0)  # (K, n, h)
        return np.asarray((hidden @ self.weight2[..., None])[..., 0] + self.bias2[:, None])

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[np.float32]]) -> Heads:
        """Return the inverse of `tensors`; KeyError names an array that is missing."""
        return cls(**{f.name: tensors[f.name] for f in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """Heads at their best epoch, that epoch, and the validation AUC there: (K,).

    `history` (epochs, 2, K) holds AUC and loss on validation after every epoch.
    """

    heads: Heads
    auc: Array
    epoch: NDArray[np.int64]
    history: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedHeads:
    """Heads with projection, centring and standardiser multiplied into their first layer."""

    weight1: Array  # (d, K h)
    bias1: Array  # (K h,)
    weight2: Array  # (K, h)
    bias2: Array  # (K,)

    def logits(self, embeddings: NDArray[np.floating]) -> Array:
        """Return logits of fake (K, B) of global embeddings (B, d), in float64."""
        parts, hidden = self.weight2.shape
        units = embeddings.astype(np.float64) @ self.weight1 + self.bias1  # (B, K h)
        np.maximum(units, 0.0, out=units)
        units = units.reshape(-1, parts, hidden)  # (B, K, h)
        return np.asarray(np.einsum("bkh,kh->kb", units, self.weight2) + self.bias2[:, None])

    def to(self, device: torch.device) -> TorchHeads:
        """Return the same for tensors on a device, in float64 wherever the device has it."""
        dtype = torch.float32 if device.type == "mps" else torch.float64
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        return TorchHeads(
            **{n: torch.tensor(array, dtype=dtype, device=device) for n, array in arrays.items()}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchHeads:
    """FoldedHeads whose logits torch can differentiate; for explanations."""

    weight1: torch.Tensor  # (d, K h)
    bias1: torch.Tensor  # (K h,)
    weight2: torch.Tensor  # (K, h)
    bias2: torch.Tensor  # (K,)

    def logits(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Return logits of fake (K, B) of global embeddings (B, d)."""
        units = (embeddings.to(self.weight1.dtype) @ self.weight1 + self.bias1).relu()  # (B, K h)
        units = units.reshape(-1, *self.weight2.shape)  # (B, K, h)
        return torch.einsum("bkh,kh->kb", units, self.weight2) + self.bias2[:, None]


def fold(heads: Heads, bases: NDArray[np.floating], centre: NDArray[np.floating]) -> FoldedHeads:
    """Rewrite heads over `bases[k].T @ (e - centre)`, (K, d, r) and (d,), as heads over e
    itself.
    """
    scaled = heads.weight1 / heads.scale[..., None].astype(np.float64)  # (K, r, h)
    weight1 = bases.astype(np.float64) @ scaled  # (K, d, h)
    offset = np.einsum("kr,krh->kh", heads.mean.astype(np.float64), scaled)
    bias1 = heads.bias1 - offset - np.einsum("d,kdh->kh", centre.astype(np.float64), weight1)
    return FoldedHeads(
        weight1=np.ascontiguousarray(weight1.transpose(1, 0, 2).reshape(len(centre), -1)),
        bias1=bias1.reshape(-1),
        weight2=heads.weight2.astype(np.float64),
        bias2=heads.bias2.astype(np.float64),
    )


def auc(labels: NDArray[np.int64], scores: NDArray[np.floating]) -> float:
    """Return area under the ROC curve of scores (n,) for labels (n,); ties count half."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores))


def train_heads(train: Labelled, val: Labelled, recipe: HeadRecipe, seed: int) -> Trained:
    """Return heads trained with AdamW on binary cross-entropy, each stopped on its validation AUC.

    Of epochs with the same AUC the one of lower validation loss is better. Deterministic for a seed
    on one machine; torch's global generator is neither read nor moved.
    """
    mean, scale = _standardiser(train.local)
    inputs, val_inputs = (
        torch.from_numpy(_standardised(split.local, mean, scale)) for split in (train, val)
    )
    targets = torch.from_numpy(train.labels.astype(np.float32))
    module = _Perceptrons(len(inputs), inputs.shape[2], recipe, torch.Generator().manual_seed(seed))
    best = _Best(module, recipe.patience)
    history = []
    with _one_thread():
        optimiser = torch.optim.AdamW(module.parameters(), lr=recipe.learning_rate)
        for epoch in range(recipe.epochs):
            _train_epoch(module, optimiser, inputs, targets, recipe.batch)
            history.append(_validate(module, val_inputs, val.labels))
            best.update(module, epoch, *history[-1])
            if best.is_over(epoch):
                break
    return Trained(
        heads=Heads(mean=mean, scale=scale, **best.arrays()),
        auc=best.auc,
        epoch=best.epoch,
        history=np.array(history),
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Use one thread: the matrices are so small that threads would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train_epoch(
    module: _Perceptrons,
    optimiser: torch.optim.Optimizer,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    batch: int,
) -> None:
    order = torch.randperm(len(targets), generator=module.generator)
    for rows in torch.split(order, batch):
        optimiser.zero_grad()
        # Summed over parts, so that a part's gradient does not depend on how many there are.
        loss = _losses(module(inputs[:, rows]), targets[rows]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()


class _Perceptrons(torch.nn.Module):
    """K perceptrons side by side, initialised as torch.nn.Linear is but from `generator`."""

    def __init__(
        self, parts: int, rank: int, recipe: HeadRecipe, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.generator, self.dropout = generator, recipe.dropout

        def uniform(fan_in: int, *shape: int) -> torch.nn.Parameter:
            values = torch.rand(*shape, generator=generator)
            return torch.nn.Parameter((2.0 * values - 1.0) / fan_in**0.5)

        self.weight1 = uniform(rank, parts, rank, recipe.hidden)
        self.bias1 = uniform(rank, parts, recipe.hidden)
        self.weight2 = uniform(recipe.hidden, parts, recipe.hidden)
        self.bias2 = uniform(recipe.hidden, parts)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits (K, n) of standardised inputs (K, n, r)."""
        hidden = torch.baddbmm(self.bias1[:, None], inputs, self.weight1).relu()  # (K, n, h)
        if self.training and self.dropout > 0:
            mask = torch.rand(hidden.shape, generator=self.generator) >= self.dropout
            hidden = hidden * mask / (1.0 - self.dropout)
        return (hidden @ self.weight2[..., None])[..., 0] + self.bias2[:, None]


class _Best:
    """Every part's parameters at its best epoch so far: of highest AUC, and of lowest loss there.

    The loss decides where heads tell all faces apart at once: the first of those is hardly trained.
    """

    def __init__(self, module: _Perceptrons, patience: int) -> None:
        parts = len(module.bias2)
        self.patience = patience
        self.auc = np.full(parts, -np.inf)
        self.loss = np.full(parts, np.inf)
        self.epoch = np.zeros(parts, np.int64)
        self._state = {name: value.detach().clone() for name, value in module.named_parameters()}

    def update(self, module: _Perceptrons, epoch: int, aucs: Array, losses: Array) -> None:
        better = (aucs > self.auc) | ((aucs == self.auc) & (losses < self.loss))
        better &= self._live(epoch)
        for part in np.flatnonzero(better):
            for name, value in module.named_parameters():
                self._state[name][part] = value.detach()[part]
        self.auc = np.where(better, aucs, self.auc)
        self.loss = np.where(better, losses, self.loss)
        self.epoch = np.where(better, epoch, self.epoch)

    def is_over(self, epoch: int) -> bool:
        return not self._live(epoch + 1).any()

    def _live(self, epoch: int) -> NDArray[np.bool_]:
        """Return which parts still train: others went `patience` epochs without improving."""
        return np.asarray(epoch - self.epoch <= self.patience)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        return {name: value.numpy() for name, value in self._state.items()}


def _validate(
    module: _Perceptrons, inputs: torch.Tensor, labels: NDArray[np.int64]
) -> tuple[Array, Array]:
    """Return AUC and loss of every part, (K,) each."""
    module.eval()
    with torch.no_grad():
        logits = module(inputs)
        losses = _losses(logits, torch.from_numpy(labels.astype(np.float32))).numpy()
    module.train()
    aucs = [auc(labels, row) for row in logits.numpy()]
    return np.array(aucs), losses.astype(np.float64)


def _losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return the binary cross-entropy of logits (K, n), averaged over images: (K,)."""
    every = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, targets.expand_as(logits), reduction="none"
    )
    return every.mean(dim=1)


def _standardiser(local: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation over images, (K, r) each; a constant input is left
    unscaled.
    """
    mean = local.mean(axis=1, dtype=np.float64)
    deviation = local.std(axis=1, dtype=np.float64)
    constant = deviation <= 1e-12 * np.maximum(1.0, np.abs(mean))
    return mean.astype(np.float32), np.where(constant, 1.0, deviation).astype(np.float32)


def _standardised(
    local: NDArray[np.float32], mean: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.asarray((local - mean[:, None]) / scale[:, None], np.float32)
