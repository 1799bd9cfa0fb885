"""Memory and time of an LFD fit. Run by hand:

    python tests/benchmarks/lfd_fit.py memory DATA     # peak resident memory as N and as M grows
    python tests/benchmarks/lfd_fit.py time DATA       # against the forward passes alone

DATA is a folder or manifest with real faces and landmarks. Every fit runs in a process of its own,
so that peaks do not mix. `time` compares the pass over the faces with the same forward passes on
images already in memory; `solve` (eigenvectors, diagnostics) is the fixed cost beside it.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from lesb_plugin.lfd.fit import fit_lfd
from lesb_plugin.lfd.presets import psi_preset, region_preset
from registry.contracts.embedder import Embedder
from registry.contracts.types import Sample
from registry.data.index import find_videos
from registry.faces.real_faces import samples
from registry.plugins.discovery import load_plugins
from tests.shared.readers import reader_of
from tests.shared.scripts import printed_json, run_script

MEMORY = ((63, 16), (500, 16), (63, 127))  # N, M: about 1,000, then 8,000 by more N and by more M


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("memory", "time", "one"))
    parser.add_argument("data")
    parser.add_argument("--split", default="train")
    parser.add_argument("--backbone", action="append", help="repeat for several")
    parser.add_argument("--weights", help='"random" for a backbone without its file')
    parser.add_argument("--images", type=int, default=16, help="faces of the time measurement")
    parser.add_argument("--variants", type=int, default=16)
    parser.add_argument("--scale", type=float, default=1.0, help="of N and M in the memory table")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    {"memory": memory, "time": timing, "one": one}[args.what](args)


def memory(args: argparse.Namespace) -> None:
    """Peak resident memory of this process and of the largest worker, in MiB."""
    rows = []
    for images, variants in MEMORY:
        n, m = max(2, round(images * args.scale)), max(2, round(variants * args.scale**0.5))
        found = in_own_process(args, backbone(args)[0], n, m)
        growth = found["peak_mib"] / rows[0][3] if rows else 1.0
        rows.append((n, m, n * m, found["peak_mib"], found["worker_mib"], round(growth, 3)))
    show(("N", "M", "N M", "peak MiB", "worker MiB", "of the first"), rows)


def timing(args: argparse.Namespace) -> None:
    """Seconds per face: the fit's pass, the forward passes alone, and their ratio."""
    rows = []
    for name in backbone(args):
        found = in_own_process(args, name, args.images, args.variants)
        seconds = found["seconds"]
        faces = found["faces"]
        rows.append((
            name, faces, args.variants,
            *(round(seconds[stage] / faces, 3) for stage in ("total", "forward", "waiting")),
            round(found["forward_alone"] / faces, 3),
            round(seconds["total"] / found["forward_alone"], 3),
            round(found["fit"] - seconds["total"], 1),
            round(faces * 3 * args.variants / seconds["augmentation"]),
        ))  # fmt: skip
    header = (
        "backbone", "N", "M", "pass s", "forward s", "waiting s", "forward alone s", "ratio",
        "solve s", "variants/s/core",
    )  # fmt: skip
    show(header, rows)


def backbone(args: argparse.Namespace) -> list[str]:
    return args.backbone or ["efflite0_in1k"]


def in_own_process(args: argparse.Namespace, name: str, images: int, variants: int) -> Any:
    command = [
        sys.executable, __file__, "one", args.data, "--split", args.split, "--backbone", name,
        "--images", str(images), "--variants", str(variants), "--workers", str(args.workers),
        "--threads", str(args.threads), "--device", args.device,
    ]  # fmt: skip
    command += ["--weights", args.weights] if args.weights else []
    return printed_json(command)


def one(args: argparse.Namespace) -> None:
    """One fit; its figures as JSON on standard output."""
    torch.set_num_threads(args.threads)
    plugins = load_plugins()
    name = args.backbone[0]
    built = plugins.get("backbone", name).build(name, args.weights, 0)
    embedder = Embedder(built, device=args.device, batch_size=32)
    embedder(np.zeros((32, built.crop.size, built.crop.size, 3), np.uint8))  # warm up
    faces = repeated(real_faces(args), args.images)
    start = time.perf_counter()
    lfd = fit_lfd(
        embedder, faces, region_preset(), psi_preset(), images=args.images,
        variants=args.variants, rank=min(32, args.images), workers=args.workers, quiet=True,
    )  # fmt: skip
    fit = time.perf_counter() - start
    peaks = [
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    result = {
        "faces": lfd.provenance["images"],
        "fit": fit,
        "seconds": lfd.diagnostics["seconds"],
        "peak_mib": round(peaks[0]),
        "worker_mib": round(peaks[1]),
        "forward_alone": forward_alone(embedder, args.images, args.variants),
    }
    sys.stdout.write(json.dumps(result))


def real_faces(args: argparse.Namespace) -> Sequence[Sample]:
    plugins = load_plugins()
    reader = reader_of(
        crop_from="landmarks", face_detector="dlib", landmarker=None, predictor=None,
        plugins=plugins,
    )  # fmt: skip
    return samples(find_videos(args.data, args.split, plugins), reader)


def repeated(faces: Sequence[Sample], count: int) -> list[Sample]:
    """`count` faces, the same ones again where there are fewer: memory does not care."""
    return [faces[i % len(faces)] for i in range(count)]


def forward_alone(embedder: Embedder, images: int, variants: int) -> float:
    """Seconds for the forward passes of a fit, on noise; four faces measured, scaled up."""
    size = embedder.backbone.crop.size
    rng = np.random.default_rng(0)
    batch = rng.integers(0, 256, (1 + 3 * min(variants, 16), size, size, 3), np.uint8)
    start = time.perf_counter()
    for _ in range(4):
        embedder(batch)
    per_image = (time.perf_counter() - start) / (4 * len(batch))
    return per_image * images * (1 + 3 * variants)


def show(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    for row in (header, *rows):
        sys.stdout.write("  ".join(f"{cell!s:>16}" for cell in row) + "\n")


if __name__ == "__main__":
    run_script(main)
