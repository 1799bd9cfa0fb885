"""Throughput and peak memory of `bench eval` by the number of videos, some of them corrupt.

Run by hand, on an idle machine:

    python tests/benchmarks/eval_memory.py IMAGE... [--videos 25 --videos 50 --videos 100]

Makes a video of each image, and copies of it: of ten, one is cut short and one is empty. Each
number of videos is evaluated in a process of its own, with a forward pass for every face. Peak
memory is the process's and its largest child's; the exit code is 1 where the most videos take over
a tenth more of it than the fewest.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from prepare_rate import write_clip

from registry import evaluate
from registry.contracts.types import ALL_METHODS
from registry.data.images import read_image
from tests.shared.scripts import printed_json, run_script

ALLOWED = 1.1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("images", nargs="+", type=Path, help="images with a face each")
    parser.add_argument("--videos", type=int, action="append", help="25, 50 and 100 by default")
    parser.add_argument("--frames", type=int, default=32, help="frames of each video")
    parser.add_argument("--side", type=int, default=360, help="rows of a video")
    parser.add_argument("--alone", action="store_true", help="evaluate the folder that is named")
    args = parser.parse_args()
    if args.alone:
        sys.stdout.write(json.dumps(evaluation(args.images[0], args.frames)))
        return 0
    found = []
    with tempfile.TemporaryDirectory() as folder:
        clips = [
            write_clip(Path(folder) / f"{at}.mp4", read_image(path), args.frames, args.side)
            for at, path in enumerate(args.images)
        ]
        for count in sorted(args.videos or [25, 50, 100]):
            data = write_data(Path(folder) / str(count), clips, count)
            command = [sys.executable, __file__, str(data), "--alone", "--frames", str(args.frames)]
            found.append(printed_json(command))
            report(count, found[-1])
    growth = found[-1]["peak_mib"] / found[0]["peak_mib"]
    sys.stdout.write(f"peak memory with the most videos over that with the fewest: {growth:.3f}\n")
    return int(growth > ALLOWED)


def write_data(folder: Path, clips: list[Path], count: int) -> Path:
    """`real/` and `fake/` with `count` videos in all."""
    for at in range(count):
        path = folder / ("fake" if at % 2 else "real") / f"{at}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = clips[at % len(clips)].read_bytes()
        kept = {7: 0.7, 8: 0.0}.get(at % 10, 1.0)
        path.write_bytes(whole[: int(kept * len(whole))])
    return folder


def evaluation(data: Path, frames: int) -> dict[str, float]:
    """What a whole evaluation took, in this process."""
    started = time.perf_counter()
    result = evaluate(
        dataset=(str(data),),
        out=f"{data}_run",
        frames=frames,
        max_errors=10**9,
        cache=False,
        quiet=True,
    )
    seconds = time.perf_counter() - started
    peaks = [
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    (total,) = (each for each in result.counts if each.method == ALL_METHODS)
    return {
        "frames": total.frames,
        "failed": sum(total.errors.values()),
        "seconds": seconds,
        "peak_mib": sum(peaks),
    }


def report(count: int, found: dict[str, float]) -> None:
    sys.stdout.write(
        f"{count:4} videos  {found['frames']:5.0f} frames scored  {found['failed']:4.0f} failed "
        f"{found['frames'] / found['seconds']:7.1f} frames/s  peak {found['peak_mib']:6.0f} MiB\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    run_script(main)
