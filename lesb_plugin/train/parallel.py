"""Train one network with several processes: each makes and sees its share of a step's pairs.

The pairs of a step, and how the losses of single images are weighted, do not depend on how many
ranks there are. Gradients are averaged by torch's DistributedDataParallel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.distributed as dist
from timm.layers import convert_sync_batchnorm
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from lesb_plugin.pseudo_fakes.pairs import Batch
from lesb_plugin.train.lessons import Learner
from lesb_plugin.train.options import TrainConfig
from registry import ConfigError, meeting, this_rank

__all__ = ["Parallel", "Step", "norms_of", "seed_rank", "with_norms"]

Norms = Literal["", "synchronised", "per-rank", "frozen"]


def norms_of(config: TrainConfig, device: str) -> Norms:
    """Decide over which images batch norm computes its statistics; "" for those of one process.

    ConfigError for ranks that cannot share what `config` asks for, and for frozen statistics of
    random weights.
    """
    if config.batch_norm == "frozen" and config.weights == "random":
        raise ConfigError(
            "--batch-norm frozen keeps the statistics of trained weights, and --weights random has"
            " none; pass --weights FILE, or omit --batch-norm"
        )
    count = this_rank().count
    if count == 1:
        return "frozen" if config.batch_norm == "frozen" else ""
    if config.pairs < count:
        raise ConfigError(
            f"--pairs {config.pairs} cannot be split over {count} processes; pass --pairs {count}"
            " or more, or start fewer"
        )
    on_gpu = device.startswith("cuda")
    if config.batch_norm == "synchronised" and not on_gpu:
        raise ConfigError(
            f"--batch-norm synchronised needs a GPU for each process (torch's SyncBatchNorm does"
            f" not compute on {device}); pass --batch-norm per-rank, or train in one process"
        )
    if config.batch_norm == "auto":
        return "synchronised" if on_gpu else "per-rank"
    return config.batch_norm


def with_norms(network: nn.Module, norms: Norms) -> nn.Module:
    """Return the network, its batch norms synchronised if so decided."""
    if norms != "synchronised":
        return network
    converted: nn.Module = convert_sync_batchnorm(network)  # torch's own drops timm's activations
    return converted


def seed_rank(seed: int, device: str) -> None:
    """Give each rank its own draws for dropout; the first has those of a single process."""
    number = this_rank().number
    if number:
        own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        torch.default_generator.manual_seed(own)
        if device.startswith("cuda"):
            torch.cuda.manual_seed(own)


@dataclass(frozen=True, slots=True)
class Step:
    """The results of a step over all ranks; `seconds` are those of making the pairs."""

    loss: float
    right: float
    pairs: int
    skipped: int
    seconds: float


class Parallel:
    """A network's forward passes in this rank, and the exchange between ranks."""

    def __init__(self, network: nn.Module, device: str) -> None:
        self.rank, self.network = this_rank(), network
        self.passes: nn.Module = _Passes(network)
        self.weight = 1.0  # of this rank's mean loss, beside the others', in the step at hand
        if self.rank.count > 1:
            on_gpu = device.startswith("cuda")
            if on_gpu:
                torch.cuda.set_device(device)
            with meeting():
                self.passes = DistributedDataParallel(
                    self.passes, device_ids=[torch.device(device)] if on_gpu else None
                )

    @contextmanager
    def one_pass(self, *, last: bool) -> Iterator[None]:
        """Enclose both passes over a part of a step; the last part averages gradients."""
        passes = self.passes
        waits: AbstractContextManager[None] = nullcontext()
        if isinstance(passes, DistributedDataParallel) and not last:
            waits = passes.no_sync()
        with meeting(), waits:
            yield

    def begin(self, pairs: int) -> None:
        """Set this rank's weight, as it sees `pairs` in the coming step."""
        if self.rank.count > 1:
            (every,) = self._sums(pairs)
            self.weight = self.rank.count * pairs / every

    def end(self, batch: Batch, loss: float, right: float) -> Step:
        """Combine this step's results of all ranks."""
        count, skipped = len(batch.images), len(batch.skipped)
        if self.rank.count == 1:
            return Step(loss, right, count, skipped, batch.seconds)
        losses, rights, pairs, faults, seconds = self._sums(
            loss * count, right * count, count, skipped, batch.seconds
        )
        return Step(losses / pairs, rights / pairs, round(pairs), round(faults), seconds)

    def any_of(self, *flags: bool) -> list[bool]:
        """Say for each flag whether it holds in any rank."""
        return list(flags) if self.rank.count == 1 else [each > 0 for each in self._sums(*flags)]

    def take_from_first(self, network: nn.Module) -> None:
        """Copy tensors from the first rank, for statistics that each rank has of its own."""
        if self.rank.count > 1:
            with meeting():
                for tensor in network.state_dict().values():
                    dist.broadcast(tensor, 0)

    def _sums(self, *values: float) -> list[float]:
        tensor = torch.tensor(values, dtype=torch.float64)
        with meeting():
            dist.all_reduce(tensor)
        return [float(each) for each in tensor]


class _Passes(nn.Module):
    """Everything computed for images in one call, as DistributedDataParallel wraps `forward`."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return logits (n, 2), and the answer (n, outputs, h, w) of a Learner."""
        if isinstance(self.network, Learner):
            return self.network.with_answer(images)
        logits: torch.Tensor = self.network(images)
        return logits, None
