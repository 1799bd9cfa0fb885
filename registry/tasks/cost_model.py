"""Predict how long an evaluation takes on several processes, from the cost of one image per
stage.

Reading (decode, detect, landmarks, crop) is done by threads of each process, side by side with the
forward pass. On a GPU the slower of the two decides; on a CPU they share the cores. A storage that
all processes read from has one rate for all. What scores embeddings (heads) runs at the end, in the
first process alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from registry.errors import ConfigError

__all__ = ["FORWARD", "HEADS", "MAPS", "READING", "Forecast", "Hardware", "Stage", "forecast"]

READING = ("decode", "corrupt", "detect", "landmarks", "crop")
FORWARD, HEADS, MAPS = "forward", "heads", "maps"
STORAGE = "storage"


@dataclass(frozen=True, slots=True)
class Stage:
    """What an image costs in a stage: seconds of one core (or of the GPU), and output bytes.

    Of `decode` the bytes are those of the file, of `forward` those of the stored embedding.
    """

    name: str
    seconds: float
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """What each process has: cores, reading threads, a GPU or none.

    `storage` are bytes per second that all processes together can read, None where that is not
    known to be a limit. `start` are seconds of a core until a process begins.
    """

    cores: float
    workers: int
    gpu: bool
    storage: float | None = None
    start: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The prediction for `images` on `processes`; `busiest` is the stage that sets the pace.

    `seconds` are of a clock on the wall, `tail` those of them in which one process alone works,
    `core_seconds` the work of all processes together.
    """

    processes: int
    images: int
    rate: float  # images per second, while they are scored
    seconds: float
    tail: float
    core_seconds: float
    busiest: str


def forecast(
    stages: Mapping[str, Stage], images: int, processes: int, hardware: Hardware
) -> Forecast:
    """Predict how long `processes` take for `images`; a ConfigError for numbers below 1."""
    if images < 1 or processes < 1:
        raise ConfigError(f"{images} images on {processes} processes; both must be 1 or more")
    rates = _rates(stages, processes, hardware)
    busiest = min(rates, key=lambda name: rates[name])
    rate = rates[busiest]
    tail = images * _seconds(stages, HEADS)
    scoring = images / rate
    core = sum(_seconds(stages, name) for name in (*READING, HEADS))
    core += 0 if hardware.gpu else _seconds(stages, FORWARD)
    return Forecast(
        processes=processes,
        images=images,
        rate=rate,
        seconds=hardware.start + scoring + tail,
        tail=tail,
        core_seconds=processes * hardware.start + images * core,
        busiest=HEADS if tail > scoring else busiest,
    )


def _rates(stages: Mapping[str, Stage], processes: int, hardware: Hardware) -> dict[str, float]:
    """Return images per second for each resource, by the stage that uses most of it."""
    reading = {name: _seconds(stages, name) for name in READING}
    slowest = max(reading, key=lambda name: reading[name])
    read, forward = sum(reading.values()), _seconds(stages, FORWARD)
    threads = min(hardware.workers, hardware.cores)
    rates = {slowest: processes * threads / max(read, _LEAST)}
    if hardware.gpu:
        rates[FORWARD] = processes / max(forward, _LEAST)
    else:
        largest = FORWARD if forward > reading[slowest] else slowest
        shared = processes * hardware.cores / max(read + forward, _LEAST)
        rates[largest] = min(shared, rates.get(largest, shared))
    size = stages["decode"].bytes if "decode" in stages else 0
    if hardware.storage is not None and size:
        rates[STORAGE] = hardware.storage / size
    return rates


_LEAST = 1e-9  # seconds: a stage that takes none sets no pace


def _seconds(stages: Mapping[str, Stage], name: str) -> float:
    return stages[name].seconds if name in stages else 0.0
