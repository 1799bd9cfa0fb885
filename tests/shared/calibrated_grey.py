"""A plugin with a detector that keeps reference faces of two qualities, known to the last digit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registry import Crop, DetectorContext, DetectorSpec, Scores, hookimpl

__all__ = ["CalibratedGrey", "install"]


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


def install(folder: Path) -> None:
    """Leave in `folder` what an installation leaves in site-packages."""
    info = folder / "bench_calibrated_grey-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: bench-calibrated-grey\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(
        "[bench]\ncalibrated_grey = tests.shared.calibrated_grey\n"
    )


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
