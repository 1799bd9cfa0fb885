"""Turn a real face into its crop and the locally changed variants of every part (Eq. 1)."""

from __future__ import annotations

import hashlib
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lesb_plugin.lfd.augment import Psi, local_variant
from lesb_plugin.lfd.regions import Region, RegionSet, part_mask
from registry import BenchError, Crop, CropPolicy, DataError, Sample, crop_face, end_with_parent

__all__ = [
    "Skipped",
    "VariantDataset",
    "Variants",
    "as_it_is",
    "check_skipped",
    "load_in_order",
    "stable_int",
    "worker_context",
]

T = TypeVar("T")

MAX_PER_ITEM = 16  # variants made at a time, so that memory does not grow with M


@dataclass(frozen=True, slots=True)
class Variants:
    """Images of one face, uint8: `clean` (S, S, 3) and `images` (K, m, S, S, 3)."""

    key: str
    clean: NDArray[np.uint8]
    images: NDArray[np.uint8]
    seconds: float


@dataclass(frozen=True, slots=True)
class Skipped:
    """A face that could not be used, and why."""

    key: str
    reason: str


def check_skipped(skipped: Sequence[Skipped], faces: int, max_errors: float) -> None:
    """Raise a DataError when more than `max_errors` (a share of `faces` below 1, else a count)
    failed.
    """
    allowed = max_errors * faces if max_errors < 1 else max_errors
    if len(skipped) > allowed:
        last = skipped[-1]
        raise DataError(
            f"{len(skipped)} of {faces} faces could not be used, more than max_errors "
            f"{max_errors:g} allows; the last: {last.key}: {last.reason}"
        )


def stable_int(text: str) -> int:
    """Return 64 bits that are the same for a text on every machine and in every process."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


@dataclass(frozen=True)
class VariantDataset(torch.utils.data.Dataset[Variants | Skipped]):
    """Samples, cropped for the backbone, with M variants of each of the K parts.

    A sample's variants come in `items_per_sample` consecutive items of at most MAX_PER_ITEM. A
    variant is a function of (seed, epoch, the sample's key, part, number of the variant) alone:
    which process makes it, and after what, changes nothing.
    """

    samples: Sequence[Sample]
    regions: RegionSet
    psi: Psi
    crop: CropPolicy
    variants: int
    seed: int = 0
    epoch: int = 0

    @property
    def items_per_sample(self) -> int:
        return -(-self.variants // MAX_PER_ITEM)

    @property
    def content(self) -> tuple[object, ...]:
        """Return what decides the variants, as plain data: equal for equal ones."""
        keys = [sample.key for sample in self.samples]
        drawn = [self.regions.to_mapping(), self.psi.config, self.variants, self.seed, self.epoch]
        return keys, *drawn, repr(self.crop)

    def __len__(self) -> int:
        return len(self.samples) * self.items_per_sample

    def __getitem__(self, index: int) -> Variants | Skipped:
        sample = self.samples[index // self.items_per_sample]
        first = index % self.items_per_sample * MAX_PER_ITEM
        start = time.perf_counter()
        try:
            clean, images = self._images(
                sample, range(first, min(first + MAX_PER_ITEM, self.variants))
            )
        except (BenchError, ValueError) as error:
            return Skipped(sample.key, str(error))
        return Variants(sample.key, clean, images, time.perf_counter() - start)

    def _images(
        self, sample: Sample, numbers: range
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        image, face = sample.load()
        crop = crop_face(image, face, self.crop)
        height, width, _ = crop.image.shape
        images = np.empty((len(self.regions.parts), len(numbers), height, width, 3), np.uint8)
        for k, region in enumerate(self.regions.parts):
            for j, number in enumerate(numbers):
                images[k, j] = self.draw(sample.key, crop, region, number)[1]
        return crop.image, images

    def draw(
        self, key: str, crop: Crop, region: Region, number: int
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """Return the mask (S, S) and the image (S, S, 3) of one variant; ValueError: without
        landmarks.
        """
        if crop.landmarks is None:
            raise ValueError("a face without landmarks has no parts")
        rng = self._rng(key, region.name, number)
        mask = part_mask(crop.landmarks, region, crop.image.shape[:2], self.regions.jitter, rng)
        return mask, local_variant(crop.image, mask, self.psi, rng)

    def _rng(self, key: str, part: str, number: int) -> np.random.Generator:
        return np.random.default_rng(
            [self.seed, self.epoch, stable_int(key), stable_int(part), number]
        )


def load_in_order(dataset: torch.utils.data.Dataset[T], workers: int) -> Iterator[T]:
    """Yield every item, in order, the same for any number of workers; 0 uses this process."""
    yield from torch.utils.data.DataLoader(
        dataset,
        batch_size=None,
        num_workers=workers,
        collate_fn=as_it_is,
        worker_init_fn=_prepare_worker,
        prefetch_factor=1 if workers else None,
        multiprocessing_context=worker_context(__name__, "albumentations") if workers else None,
    )


def worker_context(*modules: str) -> Any:
    """Fork workers from a server process with `modules` loaded, not from this process.

    torch and OpenCV run threads here by now, and a forked child may wait forever for locks that
    they held; starting from nothing costs seconds for every worker.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*modules])
    return context


def as_it_is(item: T) -> T:
    """Return the item: what a loader without batches should do with it."""
    return item


def _prepare_worker(_worker: int) -> None:
    cv2.setNumThreads(0)
    end_with_parent()  # one of a server process does not notice by itself that the fit was killed
