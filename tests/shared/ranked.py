"""A plugin with a tiny network, for commands that torchrun starts; one rank may be told to die."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import lesb_plugin.lfd.pieces
from registry import BackboneSpec, Crop, DetectorContext, DetectorSpec, Features, Scores, hookimpl
from tests.shared.tiny import TinyBackbone, TinyDetector

ROOT = Path(__file__).parents[2]


class Ranked(TinyDetector):
    """Writes down which rank has scored how much; kills itself, once, where KILL says so."""

    done = 0

    def __init__(self, context: DetectorContext) -> None:
        assert context.embedder is not None
        super().__init__(context.embedder.backbone)

    def score(self, crops: Sequence[Crop]) -> Scores:
        rank = os.environ.get("RANK", "0")
        _die_once(rank, self.done)
        time.sleep(float(os.environ.get("BENCH_TEST_PAUSE", "0")))
        self.done += len(crops)
        with Path(os.environ["BENCH_TEST_LOG"]).open("a") as file:
            file.write(f"{rank} {len(crops)}\n")
        return super().score(crops)


def _die_once(rank: str, done: int, variable: str = "BENCH_TEST_KILL") -> None:
    which, _, after = os.environ.get(variable, "").partition(":")
    if rank == which and done >= int(after):
        marker = Path(os.environ["BENCH_TEST_LOG"]).with_suffix(".killed")
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def _die_at_a_step() -> None:
    """BENCH_TEST_KILL_STEP=R:N: rank R kills itself, once, when an optimiser has made N steps."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    steps = itertools.count(1)

    def die(*_: object) -> None:
        _die_once(os.environ.get("RANK", "0"), next(steps), "BENCH_TEST_KILL_STEP")

    register_optimizer_step_post_hook(die)


def _die_at_a_file() -> None:
    """BENCH_TEST_KILL_FILE=R:N: rank R kills itself, once, before its Nth file takes its place."""
    files, replace = itertools.count(1), os.replace

    def die(*args: Any, **settings: Any) -> None:
        _die_once(os.environ.get("RANK", "0"), next(files), "BENCH_TEST_KILL_FILE")
        replace(*args, **settings)

    os.replace = die  # what Path.replace calls


if "BENCH_TEST_KILL_FILE" in os.environ:
    _die_at_a_file()
if "BENCH_TEST_PIECE" in os.environ:
    lesb_plugin.lfd.pieces.PIECE = int(os.environ["BENCH_TEST_PIECE"])
if "BENCH_TEST_KILL_STEP" in os.environ:
    _die_at_a_step()


class Counted(TinyBackbone):
    """Writes down, a line a forward pass, how many images it sees."""

    def features(self, images: torch.Tensor) -> Features:
        with Path(os.environ["BENCH_TEST_LOG"]).with_suffix(".images").open("a") as file:
            file.write(f"{len(images)}\n")
        return super().features(images)


def _build(name: str, weights: str | None, seed: int) -> TinyBackbone:
    return Counted() if name == "counted" else TinyBackbone()


@hookimpl
def bench_backbones() -> list[BackboneSpec]:
    return [BackboneSpec(name=name, summary="-", build=_build) for name in ("tiny", "counted")]


@hookimpl
def bench_detectors() -> list[DetectorSpec]:
    return [DetectorSpec(name="ranked", summary="-", build=Ranked)]


def environment(folder: Path, **more: str) -> dict[str, Any]:
    """Variables with which a process finds this plugin, installed in `folder`."""
    info = folder / "bench_ranked-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-ranked\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[bench]\nranked = tests.shared.ranked\n")
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "OMP_NUM_THREADS": "1",
        "BENCH_TEST_LOG": str(folder / "log"),
        "BENCH_CACHE": str(folder / "cache"),
        **more,
    }
