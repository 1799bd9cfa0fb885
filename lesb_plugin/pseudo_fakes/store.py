"""Real faces, decoded once, in a file that every worker maps into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lesb_plugin.lfd.variants import Skipped, check_skipped, load_in_order
from lesb_plugin.pseudo_fakes.geometry import most_alike, unit_shapes
from lesb_plugin.pseudo_fakes.mask import Points
from lesb_plugin.pseudo_fakes.view import Box, View, resize_view
from registry import BenchError, DataError, Sample, gather, progress, this_rank

__all__ = ["FaceStore", "StoredFace", "build_store", "once_a_machine"]

T = TypeVar("T")

_WIDEST = 400  # pixels of a face box, beyond which an image is made smaller


@dataclass(frozen=True, slots=True, eq=False)
class StoredFace:
    """Where a face lies in the file, and what belongs to it."""

    key: str
    identity: str
    offset: int
    shape: tuple[int, ...]
    landmarks: Points
    box: Box

    @property
    def dataset(self) -> str:
        return self.key.split("/", 1)[0]

    @property
    def width(self) -> float:
        """Return the width of the face box."""
        return self.box[2] - self.box[0]


class FaceStore:
    """Faces with landmarks by number; reading one copies nothing. Pickled, it is a path."""

    def __init__(
        self, path: Path, entries: Sequence[StoredFace], skipped: Sequence[Skipped]
    ) -> None:
        self.path, self.entries, self.skipped = path, tuple(entries), tuple(skipped)
        self._pixels: NDArray[np.uint8] | None = None
        self._shapes: NDArray[np.complex64] | None = None
        self._alike: dict[str, NDArray[np.int64]] = {}  # faces of each data set

    def __len__(self) -> int:
        return len(self.entries)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_pixels": None, "_shapes": None}

    def view(self, index: int) -> View:
        """Face number `index`; its image must not be written to."""
        if self._pixels is None:
            self._pixels = np.memmap(self.path, np.uint8, mode="r")
        entry = self.entries[index]
        flat = self._pixels[entry.offset : entry.offset + int(np.prod(entry.shape))]
        return View(np.asarray(flat).reshape(entry.shape), entry.landmarks, entry.box)

    def donor(
        self, index: int, candidates: int, rng: np.random.Generator, *, alike: bool = False
    ) -> View:
        """Choose the donor: of `candidates` drawn faces of other people the one most similar in
        shape.

        `alike` draws them from the face's own data set: faces of one origin, sharpness and size.
        """
        own = self.entries[index]
        pool = self._of_dataset(own.dataset) if alike else np.arange(len(self))
        drawn = rng.choice(pool, min(len(pool), candidates), replace=False)
        others = [int(at) for at in drawn if self.entries[at].identity != own.identity]
        if not others:
            raise ValueError("no face of another person was among the candidates")
        if self._shapes is None:
            self._shapes = unit_shapes(np.stack([each.landmarks[:68] for each in self.entries]))
        return self.view(others[most_alike(self._shapes[others], self._shapes[index])])

    def _of_dataset(self, name: str) -> NDArray[np.int64]:
        if name not in self._alike:
            found = [at for at, each in enumerate(self.entries) if each.dataset == name]
            self._alike[name] = np.array(found, np.int64)
        return self._alike[name]


def build_store(
    samples: Sequence[Sample],
    path: Path,
    *,
    label: str,
    workers: int,
    max_errors: float,
    quiet: bool,
) -> FaceStore:
    """Read every sample once and write what training needs to `path`.

    Of the ranks on one machine the first does so for all; the file has to last until all of them
    have come to a later exchange.
    """
    return once_a_machine(lambda: _read_all(samples, path, label, workers, max_errors, quiet=quiet))


def once_a_machine(make: Callable[[], T]) -> T:
    """Call `make` in the first rank of each machine; return its result in all ranks there."""
    rank = this_rank()
    found = gather([make()] if rank.local == 0 else [])
    return found[rank.head][0]


def _read_all(
    samples: Sequence[Sample],
    path: Path,
    label: str,
    workers: int,
    max_errors: float,
    *,
    quiet: bool,
) -> FaceStore:
    items = cast(Iterator[_Region | Skipped], load_in_order(cast(Any, _Regions(samples)), workers))
    entries: list[StoredFace] = []
    skipped: list[Skipped] = []
    with path.open("wb") as file:
        for item in progress(items, label, total=len(samples), unit="face", quiet=quiet):
            if isinstance(item, Skipped):
                skipped.append(item)
                check_skipped(skipped, len(samples), max_errors)
                continue
            view = item.view
            place = (file.tell(), view.image.shape, view.landmarks, view.box)
            entries.append(StoredFace(item.key, item.identity, *place))
            file.write(np.ascontiguousarray(view.image).tobytes())
    if not entries:
        raise DataError(f"none of {len(samples)} faces could be used ({label})")
    return FaceStore(path, entries, skipped)


@dataclass(frozen=True, slots=True)
class _Region:
    key: str
    identity: str
    view: View


@dataclass(frozen=True)
class _Regions(torch.utils.data.Dataset["_Region | Skipped"]):
    """The surroundings of every sample's face."""

    samples: Sequence[Sample]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> _Region | Skipped:
        sample = self.samples[index]
        try:
            image, face = sample.load()
            if face.landmarks is None:
                raise DataError("a face without landmarks cannot be blended; pass --landmarks")
            view = _surroundings(View(image, face.landmarks, face.box))
        except (BenchError, ValueError, cv2.error) as error:
            return Skipped(sample.key, str(error))
        return _Region(sample.key, sample.identity, view)


def _surroundings(view: View) -> View:
    """Cut as much around the face as self-blending looks at, at most _WIDEST pixels a face."""
    (x0, y0), (x1, y1) = view.landmarks.min(axis=0), view.landmarks.max(axis=0)
    bx0, by0, bx1, by1 = view.box
    width, height = max(x1 - x0, bx1 - bx0), max(y1 - y0, by1 - by0)
    rows, columns = view.image.shape[:2]
    left, right = max(0, int(min(x0, bx0) - width / 2)), min(columns, int(max(x1, bx1) + width / 2))
    top, bottom = max(0, int(min(y0, by0) - height)), min(rows, int(max(y1, by1) + height / 2))
    if right - left < 16 or bottom - top < 16:
        raise ValueError(f"the face box {view.box} lies outside the {columns}x{rows} image")
    cut = View(
        view.image[top:bottom, left:right],
        (view.landmarks - (left, top)).astype(np.float32),
        (bx0 - left, by0 - top, bx1 - left, by1 - top),
    )
    return cut if cut.width <= _WIDEST else resize_view(cut, _WIDEST / cut.width)
