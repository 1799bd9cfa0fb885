"""Decide which face is seen when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lesb_plugin.lfd.variants import stable_int

__all__ = ["Order"]


@dataclass(frozen=True)
class Order:
    """The order in which faces are seen: a new permutation per epoch, cut into steps of `pairs`.

    The faces left over by an epoch's last whole step are not seen in it.
    """

    faces: int
    pairs: int
    epochs: int
    seed: int = 0

    @property
    def steps(self) -> int:
        """Return the steps per epoch."""
        return max(1, self.faces // self.pairs)

    def __len__(self) -> int:
        return self.epochs * self.steps

    def after(self, done: int) -> Iterator[list[tuple[int, int]]]:
        """Yield the steps that follow `done` steps, as (epoch, face) of each pair."""
        for epoch in range(done // self.steps, self.epochs):
            rng = np.random.default_rng([self.seed, stable_int("order"), epoch])
            faces = rng.permutation(self.faces).tolist()
            first = done % self.steps if epoch == done // self.steps else 0
            for step in range(first, self.steps):
                chosen = faces[step * self.pairs : (step + 1) * self.pairs]
                yield [(epoch, face) for face in chosen]
