"""Measure what an image costs in each stage of an evaluation on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from registry.contracts.types import Crop, Video
from registry.detectors.model import Model, build_explainer, build_model
from registry.errors import DataError
from registry.faces.clock import StageClock, timed
from registry.faces.corruptions import the_condition
from registry.faces.reader import FaceReader, build_reader
from registry.files import file_size, is_there
from registry.plugins.chosen import choose
from registry.plugins.discovery import load_plugins
from registry.scoring.chunks import Chunk, Unit
from registry.scoring.frames import choose_units, find_data
from registry.scoring.rows import rows_of
from registry.scoring.scorer import Scorer
from registry.settings.tasks import CostConfig
from registry.tasks.cost_model import FORWARD, HEADS, MAPS, Forecast, Hardware, Stage, forecast
from registry.tasks.fit_on import fit_first

__all__ = ["Cost", "measure_cost"]

_WARM = 2  # frames that load models and code first
_MAPPED = 8  # crops that are explained


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What was measured on `frames` frames, on `device`, and the prediction for more of them.

    `given`: the time of the forward pass is that of a GPU elsewhere, which the user has named.
    """

    frames: int
    device: str
    given: bool
    hardware: Hardware
    stages: Mapping[str, Stage]
    forecasts: tuple[Forecast, ...]


def measure_cost(config: CostConfig) -> Cost:
    """Time each stage alone, in one thread, and predict `config.images` on `config.processes`.

    Seconds are of a core (of the GPU for the forward pass and maps there), so that a machine which
    is busy with other things measures the same. With `config.forward_ms` each process has a GPU of
    that speed. A BenchError says what is wrong.
    """
    plugins = load_plugins()
    chosen = choose(plugins, config)
    videos = [video for index in find_data(config, plugins) for video in index.videos]
    reader = build_reader(chosen.faces, config, the_condition(config.corrupt), config.seed)
    model = build_model(chosen, config, fit_first(plugins, chosen, config))
    units = _some(config, videos)
    start = time.process_time()  # up to here a process does nothing for an image
    meter = _Meter(config, model, reader, units)
    stages = {each.name: each for each in meter.stages()}
    if config.explainer is not None:
        spec = plugins.get("explainer", config.explainer)
        stages[MAPS] = meter.maps(build_explainer(spec, model.detector, config.explain))
    given = config.forward_ms is not None
    if config.forward_ms is not None:
        stages[FORWARD] = replace(stages[FORWARD], seconds=config.forward_ms / 1e3)
    hardware = Hardware(
        cores=config.cores or _cores(meter.gpu),
        workers=max(1, config.workers),
        gpu=meter.gpu or given,
        storage=None if config.storage is None else config.storage * 1e6,
        start=start,
    )
    return Cost(
        frames=len(units),
        device=meter.device,
        given=given,
        hardware=hardware,
        stages=stages,
        forecasts=tuple(
            forecast(stages, config.images, count, hardware) for count in config.processes
        ),
    )


def _some(config: CostConfig, videos: Sequence[Video]) -> list[Unit]:
    """Return all frames of some videos, spread over the data: a video is decoded from its start."""
    order = np.random.default_rng(config.seed).permutation(len(videos))
    units: list[Unit] = []
    for at in order:
        units += choose_units(config, [videos[at]])
        if len(units) >= config.sample:
            break
    return units


def _cores(gpu: bool) -> float:
    """Return the number of this machine's cores per process to run."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if not gpu:
        return float(count or 1)
    import torch

    return (count or 1) / max(1, torch.cuda.device_count())


class _Meter:
    """Runs an evaluation's stages one after another."""

    def __init__(
        self, config: CostConfig, model: Model, reader: FaceReader, units: Sequence[Unit]
    ) -> None:
        self._config, self._model, self._reader, self._units = config, model, reader, units
        spec = model.spec
        self._scorer = Scorer(model.detector, spec.name, spec.source, reader, model.crop)
        self._crops: list[Crop] = []
        self.device = "cpu" if model.embedder is None else str(model.embedder.device)
        self.gpu = self.device != "cpu"

    def stages(self) -> Iterator[Stage]:
        """Measure each stage from the file to the row of scores, per frame."""
        count = len(self._units)
        self._score(self._read(self._units[:_WARM]))
        self._reader.clock = StageClock(time.process_time)
        found, whole = timed(lambda: self._read(self._units), time.process_time)
        read = self._reader.clock.spent
        self._crops = [crop for each in found if not isinstance(each, str) for crop in each]
        if not self._crops:
            reason = next(each for each in found if isinstance(each, str))
            raise DataError(f"none of {count} frames gave a face: {reason}; name other data")
        for name, seconds in read.items():
            yield Stage(name, seconds / count, self._file_bytes() if name == "decode" else 0)
        pixels = sum(crop.image.nbytes for crop in self._crops)
        yield Stage("crop", max(0.0, whole - sum(read.values())) / count, pixels // count)
        self._reader.clock = StageClock(time.perf_counter if self.gpu else time.process_time)
        chunk = self._score(found)
        stored = sum(array.nbytes for array in chunk.values.values())
        yield Stage(FORWARD, self._reader.clock.spent[FORWARD] / count, stored // count)
        detector, spec = self._model.detector, self._model.spec
        chunks = [(self._units, chunk)]
        rows_of(chunks, detector, spec)  # loads what makes tables
        table, seconds = timed(lambda: rows_of(chunks, detector, spec), time.process_time)
        yield Stage(HEADS, seconds / count, table.nbytes // count)

    def maps(self, explain: Callable[[Sequence[Crop]], Sequence[object]]) -> Stage:
        """Measure what an explanation costs, per crop."""
        crops = self._crops[:_MAPPED]
        explain(crops[:1])
        clock = time.perf_counter if self.gpu else time.process_time
        found, seconds = timed(lambda: explain(crops), clock)
        size = sum(array.nbytes for each in found for array in getattr(each, "maps", {}).values())
        return Stage(MAPS, seconds / len(crops), size // len(crops))

    def _read(self, units: Sequence[Unit]) -> list[list[Crop] | str]:
        return self._scorer.crops_of(units)

    def _score(self, found: Sequence[list[Crop] | str]) -> Chunk:
        *_, chunk = self._scorer.compute(iter(found), [len(found)], self._config.batch)
        assert isinstance(chunk, Chunk)  # noqa: S101 - the last step is the chunk
        return chunk

    def _file_bytes(self) -> int:
        """Return file bytes per frame: for a video, its share."""
        paths = {unit.frame.path for unit in self._units}
        return sum(file_size(path) for path in paths if is_there(path)) // len(self._units)
