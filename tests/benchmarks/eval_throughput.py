"""Throughput of `bench eval` against the bare forward pass. Run by hand:

    python tests/benchmarks/eval_throughput.py DATA [--backbone sbi_effb4] [--frames 64]

DATA is a folder or manifest with faces and landmarks. Both sides score the same frames in turn: one
is a whole evaluation (find, decode, crop, score, measure, report), the other the forward passes on
crops that are in memory already. The target is a ratio of .85 or more for EfficientNet-B4.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from registry import evaluate
from registry.contracts.embedder import Embedder
from registry.contracts.types import Video
from registry.data.index import find_videos
from registry.faces.crops import crop_face
from registry.plugins.discovery import load_plugins
from tests.shared.readers import reader_of


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--backbone", default="sbi_effb4")
    parser.add_argument("--frames", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    plugins = load_plugins()
    backbone = plugins.get("backbone", args.backbone).build(args.backbone, "random", 0)
    embedder = Embedder(backbone, batch_size=args.batch_size)
    found = find_videos(args.data, args.split, plugins)
    videos = [found[at] for at in np.linspace(0, len(found) - 1, args.frames).astype(int)]
    reader = reader_of(plugins=plugins)
    faces = [reader.read(video.frames[0]) for video in videos]
    images = np.stack([crop_face(image, face[0], backbone.crop).image for image, face in faces])
    embedder(images[: args.batch_size])  # warm-up

    bare, whole, scoring = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        manifest = write_manifest(Path(folder) / "frames.csv", videos)
        for number in range(args.rounds):
            bare.append(seconds_of(embedder, images))
            took, score = evaluation(manifest, Path(folder) / str(number), args)
            whole.append(took)
            scoring.append(score)
    report(args, bare, whole, scoring)


def write_manifest(path: Path, videos: list[Video]) -> Path:
    """A manifest of just these frames."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "identity", "method", "split", "landmarks"])
        for video in videos:
            (frame,) = video.frames
            row = [frame.path.absolute(), video.label, video.identity, video.method, "test"]
            writer.writerow([*row, "" if frame.landmarks is None else frame.landmarks.absolute()])
    return path


def seconds_of(embedder: Embedder, images: np.ndarray) -> float:
    started = time.perf_counter()
    embedder.logits(embedder(images))
    return time.perf_counter() - started


def evaluation(manifest: Path, out: Path, args: argparse.Namespace) -> tuple[float, float]:
    """Seconds of a whole evaluation without building the backbone, and of its scoring alone."""
    result = evaluate(
        detector="linear",
        backbone=args.backbone,
        weights="random",
        dataset=(str(manifest),),
        out=str(out),
        batch_size=args.batch_size,
        threads=args.threads,
        cache=False,
        quiet=True,
    )
    timing = result.provenance.timing
    return timing["score"] + timing["measure"], timing["score"]


def report(
    args: argparse.Namespace, bare: list[float], whole: list[float], scoring: list[float]
) -> None:
    lines = [f"{args.backbone}, {args.frames} frames, {args.threads} threads, {args.rounds} rounds"]
    for name, seconds in (
        ("bare forward", bare),
        ("eval", whole),
        ("eval, scoring alone", scoring),
    ):
        ratio = statistics.median(b / s for b, s in zip(bare, seconds, strict=True))
        rate = args.frames / statistics.median(seconds)
        lines.append(f"{name:20}  {rate:7.2f} frames/s   of the bare forward {ratio:.3f}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
