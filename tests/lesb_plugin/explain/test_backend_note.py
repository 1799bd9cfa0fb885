from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.explain.explained import _of_backend
from registry import Embedder
from tests.shared.tiny import TinyBackbone, TinyDetector


class Engine:
    """Any backend but torch."""

    name = "onnx"

    def __call__(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        raise NotImplementedError


def test_reports_say_what_another_backend_does_not_compute() -> None:
    detector = TinyDetector(TinyBackbone())
    assert list(_of_backend(detector)) == []
    detector.embedder = Embedder(TinyBackbone(), engine=Engine())
    assert list(_of_backend(detector)) == [
        "scores are computed by onnx, maps that need gradients or inner layers by torch"
    ]
