"""A plugin with a detector that keeps reference faces of two qualities, known to the last digit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from registry import Crop, DetectorContext, DetectorSpec, Scores, hookimpl
from registry.plugins.discovery import _load_once

__all__ = ["CalibratedGrey", "installed"]


class CalibratedGrey:
    """Scores a crop by its mean grey value; soft references score 0.30 to 0.89, sharp ones 0.01
    to 0.60.
    """

    val_reals = Scores(
        fake=np.concatenate([np.arange(30, 90) / 100, np.arange(1, 61) / 100]), regions={}
    )
    val_sharpness: NDArray[np.float64] = np.concatenate(
        [np.linspace(2, 90, 60), np.linspace(110, 90_000, 60)]
    )

    def __init__(self, _: DetectorContext) -> None:
        pass

    def score(self, crops: Sequence[Crop]) -> Scores:
        return Scores(fake=np.array([crop.image.mean() / 255 for crop in crops]))


@contextmanager
def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave in `folder` what an installation leaves in site-packages, found within the block."""
    info = folder / "bench_calibrated_grey-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: bench-calibrated-grey\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(
        "[bench]\ncalibrated_grey = tests.shared.calibrated_grey\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    _load_once.cache_clear()
    try:
        yield
    finally:
        _load_once.cache_clear()


@hookimpl
def bench_detectors() -> list[DetectorSpec]:
    return [
        DetectorSpec(
            name="calibrated_grey",
            summary="mean grey, with references",
            build=CalibratedGrey,
            needs_backbone=False,
        )
    ]
