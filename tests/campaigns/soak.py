"""A long evaluation of tiny frames: memory and file handles must not grow with what is done.

    python -m tests.campaigns.soak [--frames 100000] [--numbers 1280]

Frames are hard links to a few images of 16 pixels; the detector's embeddings have as many numbers
as those of a network, so that keeping them would show. Prints what a second thread has seen.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

import registry.tasks.evaluate
from registry import Crop, DetectorContext, DetectorSpec, Scores, evaluate
from registry.plugins.discovery import Plugins, load_plugins

_PER_VIDEO = 100
_INTERVAL = 0.25  # seconds between two looks


class Tiny:
    """Embeds a crop by its mean, many times over; counts what it has seen."""

    encoder = "tiny"
    numbers = 1280
    seen = 0

    def __init__(self, context: DetectorContext) -> None:
        self.context = context

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        type(self).seen += len(crops)
        means = np.array([crop.image.mean() / 255 for crop in crops], np.float32)
        return np.repeat(means[:, None], self.numbers, axis=1)

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores:
        return Scores(fake=embeddings[:, 0].astype(np.float64))

    def score(self, crops: Sequence[Crop]) -> Scores:
        return self.score_embeddings(self.embed(crops))


@dataclass(frozen=True)
class Look:
    """What the process held after `frames` were scored; bytes of memory."""

    frames: int
    memory: int
    handles: int
    threads: int


@dataclass(frozen=True)
class Soaked:
    """`growth` is by how much memory was larger at the end of scoring than after a quarter of it.

    `handles` and `threads` are the most there ever were after a quarter, and `peak` the most memory
    at all, with what measures the results.
    """

    frames: int
    kept: int  # bytes of all embeddings, had they been kept
    growth: int
    handles: tuple[int, int]  # after a quarter, and at most
    threads: tuple[int, int]
    peak: int
    seconds: float
    cpu: float


def soak(frames: int, numbers: int, folder: Path) -> Soaked:
    """Evaluate `frames` frames in `folder`, and watch."""
    data = _data(folder / "data", frames)
    Tiny.numbers, Tiny.seen = numbers, 0
    spec = DetectorSpec(name="tiny", summary="-", build=Tiny, needs_backbone=False)
    plugins = Plugins(records=(*load_plugins().records, spec))
    looks: list[Look] = []
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(looks, over))
    started = time.perf_counter()
    watcher.start()
    try:
        with mock.patch.object(registry.tasks.evaluate, "load_plugins", return_value=plugins):
            evaluate(
                detector="tiny", dataset=(str(data),), out=str(folder / "run"), draws=0, quiet=True,
                crop_from="frame", frame_policy="all", reporters=(), cache=False,
            )  # fmt: skip
    finally:
        over.set()
        watcher.join()
    return _judged(looks, frames, numbers, time.perf_counter() - started)


def _data(folder: Path, frames: int) -> Path:
    images = []
    for number in range(7):
        path = folder.parent / f"{number}.png"
        image = np.random.default_rng(number).integers(0, 255, (16, 16, 3)).astype(np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), image)
        images.append(path)
    for at in range(frames):
        video, frame = divmod(at, _PER_VIDEO)
        place = folder / ("real", "fake")[video % 2] / f"{video:05d}"
        place.mkdir(parents=True, exist_ok=True)
        os.link(images[at % len(images)], place / f"{frame:03d}.png")
    return folder


def _watch(looks: list[Look], over: threading.Event) -> None:
    process = psutil.Process()
    while not over.wait(_INTERVAL):
        memory = process.memory_info().rss
        looks.append(Look(Tiny.seen, memory, process.num_fds(), process.num_threads()))


def _judged(looks: Sequence[Look], frames: int, numbers: int, seconds: float) -> Soaked:
    scoring = [each for each in looks if frames // 4 <= each.frames < frames]
    first, last = scoring[0], scoring[-max(1, len(scoring) // 10) :]
    return Soaked(
        frames=frames,
        kept=4 * numbers * frames,
        growth=int(np.median([each.memory for each in last])) - first.memory,
        handles=(first.handles, max(each.handles for each in scoring)),
        threads=(first.threads, max(each.threads for each in scoring)),
        peak=max(each.memory for each in looks),
        seconds=round(seconds, 1),
        cpu=round(time.process_time(), 1),
    )


def main() -> None:
    """Soak in a folder that is gone afterwards."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--numbers", type=int, default=1280)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        found = soak(args.frames, args.numbers, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(json.dumps(asdict(found)) + "\n")


if __name__ == "__main__":
    main()
