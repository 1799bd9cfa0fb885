"""Compare how sharp the faces of data sets are with those that a network is trained on.

A detector calls real faces fake if they look like nothing in its training; this measures how far
the qualities of a data set and of a style differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lfd.variants import Skipped
from lesb_plugin.pseudo_fakes.pairs import PairMaker, load_recipe, pair_maker
from lesb_plugin.pseudo_fakes.store import build_store
from lesb_plugin.train.quality_options import QualityConfig
from registry import (
    ConfigError,
    Crop,
    CropPolicy,
    DataError,
    Sample,
    crop_face,
    fine_detail,
    prepare_faces,
    progress,
    real_faces_of,
    scratch_folder,
    sharpness,
)

__all__ = ["SOFT", "QualityRow", "measure_quality"]

SOFT = 60.0  # sharpness below which faces of compressed videos lie, and few photographs


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityRow:
    """The faces of one source: sharpness, fine detail in dB and, where known, width in pixels."""

    source: str
    sharpness: NDArray[np.float64]
    fine: NDArray[np.float64]
    width: NDArray[np.float64] | None

    def cells(self) -> tuple[str, ...]:
        """Return a table's cells: 10, 50 and 90 % of each, and the share of soft faces."""
        soft = float((self.sharpness < SOFT).mean())
        width = "-" if self.width is None else _spread(self.width)
        return (
            self.source,
            str(len(self.sharpness)),
            _spread(self.sharpness),
            f"{soft:.2f}",
            _spread(self.fine),
            width,
        )


def measure_quality(config: QualityConfig) -> Iterator[QualityRow]:
    """Measure every data set, then the reals of the pairs of every style.

    BenchErrors say what to change.
    """
    if not (config.dataset or config.train):
        raise ConfigError(
            "nothing to measure; pass --dataset DATA, or --train FACES for the reals of training"
        )
    for style in config.style:
        load_recipe(style)  # what is wrong there is said at once
    crop = CropPolicy(size=config.size)
    for name in config.dataset:
        samples = _some(real_faces_of(config, name, config.split), config)
        crops = list(_crops(samples, crop, name, config))
        if not crops:
            raise DataError(f"none of {len(samples)} real faces of {name} could be read")
        yield _row(Path(name).name, [each.image for each in crops], _widths(crops))
    if config.train:
        yield from _of_styles(config, crop)


def _of_styles(config: QualityConfig, crop: CropPolicy) -> Iterator[QualityRow]:
    samples = _some(prepare_faces(config).train, config)
    with scratch_folder("bench-quality-") as scratch:
        store = build_store(
            samples,
            scratch / "faces",
            label="reading faces",
            workers=config.workers,
            max_errors=config.max_errors,
            quiet=config.quiet,
        )
        for style in config.style:
            maker = pair_maker(store, crop, style, purpose="train", seed=config.seed)
            yield _row(f"style {style}", list(_reals(maker, style, config)), None)


def _reals(maker: PairMaker, style: str, config: QualityConfig) -> Iterator[NDArray[np.uint8]]:
    for at in progress(range(len(maker)), f"style {style}", unit="pair", quiet=config.quiet):
        pair = maker.make(0, at)
        if not isinstance(pair, Skipped):
            yield pair.images[0]


def _crops(
    samples: Sequence[Sample], policy: CropPolicy, name: str, config: QualityConfig
) -> Iterator[Crop]:
    for sample in progress(samples, Path(name).name, unit="face", quiet=config.quiet):
        try:
            yield crop_face(*sample.load(), policy)
        except DataError:
            continue  # `bench data check` tells which files cannot be read, and why


def _some(samples: Sequence[Sample], config: QualityConfig) -> list[Sample]:
    """Choose so many of them by the seed, in their order."""
    if len(samples) <= config.faces:
        return list(samples)
    rng = np.random.default_rng(config.seed)
    chosen = np.sort(rng.choice(len(samples), config.faces, replace=False))
    return [samples[int(at)] for at in chosen]


def _row(
    source: str, images: Sequence[NDArray[np.uint8]], width: NDArray[np.float64] | None
) -> QualityRow:
    return QualityRow(
        source=source,
        sharpness=np.array([sharpness(image) for image in images]),
        fine=np.array([fine_detail(image) for image in images]),
        width=width,
    )


def _widths(crops: Sequence[Crop]) -> NDArray[np.float64]:
    return np.array([each.box[2] - each.box[0] for each in crops], np.float64)


def _spread(values: NDArray[np.float64]) -> str:
    return " / ".join(f"{value:.0f}" for value in np.percentile(values, (10, 50, 90)))
