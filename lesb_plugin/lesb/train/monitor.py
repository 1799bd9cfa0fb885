"""What is seen of a run: log.json, TensorBoard, pictures of pairs, and when to stop."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lesb.train.made import Made
from lesb_plugin.lesb.train.pairs import PairMaker
from registry import replacing, write_text

__all__ = ["Board", "Stop", "pair_sheet", "stopping", "write_log", "write_png"]


class Stop:
    """Says when a run should end: on a signal, or when its time is over."""

    def __init__(self, minutes: float | None) -> None:
        self._deadline = None if minutes is None else time.monotonic() + 60 * minutes
        self.interrupted = False

    @property
    def reason(self) -> str:
        """Why to stop now, or an empty string."""
        if self.interrupted:
            return "interrupted"
        over = self._deadline is not None and time.monotonic() >= self._deadline
        return "the minutes are over" if over else ""


@contextmanager
def stopping(minutes: float | None) -> Iterator[Stop]:
    """Inside, Ctrl-C and SIGTERM ask the run to end after its step; the second time at once."""
    stop = Stop(minutes)
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}

    def ask(_number: int, _frame: object) -> None:
        if stop.interrupted:
            raise KeyboardInterrupt
        stop.interrupted = True

    try:
        for each in before:
            signal.signal(each, ask)
        yield stop
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


class Board:
    """TensorBoard's files in a folder, or nothing at all."""

    def __init__(self, folder: Path | None, first_step: int = 0) -> None:
        self._writer: Any = None
        if folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            # Off what a run that is resumed wrote after its checkpoint.
            self._writer = SummaryWriter(str(folder), purge_step=first_step or None)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """One point of each curve."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def image(self, name: str, image: NDArray[np.uint8], step: int) -> None:
        """uint8 RGB (H, W, 3)."""
        if self._writer is not None:
            self._writer.add_image(name, image, step, dataformats="HWC")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def pair_sheet(maker: PairMaker, epoch: int, faces: Sequence[int]) -> NDArray[np.uint8]:
    """Real, fake and mask of one pair per row, two rows beside each other; uint8 RGB."""
    made = [maker.make(epoch, face) for face in faces]
    rows = [
        np.concatenate([*each.images, np.repeat(each.mask[..., None], 3, axis=2)], axis=1)
        for each in made
        if isinstance(each, Made)
    ]
    half = max(1, len(rows) // 2)
    columns = [np.concatenate(rows[:half]), np.concatenate(rows[half : 2 * half] or rows[:half])]
    return np.concatenate(columns, axis=1)


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """A PNG of an RGB image."""
    with replacing(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())


def write_log(path: Path, log: Mapping[str, Any]) -> None:
    """The log as JSON, an epoch per line."""
    head = {key: value for key, value in log.items() if key != "epochs"}
    lines = ",\n".join("  " + json.dumps(epoch) for epoch in log["epochs"])
    text = json.dumps(head, indent=1)[:-2] + f',\n "epochs": [\n{lines}\n ]\n}}\n'
    write_text(path, text)
