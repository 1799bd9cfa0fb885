"""Pairs of real and fake as the network sees them, each a function of its seed alone."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from lesb_plugin.lfd.part_grid import FINENESS, fine_masks
from lesb_plugin.lfd.presets import region_preset
from lesb_plugin.lfd.regions import RegionSet
from lesb_plugin.lfd.variants import Skipped, as_it_is, stable_int, worker_context
from lesb_plugin.pseudo_fakes.blend import Style
from lesb_plugin.pseudo_fakes.blend_style import load_style
from lesb_plugin.pseudo_fakes.crop_pair import CropPair
from lesb_plugin.pseudo_fakes.cutout import draw_cutout
from lesb_plugin.pseudo_fakes.forgeries import FAMILIES, forge
from lesb_plugin.pseudo_fakes.part_labels import changed_parts
from lesb_plugin.pseudo_fakes.quality import draw_quality
from lesb_plugin.pseudo_fakes.recipe import Recipe
from lesb_plugin.pseudo_fakes.scene import Scene
from lesb_plugin.pseudo_fakes.store import FaceStore
from lesb_plugin.pseudo_fakes.view import View, place, resize_view
from registry import (
    ConfigError,
    Crop,
    CropPolicy,
    DataError,
    Face,
    Rank,
    crop_face,
    end_with_parent,
    resolve,
)

__all__ = ["Batch", "PairMaker", "batches", "load_recipe", "own_pairs", "pair_maker"]

PART_GRID = 16  # a quarter of the side that masks of parts have
_ALONE = Rank()
_CONTEXT = 8  # pixels beyond a crop that go through filters and codecs with it
_ATTEMPTS = 12  # draws of one pair before its face is given up for this epoch


@dataclass(frozen=True)
class PairMaker(torch.utils.data.Dataset[CropPair | Skipped]):
    """Item (epoch, i): a pair made of face i of `store`.

    It is a function of (seed, purpose, epoch, the face's key) alone: which process makes it, and
    after what, changes nothing. A draw that is impossible for this face is drawn again.
    `shuffled` swaps real and fake by chance.
    """

    store: FaceStore
    crop: CropPolicy
    recipe: Recipe
    blend: Style
    regions: RegionSet
    purpose: str
    seed: int = 0
    shuffled: bool = False

    @property
    def content(self) -> tuple[object, ...]:
        """Return what decides the pairs, as plain data: equal for equal ones.

        Which faces could be read is part of it: donors are drawn from them.
        """
        faces = [entry.key for entry in self.store.entries]
        drawn = [self.purpose, self.seed, self.shuffled, self.regions.to_mapping()]
        return faces, *drawn, repr(self.crop), repr(self.recipe), repr(self.blend)

    def __len__(self) -> int:
        return len(self.store)

    def __getitem__(self, item: tuple[int, int]) -> CropPair | Skipped:
        return self.make(*item)

    def make(self, epoch: int, index: int, family: str | None = None) -> CropPair | Skipped:
        """Return one pair; of the family given, or of one that is drawn by its weight."""
        key = self.store.entries[index].key
        reason = ""
        for attempt in range(_ATTEMPTS):
            rng = np.random.default_rng(
                [self.seed, stable_int(self.purpose), epoch, stable_int(key), attempt]
            )
            try:
                return self._draw(index, family or self._family(rng), rng)
            except (ValueError, cv2.error) as error:
                reason = str(error)
        return Skipped(key, f"{_ATTEMPTS} draws failed, the last: {reason}")

    def _family(self, rng: np.random.Generator) -> str:
        weights = self.recipe.weights()
        return str(rng.choice(list(weights), p=list(weights.values())))

    def _draw(self, index: int, family: str, rng: np.random.Generator) -> CropPair:
        view = place(self.store.view(index), self.recipe.placement, rng)
        forged = forge(family, view, self._scene(index), rng)
        cut = partial(crop_face, policy=self.crop, margin=self._margin(rng))
        face = Face(box=forged.view.box, landmarks=forged.view.landmarks)
        mask = cut(np.rint(forged.mask * 255).astype(np.uint8), face)
        (rows, columns), face = _around(mask.box, forged.mask.shape, face)
        views = [forged.real[rows, columns], forged.fake[rows, columns]]
        if self.recipe.quality is not None:
            distort = draw_quality(self.recipe.quality, rng)
            views = [distort(image) for image in views]
        swapped = rng.random() < 0.5  # drawn in any case: a control sees the pairs of its run
        crops = [cut(image, face) for image in views]
        return self._pair(crops, mask.image, family, rng, swap=self.shuffled and swapped)

    def _margin(self, rng: np.random.Generator) -> tuple[float, float, float, float] | None:
        if self.recipe.placement.margin is None:
            return None
        left, top, right, bottom = rng.uniform(*self.recipe.placement.margin, 4).tolist()
        return left, top, right, bottom

    def _pair(
        self,
        crops: Sequence[Crop],
        mask: NDArray[np.uint8],
        family: str,
        rng: np.random.Generator,
        *,
        swap: bool,
    ) -> CropPair:
        images = np.stack([crop.image for crop in crops])  # (2, S, S, 3)
        cutout = draw_cutout(self.recipe.cutout, mask, rng)
        if cutout is not None:
            (rows, columns), colour = cutout
            images[:, rows, columns], mask[rows, columns] = colour, 0
        masks = np.stack([np.zeros_like(mask), mask])
        if swap:
            images, masks = images[::-1].copy(), masks[::-1].copy()
        landmarks = np.asarray(crops[0].landmarks, np.float32)
        return CropPair(images, mask, family, masks, landmarks)

    def _scene(self, index: int) -> Scene:
        def donor(view: View, rng: np.random.Generator, alike: bool) -> View:
            face = self.store.donor(index, self.recipe.swap.candidates, rng, alike=alike)
            factor = view.width / self.store.entries[index].width
            return resize_view(face, factor) if alike and factor < 1.0 else face

        return Scene(self.recipe, self.blend, self.regions, donor)


def _around(
    box: tuple[int, int, int, int], shape: tuple[int, ...], face: Face
) -> tuple[tuple[slice, slice], Face]:
    """Return the window of an image that a crop of `box` needs, and the face in its pixels."""
    left, top = max(0, box[0] - _CONTEXT), max(0, box[1] - _CONTEXT)
    right, bottom = min(shape[1], box[2] + _CONTEXT), min(shape[0], box[3] + _CONTEXT)
    x0, y0, x1, y1 = face.box
    points = np.asarray(face.landmarks) - np.array([left, top], np.float32)
    moved = Face(box=(x0 - left, y0 - top, x1 - left, y1 - top), landmarks=points)
    return (slice(top, bottom), slice(left, right)), moved


def load_recipe(style: str) -> Recipe:
    """Return the recipe in a style file; ConfigError says what is wrong with it."""
    recipe: Recipe = resolve(Recipe, style)
    fault = recipe.check(FAMILIES)
    if fault:
        raise ConfigError(f"style {style!r}: {fault}")
    return recipe


def pair_maker(
    store: FaceStore,
    crop: CropPolicy,
    style: str,
    *,
    purpose: str,
    seed: int = 0,
    shuffled: bool = False,
) -> PairMaker:
    """Build a maker of pairs from a store's faces and a style file."""
    recipe = load_recipe(style)
    try:
        blend = load_style(recipe.blend)
    except ConfigError as error:
        raise ConfigError(f"style {style!r}, {error}") from error
    regions = region_preset(recipe.regions)
    return PairMaker(store, crop, recipe, blend, regions, purpose, seed, shuffled)


# --- batches ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Batch:
    """The pairs of one step: `images` uint8 tensor (n, 2, S, S, 3), real before fake.

    `masks` (n, 2, S, S) uint8 says where each was changed: 0 throughout for the reals. `parts`
    (n, 2, K, h, w) are the soft masks of the face's parts, and `changed` (n, 2, K) says which of
    them were changed: 1, 0 or NaN for unknown; both are None unless they were asked for.
    """

    images: torch.Tensor
    masks: torch.Tensor
    parts: torch.Tensor | None
    changed: torch.Tensor | None
    families: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    seconds: float  # that making them took, in one process


@dataclass(frozen=True)
class _Batches(torch.utils.data.Dataset[Batch]):
    """The pairs of a step as one item, so that a worker hands over few large arrays."""

    maker: PairMaker
    with_parts: bool
    rank: Rank

    def __getitem__(self, step: Sequence[tuple[int, int]]) -> Batch:
        start = time.perf_counter()
        items = [self.maker[each] for each in own_pairs(step, self.rank)]
        pairs = [item for item in items if isinstance(item, CropPair)]
        skipped = tuple(item for item in items if isinstance(item, Skipped))
        pairs = pairs or [self._any_pair(step)]
        images = torch.from_numpy(np.stack([each.images for each in pairs]))
        masks = torch.from_numpy(np.stack([each.masks for each in pairs]))
        parts, changed = _parts(pairs, self.maker.regions) if self.with_parts else (None, None)
        families = tuple(each.family for each in pairs)
        seconds = time.perf_counter() - start
        return Batch(images, masks, parts, changed, families, skipped, seconds)

    def _any_pair(self, step: Sequence[tuple[int, int]]) -> CropPair:
        """Return the first pair of a step that can be made, as every rank needs one."""
        reason = ""
        for each in step:
            item = self.maker[each]
            if isinstance(item, CropPair):
                return item
            reason = f"{item.key}: {item.reason}"
        raise DataError(f"no pair of a step could be made; {reason}")


def own_pairs(step: Sequence[tuple[int, int]], rank: Rank) -> list[tuple[int, int]]:
    """Choose a rank's share of a step, which is dealt out by halves.

    So the halves of all ranks' shares are together the halves of the step, which `bench train` sees
    in two forward passes.
    """
    half = (len(step) + 1) // 2
    share = slice(rank.number, None, rank.count)
    return [*step[:half][share], *step[half:][share]]


def _parts(pairs: Sequence[CropPair], regions: RegionSet) -> tuple[torch.Tensor, torch.Tensor]:
    """Soft masks and labels of a batch; parts that lie outside of a crop are unknown."""
    count, side = len(regions.parts), FINENESS * PART_GRID
    parts = np.zeros((len(pairs), 2, count, side, side), np.float32)
    changed = np.full((len(pairs), 2, count), np.nan, np.float32)
    for at, each in enumerate(pairs):
        with contextlib.suppress(ValueError):
            size = each.mask.shape[0]
            masks = fine_masks(each.landmarks, regions, size, (PART_GRID, PART_GRID))
            labels = changed_parts(each, regions)
            swapped = each.masks[0].any()  # by a control with labels by chance
            parts[at] = masks
            changed[at] = np.stack([labels, 0 * labels] if swapped else [0 * labels, labels])
    return torch.from_numpy(parts), torch.from_numpy(changed)


def batches(
    maker: PairMaker,
    order: Iterator[list[tuple[int, int]]],
    workers: int,
    *,
    with_parts: bool = False,
    rank: Rank = _ALONE,
) -> Iterator[Batch]:
    """Yield the batches of an order, the same for any number of workers; 0: in this process.

    Of several ranks each gets its own share of every step's pairs.
    """
    yield from torch.utils.data.DataLoader(
        _Batches(maker, with_parts, rank),
        sampler=_Sampler(order),
        batch_size=None,
        num_workers=workers,
        collate_fn=as_it_is,
        worker_init_fn=_quiet_worker,
        prefetch_factor=2 if workers else None,
        multiprocessing_context=worker_context(__name__) if workers else None,
    )


class _Sampler(torch.utils.data.Sampler[Any]):
    def __init__(self, order: Iterator[list[tuple[int, int]]]) -> None:
        self._order = order

    def __iter__(self) -> Iterator[Any]:
        return self._order


def _quiet_worker(_worker: int) -> None:
    """Use one thread and ignore Ctrl-C: the trainer finishes its step and ends the workers."""
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
