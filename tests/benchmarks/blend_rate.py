"""How many pairs of pseudo-fake and real one core makes per second. Run by hand:

    python tests/benchmarks/blend_rate.py MANIFEST

where MANIFEST is a manifest with landmarks and a train split. Every face is scaled so that the part
of the image around it that is blended is 317 pixels wide; both views are resized to 380. Decoding
is left out. CPU time of one process, one thread.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lesb.dataset import PseudoFakes
from lesb_plugin.pseudo_fakes.blend import Style
from registry import CropPolicy, DatasetRequest, Face
from registry.builtin.datasets.manifest import manifest_videos
from registry.data.images import read_image
from registry.faces.crops import landmark_box
from tests.shared.scripts import run_script

CROP, SIZE, FACES, DRAWS = 317, 380, 20, 20


@dataclass(frozen=True)
class Loaded:
    """A face in memory. Implements `Sample`."""

    key: str
    identity: str
    image: NDArray[np.uint8]
    face: Face

    def load(self) -> tuple[NDArray[np.uint8], Face]:
        return self.image, self.face


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("manifest", type=Path)
    rates = blend_rates(parser.parse_args().manifest)
    sys.stdout.write(f"{np.median(rates):.0f} pairs/s per core (best {max(rates):.0f})\n")


def blend_rates(manifest: Path) -> list[float]:
    """Pairs per second of CPU time, one for each face."""
    cv2.setNumThreads(1)
    request = DatasetRequest(name=manifest.name, root=manifest, split="train")
    samples = [scaled(video.frames[0]) for video in list(manifest_videos(request))[:FACES]]
    policy = CropPolicy(size=SIZE)
    dataset = PseudoFakes(samples, policy, Style(), draws=DRAWS, purpose="train")
    rates = []
    for index in range(len(samples)):
        start = time.process_time()
        dataset[index]
        rates.append(DRAWS / (time.process_time() - start))
    return rates


def scaled(frame: Any) -> Loaded:
    image, landmarks = read_image(frame.path), np.load(frame.landmarks)
    factor = CROP / (2 * np.ptp(landmarks[:68, 0]))  # half a width on either side of the face
    landmarks = (landmarks * factor).astype(np.float32)
    face = Face(box=landmark_box(landmarks), landmarks=landmarks)
    image = np.asarray(cv2.resize(image, None, fx=factor, fy=factor), np.uint8)
    return Loaded(frame.path.name, frame.path.name, image, face)


if __name__ == "__main__":
    run_script(main)
