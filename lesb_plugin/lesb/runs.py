"""Heads of one LFD for several seeds, and heads over random subspaces as the control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from lesb_plugin.lesb.embedding import Embedded
from lesb_plugin.lesb.fusion import fuse
from lesb_plugin.lesb.heads import HeadRecipe, Heads, Labelled, auc, train_heads
from lesb_plugin.lfd.artefact import Lfd
from lesb_plugin.lfd.diagnostics import random_subspace
from lesb_plugin.lfd.variants import stable_int
from registry import progress

__all__ = ["Scored", "SeedRun", "train_heads_of", "train_runs"]


@dataclass(frozen=True, slots=True)
class Scored:
    """Heads with their validation AUCs: per part (K,), and of the parts' mean score.

    `history` is that of `Trained`.
    """

    heads: Heads
    auc: NDArray[np.float64]
    fused: float
    history: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SeedRun:
    """One seed: heads over LFD's subspaces, and over random subspaces of the same rank."""

    seed: int
    local: Scored
    random: Scored


def train_runs(
    lfd: Lfd,
    train: Embedded,
    val: Embedded,
    recipe: HeadRecipe,
    seeds: Sequence[int],
    *,
    quiet: bool = False,
) -> list[SeedRun]:
    """Train for each seed the heads of all parts, on LFD's bases and on random ones alike."""
    runs = []
    for seed in progress(seeds, "heads", total=len(seeds), unit="seed", quiet=quiet):
        local, random = (
            _train(bases, lfd.mean, train, val, recipe, seed)
            for bases in (_bases(lfd), _random_bases(lfd, seed))
        )
        runs.append(SeedRun(seed, local, random))
    return runs


def train_heads_of(
    lfd: Lfd, train: Embedded, val: Embedded, recipe: HeadRecipe, seed: int
) -> Scored:
    """Return the heads of all parts over LFD's subspaces."""
    return _train(_bases(lfd), lfd.mean, train, val, recipe, seed)


def _bases(lfd: Lfd) -> NDArray[np.float32]:
    return np.stack([lfd.bases[part] for part in lfd.parts])  # (K, d, r)


def _random_bases(lfd: Lfd, seed: int) -> NDArray[np.float32]:
    """Return a random subspace (d, r) instead of each part's own, (K, d, r)."""
    rngs = [np.random.default_rng([seed, stable_int(f"random {part}")]) for part in lfd.parts]
    bases = [random_subspace(len(lfd.mean), lfd.rank, rng) for rng in rngs]
    return np.stack(bases).astype(np.float32)


def _train(
    bases: NDArray[np.float32],
    centre: NDArray[np.float32],
    train: Embedded,
    val: Embedded,
    recipe: HeadRecipe,
    seed: int,
) -> Scored:
    known, unseen = (
        Labelled(np.asarray((split.pairs - centre) @ bases, np.float32), split.labels)
        for split in (train, val)
    )
    trained = train_heads(known, unseen, recipe, seed)
    fused = fuse(expit(trained.heads.logits(unseen.local)), "mean")
    return Scored(trained.heads, trained.auc, auc(val.labels, fused), trained.history)
