"""The training loop: steps, epochs, selection, and resuming exactly where a run stopped."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from lesb_plugin.drawing.tensorboard import FOLDER, Board
from lesb_plugin.pseudo_fakes.order import Order
from lesb_plugin.pseudo_fakes.pairs import Batch, PairMaker, batches
from lesb_plugin.train.checkpoint import (
    ADVICE,
    run_identity,
    save_checkpoint,
    save_weights,
)
from lesb_plugin.train.lessons import Truth, build_learner
from lesb_plugin.train.monitor import Stop, write_log
from lesb_plugin.train.optimiser import Average, rate, set_rate, train_mode, weight_groups
from lesb_plugin.train.options import TrainConfig
from lesb_plugin.train.parallel import Parallel, Step, norms_of
from lesb_plugin.train.pictures import show_embeddings, show_pairs
from lesb_plugin.train.record import Tally, curves_of, lasting_part, line_of
from lesb_plugin.train.step import step_gradients
from lesb_plugin.train.validation import ValSet, verdict
from registry import (
    DataError,
    TrainableNetwork,
    gather_at_first,
    of_first,
    progress_bar,
    reading,
    say_block,
)

__all__ = ["CHECKPOINT", "EARLIER", "LOG", "WEIGHTS", "Trainer"]

CHECKPOINT, WEIGHTS, LOG = "checkpoint.pt", "weights.safetensors", "log.json"
EARLIER = "earlier_weights.safetensors"  # the best of a run that was stopped after them


@dataclass
class Trainer:
    """One run: its state, and how it advances.

    Every rank has the same; the first one alone writes.
    """

    config: TrainConfig
    network: nn.Module
    maker: PairMaker
    val: ValSet
    out: Path
    device: str
    data_fingerprint: str
    log: dict[str, Any]
    done: int = 0  # steps
    best: float = -math.inf
    seconds: float = 0.0
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        config = self.config
        if config.aux != "none":
            size, parts = self.maker.crop.size, len(self.maker.regions.parts)
            self.network = build_learner(config.aux, self.network, size, config.seed, parts)
        # Once: a style file that is edited or gone while the run goes on is not this run's recipe.
        self.norms = norms_of(config, self.device)
        self.identity = run_identity(config, self.data_fingerprint, self.norms)
        self.network.to(self.device)
        self.order = Order(len(self.maker), config.pairs, config.epochs, config.seed)
        self.average = Average(self.network, config.ema)
        self.parallel = Parallel(self.network, self.device)
        groups = weight_groups(self.network, self._trainable.head(), config)
        self.optimiser: torch.optim.Optimizer
        if config.optimiser == "adamw":
            self.optimiser = torch.optim.AdamW(groups, lr=config.learning_rate)
        else:
            rate_ = config.learning_rate
            self.optimiser = torch.optim.SGD(groups, lr=rate_, momentum=config.momentum)

    @property
    def _trainable(self) -> TrainableNetwork:
        return cast(TrainableNetwork, self.network)

    def run(self, stop: Stop) -> str:
        """Train until all steps are done or `stop` says so; return why it ended, "" if all are
        done.
        """
        board = Board(self.out / FOLDER if self.config.tensorboard else None, self.done)
        saved = time.monotonic()
        source = batches(
            self.maker,
            self.order.after(self.done),
            self.config.workers,
            with_parts=self.config.aux == "parts",
            rank=self.parallel.rank,
        )
        try:
            with progress_bar(
                "training", total=len(self.order), done=self.done, unit="step",
                quiet=self.config.quiet,
            ) as advance:  # fmt: skip
                for batch in self._timed(source):
                    curves = self._step(batch)
                    board.scalars(curves, self.done)
                    advance(1, self._figures())
                    if self.done % self.order.steps == 0:
                        self._end_epoch(board)
                    due = time.monotonic() - saved > 60 * self.config.checkpoint_minutes
                    stopping, due = self.parallel.any_of(bool(stop.reason), due)
                    if stopping:
                        break
                    if due:
                        self.save()
                        saved = time.monotonic()
        finally:
            source.close()  # type: ignore[attr-defined]
            board.close()
        self.save()
        if self.done == len(self.order):
            return ""
        self._keep_stopped()
        return of_first(stop.reason) or "interrupted"

    def _figures(self) -> str:
        """Return the figures at the end of the bar: loss and accuracy of the epoch, AUC on val,
        step size.
        """
        tally = self.tally
        best = f", val AUC {self.best:.3f}" if math.isfinite(self.best) else ""
        return (
            f"loss {tally.loss / tally.steps:.3f}, accuracy {tally.right / tally.steps:.3f}{best},"
            f" step size {rate(self.config, self.done - 1, len(self.order)):.1e}"
        )

    # --- steps -------------------------------------------------------------------------------

    def _timed(self, source: Iterator[Batch]) -> Iterator[Batch]:
        while True:
            start = time.perf_counter()
            batch = next(source, None)
            self.tally.waiting += time.perf_counter() - start
            self.seconds += time.perf_counter() - start
            if batch is None:
                return
            yield batch

    def _step(self, batch: Batch) -> dict[str, float]:
        """Make one step, and record its curves."""
        start = time.perf_counter()
        images = batch.images.to(self.device).flatten(0, 1)  # (2n, S, S, 3), real before fake
        truth = _truth(batch, self.device)
        labels = torch.arange(len(images), device=self.device) % 2
        step_size = rate(self.config, self.done, len(self.order))
        set_rate(self.optimiser, step_size)
        train_mode(self.network, frozen_norms=self.norms == "frozen")
        pixels = images.permute(0, 3, 1, 2).float() / 255
        self.parallel.begin(len(batch.images))
        own = step_gradients(self.network, pixels, labels, truth, self.config, self.parallel)
        found = self.parallel.end(batch, *own)
        loss = found.loss
        if not math.isfinite(loss):
            raise DataError(
                f"the loss is {loss} at step {self.done}; lower --learning-rate, clip with --clip 1"
                " or use --precision float32, and start again or --resume the last checkpoint"
            )
        self.optimiser.step()
        self.done += 1
        self.average.update(self.network, self.done)
        self._count(found, time.perf_counter() - start)
        return {"step/loss": loss, "step/accuracy": found.right, "step/size": step_size}

    def _count(self, step: Step, seconds: float) -> None:
        tally = self.tally
        tally.loss, tally.right = tally.loss + step.loss, tally.right + step.right
        tally.steps, tally.pairs = tally.steps + 1, tally.pairs + step.pairs
        tally.skipped += step.skipped
        tally.making, tally.computing = tally.making + step.seconds, tally.computing + seconds
        self.seconds += seconds

    # --- epochs ------------------------------------------------------------------------------

    def _end_epoch(self, board: Board) -> None:
        epoch = self.done // self.order.steps
        record = self._record(epoch)
        last = self.done == len(self.order)
        if epoch % self.config.val_every == 0 or last:
            self._validate(record)
            show_pairs(
                board, self.maker, self.average.network, self.device, epoch=epoch, step=self.done
            )
        if last:
            show_embeddings(board, self.average.network, self.val, self.device, self.config.seed)
        board.scalars(curves_of(record), self.done)
        self.log["epochs"].append(record)
        self.log["seconds"] = round(self.seconds, 1)
        self._write_log()
        if not self.config.quiet:
            say_block(line_of(record, self.config.epochs))
        self.tally = Tally()

    def _record(self, epoch: int) -> dict[str, Any]:
        tally = self.tally
        return {
            "epoch": epoch,
            "loss": round(tally.loss / tally.steps, 4),
            "accuracy": round(tally.right / tally.steps, 4),
            "rate": rate(self.config, self.done - 1, len(self.order)),
            "skipped": tally.skipped,
            "pairs_per_second": round(tally.pairs / (tally.computing + tally.waiting), 2),
            "pairs_made_per_second_by_one_worker": round(tally.pairs / tally.making, 2),
            "seconds_per_step": round(tally.computing / tally.steps, 3),
            "seconds_waited_per_step": round(tally.waiting / tally.steps, 3),
        }

    def _keep_stopped(self) -> None:
        """Validate a run that ends early, and keep its weights if they are the best.

        Its checkpoint is written and knows nothing of this: `resume` puts the earlier best back, so
        that the run ends as it would have without the stop.
        """
        if not self.tally.steps:
            return  # an epoch has just ended
        weights, best, first = self.out / WEIGHTS, self.best, self.parallel.rank.first
        record = self._record(1 + self.done // self.order.steps)
        if first and weights.is_file():
            shutil.copyfile(weights, self.out / EARLIER)
        self._validate(record)
        if first and self.best == best:
            (self.out / EARLIER).unlink(missing_ok=True)
        self.log["stopped"] = {"step": self.done, **record}
        self._write_log()
        if not self.config.quiet:
            say_block(line_of(record, self.config.epochs))

    def _write_log(self) -> None:
        if self.parallel.rank.first:
            write_log(self.out / LOG, self.log)

    def _put_back(self) -> None:
        """Restore the best weights as of the checkpoint."""
        if not self.parallel.rank.first:
            return
        earlier, weights = self.out / EARLIER, self.out / WEIGHTS
        if earlier.is_file():
            earlier.replace(weights)
        elif "best" not in self.log:
            weights.unlink(missing_ok=True)

    def _validate(self, record: dict[str, Any]) -> None:
        start = time.perf_counter()
        self.parallel.take_from_first(self.average.network)
        found = verdict(
            self.average.network,
            self.val,
            device=self.device,
            precision=self.config.val_precision,
            quiet=self.config.quiet,
        )
        seconds = round(time.perf_counter() - start, 1)
        record["val"] = {**found.record(), "seconds": seconds}
        self.seconds += time.perf_counter() - start
        if found.auc > self.best:
            self.best = found.auc
            self.log["best"] = {"epoch": record["epoch"], "val": record["val"]}
            if not self.parallel.rank.first:
                return
            trainable = cast(TrainableNetwork, self.average.network)
            flagged = self.config.flagged
            shift = found.exceeded_by(flagged) if flagged else 0.0
            save_weights(self.out / WEIGHTS, trainable, {"training": lasting_part(self.log)}, shift)

    # --- checkpoints -------------------------------------------------------------------------

    def save(self) -> None:
        """Write everything that `resume` needs."""
        states = gather_at_first(torch.get_rng_state())
        if states is None:
            return
        state = {
            **self.identity,
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": torch.stack(states),  # by rank
            "done": self.done,
            "best": self.best,
            "seconds": self.seconds,
            "tally": asdict(self.tally),
            "log": self.log,
        }
        save_checkpoint(self.out / CHECKPOINT, state)

    def resume(self, state: Mapping[str, Any]) -> None:
        """Restore what `load_same_run` returned; a DataError if it does not fit."""
        with reading(f"the checkpoint {self.out / CHECKPOINT}", ADVICE):
            self.network.load_state_dict(state["network"])
            self.average.network.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
            states = state["random"].cpu()
            first_only = states.dim() == 1  # as checkpoints once had it
            own = states if first_only else states[self.parallel.rank.number]
            torch.set_rng_state(own.clone())  # torch reads a view from where its memory begins
            self.done, self.best = int(state["done"]), float(state["best"])
            self.seconds, self.log = float(state["seconds"]), dict(state["log"])
            self.tally = Tally(**state["tally"])
        self._put_back()


def _truth(batch: Batch, device: str) -> Truth:
    """Return the labels of a batch's images in a row, real before fake."""
    parts = changed = None
    if batch.parts is not None and batch.changed is not None:
        parts, changed = (
            batch.parts.to(device).flatten(0, 1),
            batch.changed.to(device).flatten(0, 1),
        )
    return Truth(batch.masks.to(device).flatten(0, 1), parts, changed)
