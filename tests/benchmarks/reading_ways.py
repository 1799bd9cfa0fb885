"""Whether reading frames scales with threads, beside processes. Run by hand, on an idle machine:

    python tests/benchmarks/reading_ways.py MANIFEST [--images 240] [--frames 40]

where MANIFEST is a manifest of images with landmarks. Reads and crops images as `bench eval` does,
and decodes films made of them (640 x 480, H.264), with 1 and 2 threads and 1 and 2 processes, which
have started before the clock does. The same work each time: its wall seconds, CPU seconds of all
who did it, and how often faster than one thread.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from prepare_rate import write_clip

from registry import CropPolicy, DatasetRequest, Face, crop_face
from registry.builtin.datasets.manifest import manifest_videos
from registry.data.images import read_image
from registry.data.videos import VideoCursor
from registry.faces.crops import landmark_box
from tests.shared.scripts import run_script

FILMS, ROWS, POLICY = 8, 480, CropPolicy(size=224)
WAYS = {
    "threads": lambda count: ThreadPoolExecutor(count, initializer=start),
    "processes": lambda count: ProcessPoolExecutor(count, get_context("spawn"), start),
}
Item = tuple[Path, Path] | tuple[Path, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--images", type=int, default=240)
    parser.add_argument("--frames", type=int, default=40, help="frames of each of eight films")
    args = parser.parse_args()
    request = DatasetRequest(name=args.manifest.name, root=args.manifest, split="train")
    frames = [video.frames[0] for video in manifest_videos(request)][: args.images]
    images = [(frame.path, Path(str(frame.landmarks))) for frame in frames]
    with tempfile.TemporaryDirectory() as folder:
        films = [
            (write_clip(Path(folder) / f"{at}.mp4", read_image(path), args.frames, ROWS),
             args.frames)
            for at, (path, _) in enumerate(images[:FILMS])
        ]  # fmt: skip
        for what, work, items in (("images", crop, images), ("films", decode, films)):
            compare(what, work, items)


def compare(what: str, work: Callable[[Item], None], items: Sequence[Item]) -> None:
    """Do the same work in every way, three times, and print the fastest time of each."""
    alone = 0.0
    for name, pool_of in WAYS.items():
        for count in (1, 2):
            with pool_of(count) as pool:
                list(pool.map(partial(timed, work), items[:4]))  # starts, and loads code
                at_once = max(1, len(items) // (8 * count))  # items sent to a process together
                wall, cpu = min(run(pool, work, items, at_once) for _ in range(3))
            alone = alone or wall
            sys.stdout.write(
                f"{what:<8} {count} {name:<10} {wall:6.2f} s, {cpu:6.2f} s of CPU,"
                f" {alone / wall:.2f} times as fast\n"
            )
            sys.stdout.flush()


def run(
    pool: Executor, work: Callable[[Item], None], items: Sequence[Item], at_once: int
) -> tuple[float, float]:
    """Seconds on the wall, and of CPU: of this process and of those that worked for it."""
    wall, cpu = time.perf_counter(), time.process_time()
    spent = list(pool.map(partial(timed, work), items, chunksize=at_once))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return wall, cpu + sum(seconds for process, seconds in spent if process != os.getpid())


def timed(work: Callable[[Item], None], item: Item) -> tuple[int, float]:
    """Return the process that did the work, and its CPU seconds meanwhile."""
    before = time.process_time()
    work(item)
    return os.getpid(), time.process_time() - before


def start() -> None:
    cv2.setNumThreads(1)


def crop(item: Item) -> None:
    path, landmarks = item
    image = read_image(path)
    points = np.load(str(landmarks))
    crop_face(image, Face(box=landmark_box(points), landmarks=points), POLICY)


def decode(item: Item) -> None:
    path, frames = item
    cursor = VideoCursor()
    for at in range(int(str(frames))):
        cv2.resize(cursor.read(path, at), (POLICY.size, POLICY.size))


if __name__ == "__main__":
    run_script(main)
