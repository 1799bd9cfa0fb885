"""An evaluation and other ways to the scores of the same frames, ready to be timed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.contracts.backbone import TrainableBackbone
from registry.contracts.detector import Detector
from registry.contracts.embedder import Embedder
from registry.contracts.types import Crop
from registry.errors import ConfigError, DataError
from registry.leftovers import scratch_folder
from registry.results.result import Result
from registry.scoring.chunks import Unit
from registry.scoring.scorer import Scorer
from registry.settings.tasks import EvalConfig
from registry.tasks.chunked import EvalJob
from registry.tasks.evaluate import measure_job, opened, prepare_job, timed_score

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SpeedTrial"]


class SpeedTrial:
    """A model and frames; `evaluate`, `forward` and `plain_loop` score them, each in its own way.

    Takes what `registry.evaluate` takes. Nothing is cached or left on the disk, no interval is
    drawn and no report written, as the other ways make none. A DataError where there are fewer
    than `frames` frames with a face, a ConfigError for a detector without a backbone.
    """

    def __init__(self, frames: int, **settings: Any) -> None:
        quick: dict[str, Any] = {"cache": False, "reporters": (), "draws": 0, "quiet": True}
        config = EvalConfig(**{**quick, **settings})
        with scratch_folder("speed") as folder:
            self._job = prepare_job(replace(config, out=str(folder / "run")))
        model = self._job.model
        if model.embedder is None:
            raise ConfigError(f"detector {config.detector!r} has no backbone to compare it with")
        self.detector: Detector = model.detector
        self.embedder: Embedder = model.embedder
        self.units: Sequence[Unit] = self._job.units[:frames]
        if len(self.units) < frames:
            raise DataError(f"the data has {len(self.units)} frames, not {frames}; ask for fewer")

    @cached_property
    def crops(self) -> list[Crop]:
        """Return the faces of all frames, read once."""
        return [crop for each in self._scorer.crops_of(self.units) for crop in _faces(each)]

    def evaluate(self, frames: int | None = None) -> Result:
        """Score as `bench eval` does, from the files to the numbers; the first frames, or all."""
        with self._other_job(self.units[:frames]) as job, opened(job):
            return measure_job(job, timed_score(job))

    def forward(self) -> NDArray[np.float32]:
        """Embed the faces, (n, d), that are in memory already, one batch after another."""
        return self.embedder(self._images)

    def plain_loop(self) -> dict[str, float]:
        """Score as public scripts do: the mean score of the network's own head for each video.

        One video at a time is read, cropped and passed through the network, in float32 with
        channels first; a ConfigError for a network that cannot be trained on, or has no head.
        """
        import torch

        scores: dict[str, float] = {}
        for name, units in groupby(self.units, key=lambda unit: unit.video.id):
            crops = [crop for each in self._scorer.crops_of([*units]) for crop in _faces(each)]
            images = np.stack([crop.image for crop in crops]).transpose(0, 3, 1, 2)
            pixels = torch.from_numpy(np.ascontiguousarray(images, np.float32) / 255)
            with torch.no_grad():
                logits = self._network(pixels.to(self.embedder.device))  # (n, 2)
            scores[name] = float(logits.softmax(1)[:, 1].mean())
        return scores

    @cached_property
    def _scorer(self) -> Scorer:
        job = self._job
        spec = job.model.spec
        return Scorer(self.detector, spec.name, spec.source, job.reader, job.model.crop)

    @cached_property
    def _images(self) -> NDArray[np.uint8]:
        return np.stack([crop.image for crop in self.crops])

    @cached_property
    def _network(self) -> Any:
        """Return the network with its head as it was trained: nothing folded, channels first."""
        import torch

        backbone = self.embedder.backbone
        if not isinstance(backbone, TrainableBackbone) or backbone.head_direction() is None:
            raise ConfigError(f"backbone {backbone.name!r} has no head of real and fake")
        network: Any = backbone.trainable(2, 0)
        return network.eval().requires_grad_(requires_grad=False).to(
            self.embedder.device, memory_format=torch.contiguous_format
        )  # fmt: skip

    @contextmanager
    def _other_job(self, units: Sequence[Unit]) -> Iterator[EvalJob]:
        """A run of some of the frames, in a folder of its own that is removed."""
        videos = {unit.video.id: unit.video for unit in units}
        with scratch_folder("speed") as folder:
            out = Path(folder) / "run"
            yield replace(
                self._job,
                config=replace(self._job.config, out=str(out)),
                folder=out,
                units=[*units],
                videos=[*videos.values()],
                seconds={},
                counts={},
            )


def _faces(found: list[Crop] | str) -> list[Crop]:
    if isinstance(found, str):
        raise DataError(f"a frame gave no face: {found}; name other data")
    return found
