"""Monitor a run: log.json, a picture, and when to stop."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from registry import replacing, write_text

__all__ = ["Stop", "stopping", "write_log", "write_png"]


class Stop:
    """Says when a run should end: on a signal, or when its time is up."""

    def __init__(self, minutes: float | None) -> None:
        self._deadline = None if minutes is None else time.monotonic() + 60 * minutes
        self.interrupted = False

    @property
    def reason(self) -> str:
        """Say why to stop now, or an empty string."""
        if self.interrupted:
            return "interrupted"
        over = self._deadline is not None and time.monotonic() >= self._deadline
        return "the time is up" if over else ""


@contextmanager
def stopping(minutes: float | None) -> Iterator[Stop]:
    """Inside, Ctrl-C and SIGTERM end the run after its step; a second one at once."""
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


def write_png(path: Path, image: NDArray[np.uint8]) -> None:
    """Write an RGB image as PNG."""
    with replacing(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())


def write_log(path: Path, log: Mapping[str, Any]) -> None:
    """Write the log as JSON, one epoch per line."""
    head = {key: value for key, value in log.items() if key != "epochs"}
    lines = ",\n".join("  " + json.dumps(epoch) for epoch in log["epochs"])
    text = json.dumps(head, indent=1)[:-2] + f',\n "epochs": [\n{lines}\n ]\n}}\n'
    write_text(path, text)
