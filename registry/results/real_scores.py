"""The real faces that a file's scores are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from registry.results.conformal import QualityClasses

__all__ = ["RealScores"]

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealScores:
    """Scores of n real faces: `fake` (n,), and (n,) by part.

    `name` says from which data; `advice` adds what a reader must know. `sharpness` (n,) is that
    of the images, None where it is not known: then faces of all qualities are compared alike.
    `narrowed` says that they are of one class of quality. There may be none to compare with, n = 0:
    `advice` then says why, and what to do.
    """

    name: str
    fake: Array
    parts: Mapping[str, Array]
    advice: str = ""
    sharpness: Array | None = None
    narrowed: bool = False

    def __len__(self) -> int:
        return len(self.fake)

    def like(self, sharpness: float | None) -> RealScores | None:
        """Choose those of the same class of quality; None if there are none."""
        if not len(self):
            return None
        if self.sharpness is None or sharpness is None:
            return self
        classes = QualityClasses.of(self.sharpness)
        own = int(classes.of_faces(np.array([sharpness]))[0])
        if own < 0:
            return None
        chosen = classes.of_faces(self.sharpness) == own
        low, high = classes.range_of(own)
        return replace(
            self,
            fake=self.fake[chosen],
            parts={name: values[chosen] for name, values in self.parts.items()},
            sharpness=self.sharpness[chosen],
            name=f"{self.name}, of similar sharpness ({low:.0f} to {high:.0f})",
            narrowed=True,
        )

    @property
    def sentence(self) -> str:
        """Say in plain words what scores are compared with."""
        if not len(self):
            return f"Scores are compared with nothing, so no verdict is given: {self.advice}."
        faces = f"{len(self)} pictures of real faces ({self.name})"
        if self.sharpness is not None and not self.narrowed:
            faces = f"those of similar sharpness among {faces}"
        compared = f"Scores are compared with {faces}."
        return f"{compared} {self.advice}".rstrip()
