"""Lend what one thread may use at a time, and build it only where none is idle.

What plugins build need not be thread-safe (dlib's detector is not), and takes a while to build.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from registry.contracts.types import Face
from registry.errors import guarded
from registry.plugins.specs import FaceDetectorSpec, LandmarkerSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Detect: TypeAlias = Callable[[NDArray[np.uint8]], list[Face]]
    Locate: TypeAlias = Callable[[NDArray[np.uint8], Face], NDArray[np.float32]]

__all__ = ["Lender", "lend_detectors", "lend_landmarkers"]

T = TypeVar("T")


class Lender(Generic[T]):
    """Lends objects of `build`, as many as are in use at once: threads come and go, they stay."""

    def __init__(self, build: Callable[[], T]) -> None:
        self._build = build
        self._idle: list[T] = []
        self._lock = threading.Lock()

    @contextmanager
    def lent(self) -> Iterator[T]:
        """Yield one that nobody else has for the block."""
        with self._lock:
            idle = self._idle.pop() if self._idle else None
        one = self._build() if idle is None else idle
        try:
            yield one
        finally:
            with self._lock:
                self._idle.append(one)


def lend_detectors(spec: FaceDetectorSpec, size: int | None) -> Lender[Detect]:
    """Lend face detectors; an error in one, or in building it, names its package."""

    def build() -> Detect:
        what = f"face detector {spec.name!r}"
        sized = spec.build if size is None else partial(spec.build, size=size)
        return partial(guarded, what, spec.source, guarded(what, spec.source, sized))

    return Lender(build)


def lend_landmarkers(spec: LandmarkerSpec, predictor: Path | None) -> Lender[Locate]:
    """Lend landmarkers; errors as above."""

    def build() -> Locate:
        what = f"landmarker {spec.name!r}"
        locate = guarded(what, spec.source, spec.build, predictor)
        return partial(guarded, what, spec.source, locate)

    return Lender(build)
