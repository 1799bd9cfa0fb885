"""What TensorBoard would show of a run, read back from its files."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path

import cv2
import numpy as np
from google.protobuf import text_format
from numpy.typing import NDArray

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of tensorboard's own imports
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

__all__ = ["curve", "image", "names", "points", "read_events"]


def read_events(run: Path) -> EventAccumulator:
    """All of the events in the folder of a run."""
    found = EventAccumulator(str(run / "tensorboard"), {"scalars": 0, "images": 0})
    return found.Reload()


def names(run: Path, kind: str) -> set[str]:
    return set(read_events(run).Tags()[kind])


def curve(run: Path, name: str) -> tuple[list[int], NDArray[np.float64]]:
    """Steps and values."""
    events = read_events(run).Scalars(name)
    return [each.step for each in events], np.array([each.value for each in events])


def image(run: Path, name: str) -> NDArray[np.uint8]:
    """The last of its pictures, RGB (H, W, 3)."""
    coded = read_events(run).Images(name)[-1].encoded_image_string
    found = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return np.asarray(found[..., ::-1], np.uint8)


def points(run: Path, name: str) -> tuple[NDArray[np.float64], list[dict[str, str]]]:
    """Vectors (n, d) of the projector and the labels of each."""
    folder = run / "tensorboard"
    config = ProjectorConfig()
    text_format.Parse((folder / "projector_config.pbtxt").read_text("utf-8"), config)
    info = next(each for each in config.embeddings if each.tensor_name.startswith(f"{name}:"))
    vectors = np.loadtxt(folder / info.tensor_path, delimiter="\t", ndmin=2)
    with (folder / info.metadata_path).open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t")
        header, *labels = rows
    return vectors, [dict(zip(header, row, strict=True)) for row in labels]
