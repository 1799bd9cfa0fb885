"""How many whole pairs of `bench train` one core makes per second. Run by hand:

    python tests/benchmarks/pair_rate.py MANIFEST [--style video] [--pairs 600]

where MANIFEST is a manifest with landmarks and a train split. A pair is everything from faces in
memory to two crops of 224 pixels: forgery, quality, codecs, crop. Beside it: self-blending alone
(as `blend_rate.py` measures it), and a pass of an image of 256 pixels through a video codec that
the style draws. CPU time of one process, one thread; decoding is left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from blend_rate import blend_rates

from lesb_plugin.lfd.variants import Skipped
from lesb_plugin.pseudo_fakes.codec import draw_coding
from lesb_plugin.pseudo_fakes.pairs import PairMaker, pair_maker
from lesb_plugin.pseudo_fakes.store import FaceStore, build_store
from lesb_plugin.train.options import TrainConfig
from registry import CropPolicy, real_faces_of, video_frame
from tests.shared.scripts import run_script

FACES, WARM = 300, 20
CROP, CODED = 224, 256  # pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--style", default="video")
    parser.add_argument("--pairs", type=int, default=600)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    config = TrainConfig(train=(str(args.manifest),), quiet=True)
    samples = real_faces_of(config, str(args.manifest), "train")[:FACES]
    with tempfile.TemporaryDirectory() as folder:
        store = build_store(
            samples, Path(folder) / "faces", label="", workers=0, max_errors=0, quiet=True
        )
        maker = pair_maker(store, CropPolicy(size=CROP), args.style, purpose="train")
        report(f"whole pairs, {args.style}", np.array(list(pair_seconds(maker, args.pairs))))
        report("one pass through a codec", np.array(list(codec_seconds(maker, store, args.pairs))))
    blends = blend_rates(args.manifest)
    sys.stdout.write(f"{'self-blending alone':<28} {np.median(blends):6.0f} pairs/s\n")


def pair_seconds(maker: PairMaker, count: int) -> Iterator[float]:
    """CPU seconds of each of `count` pairs, face by face as an epoch does."""
    for number in range(-WARM, count):
        epoch, index = divmod(number + WARM, len(maker))
        start = time.process_time()
        pair = maker.make(epoch, index)
        spent = time.process_time() - start
        if number >= 0 and not isinstance(pair, Skipped):
            yield spent


def codec_seconds(maker: PairMaker, store: FaceStore, count: int) -> Iterator[float]:
    """CPU seconds of each of `count` passes of a face of 256 pixels through a drawn codec."""
    quality = maker.recipe.quality
    if quality is None:
        return
    for number in range(-WARM, count):
        rng = np.random.default_rng(number + WARM)
        face = cv2.resize(store.view(int(rng.integers(len(store)))).image, (CODED, CODED))
        coding = draw_coding(quality.codecs, quality.moving_p, rng)
        start = time.process_time()
        video_frame(np.asarray(face, np.uint8), coding)
        spent = time.process_time() - start
        if number >= 0:
            yield spent


def report(what: str, seconds: np.ndarray) -> None:
    if len(seconds):
        ms = 1e3 * seconds
        sys.stdout.write(
            f"{what:<28} {1 / seconds.mean():6.0f} per s; {ms.mean():.1f} ms each (median"
            f" {np.median(ms):.1f}, 90 % below {np.percentile(ms, 90):.1f}, {len(ms)} of them)\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    run_script(main)
