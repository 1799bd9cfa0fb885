"""The rows of `bench benchmark`."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lesb_plugin.benchmark.map_ways import grad_cam, own_maps
from lesb_plugin.benchmark.options import BenchmarkConfig
from lesb_plugin.benchmark.rounds import CLOCKS, Timed, Way, in_turn
from lesb_plugin.benchmark.subspace_ways import SubspaceTrial
from registry import ConfigError, SpeedTrial, progress_bar

__all__ = ["STEPS", "Benchmark", "Growth", "Ratio", "measure_benchmark"]

STEPS = (1, 4, 16)
_MAPPED = 4  # faces that maps are made of
_GRAD_CAM = "grad-cam"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """What this project does, beside another way: its time over the other's, below 1 if faster.

    `note` says why there is no figure where `ratio` is None.
    """

    what: str
    beside: str
    ratio: float | None = None
    seconds: float | None = None
    other_seconds: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What a number of frames took; `peak_bytes` is None where the system does not say."""

    frames: int
    seconds: float
    peak_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """All that was measured; `exponent` is 1 where time grows in proportion to frames."""

    frames: int
    device: str
    backend: str
    clock: str
    ratios: tuple[Ratio, ...]
    growth: tuple[Growth, ...]
    exponent: float


def measure_benchmark(config: BenchmarkConfig, subspaces: SubspaceTrial | None = None) -> Benchmark:
    """Time every way in turn; a BenchError says what is wrong with the configuration."""
    ours = ("detector", "backbone", "weights", "dataset", "split", "batch_size", "workers")
    shared = ("seed", "threads", "device", "precision")
    settings = {name: getattr(config, name) for name in (*ours, *shared)}
    trial = SpeedTrial(max(config.frames, config.growth * STEPS[-1]), **settings)
    clock = CLOCKS[config.clock]
    total = len(STEPS) + 1 + (config.rounds + 1) * 7
    with progress_bar("benchmark", total=total, unit="run", quiet=config.quiet) as advance:

        def one() -> None:
            advance(1)

        growth = tuple(_growth(trial, config.growth, clock, one))
        trial.units = trial.units[: config.frames]
        ratios = (
            *_evaluation(trial, config.rounds, clock, one),
            _maps(trial, config.rounds, clock, one),
            _subspace(subspaces or SubspaceTrial(), config.rounds, clock, one),
        )
    first, last = growth[0], growth[-1]
    return Benchmark(
        frames=config.frames,
        device=str(trial.embedder.device),
        backend=trial.embedder.backend,
        clock=config.clock,
        ratios=ratios,
        growth=growth,
        exponent=math.log(last.seconds / first.seconds) / math.log(last.frames / first.frames),
    )


def _growth(
    trial: SpeedTrial, least: int, clock: Callable[[], float], one: Way
) -> Iterator[Growth]:
    """Evaluate more and more frames; first of all, as a process's peak memory never falls."""
    trial.evaluate(least)
    one()
    for step in STEPS:
        frames = least * step
        start = clock()
        trial.evaluate(frames)
        seconds = max(clock() - start, 1e-9)
        one()
        yield Growth(frames=frames, seconds=seconds, peak_bytes=_peak())


def _evaluation(
    trial: SpeedTrial, rounds: int, clock: Callable[[], float], one: Way
) -> Iterator[Ratio]:
    what, loop = f"evaluating {len(trial.units)} frames", "a plain loop over videos"
    ways: dict[str, Way] = {"eval": trial.evaluate, "forward": trial.forward}
    reason = ""
    try:
        trial.plain_loop()
        ways["loop"] = trial.plain_loop
    except ConfigError as error:
        reason = str(error)
    timed = in_turn(ways, rounds, clock, one)
    yield _ratio(what, "its forward passes alone", timed["eval"], timed["forward"])
    if reason:
        yield Ratio(what=what, beside=loop, note=reason)
    else:
        yield _ratio(what, loop, timed["eval"], timed["loop"])


def _maps(trial: SpeedTrial, rounds: int, clock: Callable[[], float], one: Way) -> Ratio:
    what, crops = f"mapping face and parts of {_MAPPED} faces", trial.crops[:_MAPPED]
    if importlib.util.find_spec("pytorch_grad_cam") is None:
        note = "not installed: pip install 'lesb-plugin[benchmark]'"
        return Ratio(what=what, beside=_GRAD_CAM, note=note)
    try:
        ways = {
            "own": own_maps(trial.detector, crops),
            _GRAD_CAM: grad_cam(trial.detector, crops),
        }
    except ConfigError as error:
        return Ratio(what=what, beside=_GRAD_CAM, note=str(error))
    timed = in_turn(ways, rounds, clock, one)
    return _ratio(what, _GRAD_CAM, timed["own"], timed[_GRAD_CAM])


def _subspace(trial: SubspaceTrial, rounds: int, clock: Callable[[], float], one: Way) -> Ratio:
    embeddings = trial.embeddings()
    ways: dict[str, Way] = {
        "own": lambda: trial.by_scatter(embeddings),
        "sklearn": lambda: trial.by_incremental_pca(embeddings),
    }
    timed = in_turn(ways, rounds, clock, one)
    what = f"finding a subspace of {trial.images * trial.variants:,} embeddings"
    return _ratio(what, "IncrementalPCA", timed["own"], timed["sklearn"])


def _ratio(what: str, beside: str, own: Timed, other: Timed) -> Ratio:
    """Compare two ways of one `in_turn`, whose first one is `own`."""
    return Ratio(
        what=what,
        beside=beside,
        ratio=own.ratio / other.ratio,
        seconds=own.seconds,
        other_seconds=other.seconds,
    )


def _peak() -> int | None:
    """Return the most memory that this process ever had; None on Windows."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
