"""Failed frames are counted once each, however many chunks they come in."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from registry.contracts.types import Frame, Video
from registry.errors import DataError
from registry.scoring.chunks import Chunk, Unit
from registry.scoring.failures import Failures

PATH = Path("a.png")
VIDEO = Video(dataset="d", id="v", label=0, frames=(Frame(path=PATH),))
UNITS = [Unit(VIDEO, Frame(path=Path(f"{at}.png"), index=at)) for at in range(256)]


def chunk(status: list[str]) -> Chunk:
    count = len(status)
    return Chunk(
        unit=np.arange(count, dtype=np.int32),
        face=np.zeros(count, np.int32),
        box=np.zeros((count, 4), np.int32),
        status=np.asarray(status),
        values={},
    )


def test_the_first_file_and_the_number_of_each_reason_are_told() -> None:
    failures = Failures(10, 2, Path("run"))
    failures.add(UNITS, chunk(["ok", "dark", "small"]))
    failures.check()
    failures.add(UNITS, chunk(["dark", "ok"]))
    with pytest.raises(DataError, match=r"3 of 10 .* 2 allows: 2 x dark, first 1\.png; 1 x small"):
        failures.check()


@pytest.mark.parametrize(("allowed", "ends"), [(0.5, False), (0.49, True), (2, False), (1, True)])
def test_a_share_and_a_number_are_allowed(allowed: float, ends: bool) -> None:
    failures = Failures(4, allowed, Path("run"))
    failures.add(UNITS, chunk(["dark", "dark"]))
    if not ends:
        failures.check()
        return
    with pytest.raises(DataError, match="2 of 4 frames failed"):
        failures.check()


def test_counting_takes_time_in_proportion_to_the_frames() -> None:
    """400,000 failed frames took ten minutes where every chunk counted all before it again."""
    failures, bad = Failures(10**9, 1e9, Path("run")), chunk(["no face found in FILE"] * 256)
    start = time.process_time()
    for _ in range(400):
        failures.add(UNITS, bad)
        failures.check()
    assert time.process_time() - start < 5
