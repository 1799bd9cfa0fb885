"""Write TensorBoard's files: curves, pictures, and points for the embedding projector."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from registry import BenchError

__all__ = ["FOLDER", "PICTURED", "POINTS", "SIDE", "Board", "board_in", "changed", "chosen", "grid"]

FOLDER = "tensorboard"  # within a run's folder
PICTURED = 4  # faces in a picture of a fit
SIDE = 224  # pixels of each of its cells, at most
POINTS = 300  # crops in the projector, at most: it is text, and a browser holds all of it
_DECIMALS = 5  # of the projector's coordinates

Image = NDArray[np.uint8]


class Board:
    """Writer of TensorBoard's files in a folder, or of nothing."""

    def __init__(self, folder: Path | None, first_step: int = 0) -> None:
        """Open the folder; with `first_step` continue from that step, else replace what is
        there.
        """
        self._writer: Any = None
        if folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            if not first_step:
                shutil.rmtree(folder, ignore_errors=True)
            # Off what a run that is resumed wrote after its checkpoint.
            self._writer = SummaryWriter(str(folder), purge_step=first_step or None)

    def __bool__(self) -> bool:
        """Say whether anything is written."""
        return self._writer is not None

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Add one point to each curve."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def curve(self, name: str, values: Iterable[float], first: int = 1) -> None:
        """Add a whole curve, its first point at step `first`."""
        for step, value in enumerate(values, first):
            self.scalars({name: float(value)}, step)

    def image(self, name: str, image: Image, step: int = 0) -> None:
        """Add a picture, uint8 RGB (H, W, 3)."""
        if self._writer is not None:
            self._writer.add_image(name, image, step, dataformats="HWC")

    def text(self, name: str, text: str) -> None:
        """Add a sentence."""
        if self._writer is not None:
            self._writer.add_text(name, text)

    def points(
        self, name: str, vectors: NDArray[np.floating[Any]], labels: Mapping[str, Sequence[str]]
    ) -> None:
        """Add points (n, d) to the embedding projector, with n labels of each of two kinds or
        more.
        """
        if self._writer is not None:
            import torch

            short = np.round(np.asarray(vectors, np.float64), _DECIMALS)
            rows = [list(row) for row in zip(*labels.values(), strict=True)]
            self._writer.add_embedding(
                torch.from_numpy(short), rows, metadata_header=list(labels), tag=name
            )

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


@contextmanager
def board_in(out: Path, *, wanted: bool) -> Iterator[Board]:
    """Yield the board of a run's folder, or one that writes nothing; closed at the end.

    A refused run (a BenchError) leaves no files behind; after an interrupt or a failure the
    board shows how far the run came.
    """
    fresh = wanted and not (out / FOLDER).exists()
    board = Board(out / FOLDER if wanted else None)
    refused = False
    try:
        yield board
    except BenchError:
        refused = True
        raise
    finally:
        board.close()
        if refused and fresh:
            shutil.rmtree(out / FOLDER, ignore_errors=True)


def chosen(count: int, most: int, seed: int) -> NDArray[np.int64]:
    """Choose up to `most` of `count` rows, in order; the same for a seed."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def grid(rows: Sequence[Sequence[Image]], side: int | None = None) -> Image:
    """Arrange pictures of one size, uint8 (S, S, 3) or (S, S), in a grid.

    Where they are larger than `side` they are made smaller.
    """
    lines = [np.concatenate([_cell(each, side) for each in row], axis=1) for row in rows]
    return np.concatenate(lines)


def changed(real: Image, fake: Image) -> Image:
    """Return where two images (S, S, 3) differ, (S, S), white where they do so most."""
    change = np.abs(fake.astype(np.int16) - real).max(axis=2)
    return np.asarray(change * 255.0 / max(1, change.max()), np.uint8)


def _cell(image: Image, side: int | None) -> Image:
    coloured = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
    if side is None or len(image) <= side:
        return coloured
    return np.asarray(cv2.resize(coloured, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
