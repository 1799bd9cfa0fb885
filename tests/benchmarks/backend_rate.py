"""How long a forward pass takes with each backend, over torch in float32, and how far scores move.

Run by hand:

    python tests/benchmarks/backend_rate.py [BACKBONE ...] [--batch 16] [--compile]

Every backend has its turn in each round; ratios are medians over rounds. Random weights where a
backbone has none of its own. Backends that are not installed are left out.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from registry import Embedder
from registry.backbones.backend_choice import choose_backend
from registry.backbones.device import resolve_device
from registry.errors import ConfigError
from registry.memory import reuse_freed_memory
from registry.plugins.discovery import load_plugins
from registry.settings.shared import BatchSettings
from tests.shared.scripts import run_script


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("backbone", nargs="*", default=["sbi_efflite0"])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--compile", action="store_true", help="torch.compile, too")
    args = parser.parse_args()
    reuse_freed_memory()
    names = ["torch", "bf16", "fp16", "onnx", "openvino", *(["compile"] if args.compile else [])]
    for backbone in args.backbone:
        embedders = built(backbone, names, resolve_device(args.device), args.batch)
        measure(backbone, embedders, args.batch, args.rounds)


def built(name: str, backends: list[str], device: str, batch: int) -> dict[str, Embedder]:
    spec = load_plugins().get("backbone", name)
    backbone = spec.build(name, "random" if spec.needs_weights else None, 0).to(device)
    embedders = {}
    for backend in backends:
        try:
            chosen = choose_backend(BatchSettings(backend=backend), backbone, device, batch)  # type: ignore[arg-type]
        except ConfigError as error:
            sys.stdout.write(f"{name}: {error}\n")
            continue
        embedders[backend] = Embedder(
            backbone,
            device=device,
            precision=chosen.precision,
            batch_size=batch,
            engine=chosen.engine,
        )
    return embedders


def measure(name: str, embedders: dict[str, Embedder], batch: int, rounds: int) -> None:
    size = embedders["torch"].backbone.crop.size
    images = np.random.default_rng(0).integers(0, 256, (batch, size, size, 3), np.uint8)
    expected = embedders["torch"](images)
    times = np.array(
        [[seconds(each, images) for each in embedders.values()] for _ in range(rounds + 2)]
    )[2:]  # (rounds, backends); the first two warm up
    ratios = np.median(times / times[:, :1], axis=0)
    for backend, ratio, spent in zip(embedders, ratios, np.median(times, axis=0), strict=True):
        embedder = embedders[backend]
        found = embedder(images)
        apart = np.linalg.norm(found - expected) / np.linalg.norm(expected)
        sys.stdout.write(
            f"{name}, {batch} crops of {size} px, {embedder.device}, {backend}:"
            f" {1e3 * spent:.1f} ms, {ratio:.2f} of torch;"
            f" embeddings differ by {apart:.1g} of their norm\n"
        )


def seconds(embedder: Embedder, images: np.ndarray) -> float:
    start = time.process_time() if embedder.device.type == "cpu" else time.perf_counter()
    embedder(images)
    end = time.process_time() if embedder.device.type == "cpu" else time.perf_counter()
    return end - start


if __name__ == "__main__":
    run_script(main)
