"""What `bench prepare --search track` costs and finds, beside a search of every whole frame.

Run by hand:

    python tests/benchmarks/track_rate.py MANIFEST [--frames 1020] [--rows 720]

MANIFEST has a column `video`, with some frames of each. They are set into moving, zooming scenes
of 16:9 with one person or two, and coded as H.264. Both searches see each frame in turn, in one
process; times are CPU time.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from registry.builtin.faces.tiny_retinaface import build_tiny_retinaface
from registry.contracts.types import Face
from registry.data.images import read_image
from registry.data.videos import VideoCursor
from registry.faces.crops import area, iou
from registry.faces.tracking import FaceTracker
from registry.plugins.discovery import load_plugins
from tests.shared.scripts import run_script

Image = NDArray[np.uint8]
LENGTH, HOLD = 34, 6  # frames of a scene, and for how many a picture stays
HEIGHTS = (1.0, 0.67, 0.42)  # of a picture, as shares of the frame's; faces fill half of that
COUNTS = 0.5  # of the largest face's area: what gives a crop


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("manifest", type=Path, help="manifest with a column `video`")
    parser.add_argument("--frames", type=int, default=1020)
    parser.add_argument("--rows", type=int, default=720)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    overlaps: list[float] = []
    times: list[tuple[float, float]] = []
    differ = 0
    with tempfile.TemporaryDirectory() as folder:
        for scene in scenes(args.manifest, args.rows, args.frames // LENGTH):
            clip = write_clip(Path(folder) / "scene.mp4", scene)
            for whole, tracked, spent in searched(clip):
                overlaps += [max((iou(a, b) for b in tracked), default=0.0) for a in whole]
                differ += len(whole) != len(tracked)
                times.append(spent)
    report(overlaps, times, differ)


def searched(
    clip: Path,
) -> Iterator[tuple[list[tuple[float, ...]], list[tuple[float, ...]], tuple[float, float]]]:
    """Boxes that give crops by either search of each frame, and the seconds of each."""
    detect = build_tiny_retinaface()
    small = load_plugins().get("face_detector", "tiny_retinaface").tracked_at
    assert small is not None
    tracker = FaceTracker(detect, small)
    cursor = VideoCursor()
    for at in range(LENGTH):
        frame = cursor.read(clip, at)
        start = time.process_time()
        whole = detect(frame)
        middle = time.process_time()
        tracked = tracker(frame)
        yield large(whole), large(tracked), (middle - start, time.process_time() - middle)


def large(faces: Sequence[Face]) -> list[tuple[float, ...]]:
    most = max((area(face.box) for face in faces), default=0.0)
    return [face.box for face in faces if area(face.box) >= COUNTS * most]


def report(overlaps: Sequence[float], times: Sequence[tuple[float, float]], differ: int) -> None:
    whole, tracked = np.mean(times, axis=0)
    good = np.mean(np.asarray(overlaps) >= 0.9)
    low, middle = np.quantile(overlaps, [0.01, 0.5])
    sys.stdout.write(
        f"{len(times)} frames, {len(overlaps)} faces: IoU >= 0.9 for {100 * good:.1f} %,"
        f" median {middle:.3f}, 1st percentile {low:.3f};"
        f" another number of faces in {differ} frames\n"
        f"search: {1e3 * whole:.1f} ms whole, {1e3 * tracked:.1f} ms tracked (mean),"
        f" {whole / tracked:.2f} times as fast;"
        f" median ratio {np.median([a / b for a, b in times]):.2f}\n"
    )


# --- scenes -----------------------------------------------------------------------------------


def scenes(manifest: Path, rows: int, count: int) -> Iterator[list[Image]]:
    """One person at one of three sizes; in each sixth scene with a second one beside."""
    pictures: dict[str, list[Path]] = {}
    with manifest.open(newline="") as file:
        for row in csv.DictReader(file):
            pictures.setdefault(row["video"], []).append(manifest.parent / row["path"])
    people = [[read_image(path) for path in paths] for paths in pictures.values()]
    for index in range(count):
        rng = np.random.default_rng(index)
        heights = [rows * HEIGHTS[index % 3]]
        who = [people[index % len(people)]]
        if index % 6 == 5:
            heights = [0.67 * rows, 0.67 * rows * rng.uniform(0.3, 1)]
            who.append(people[(index + 11) % len(people)])
        yield scene(who, heights, rows, rng)


def scene(
    people: Sequence[Sequence[Image]], heights: Sequence[float], rows: int, rng: np.random.Generator
) -> list[Image]:
    """Frames in which each person sways and comes nearer and goes away, before a blurred wall."""
    width = rows * 16 // 9 // 2 * 2
    wall = cv2.GaussianBlur(cv2.resize(people[0][0], (width, rows)), (0, 0), 25)
    phases, sway = rng.uniform(0, 6.28, (len(people), 3)), rng.uniform(10, 60, len(people))
    zoom = rng.uniform(0, 0.08, len(people))
    frames = []
    for at in range(LENGTH):
        frame = wall.astype(np.float32)
        for which, pictures in enumerate(people):
            picture = pictures[at // HOLD % len(pictures)]
            scale = (
                heights[which]
                / len(picture)
                * (1 + zoom[which] * np.sin(at / 12 + phases[which, 0]))
            )
            x = width * (which + 1) / (len(people) + 1) + sway[which] * np.sin(
                at / 10 + phases[which, 1]
            )
            y = rows / 2 + sway[which] / 3 * np.sin(at / 8 + phases[which, 2])
            move = np.array(
                [
                    [scale, 0, x - scale * picture.shape[1] / 2],
                    [0, scale, y - scale * picture.shape[0] / 2],
                ]
            )
            there = cv2.warpAffine(np.ones(picture.shape[:2], np.float32), move, (width, rows))
            placed = cv2.warpAffine(picture, move, (width, rows))
            frame += there[..., None] * (placed - frame)
        frames.append(frame.astype(np.uint8))
    return frames


def write_clip(path: Path, frames: Sequence[Image]) -> Path:
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "23"})
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    return path


if __name__ == "__main__":
    run_script(main)
