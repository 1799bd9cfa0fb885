"""Crops as `bench prepare` leaves them, drawn, without any face to be found."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from registry.builtin.prepare.layout import Record, Store, Target, save_record
from registry.contracts.types import Crop

SIZE = 64


def drawn_store(
    out: Path, *, videos: int = 4, frames: int = 3, masks: bool = False, name: str = "set"
) -> tuple[Store, list[Record]]:
    """Half of the videos real and half fake, the fakes brighter; landmarks on an irregular ring."""
    store = Store(out, name, {"policy": "sbi"}, overwrite=False)
    for number in range(videos):
        word, label = ("real", "fake")[number % 2], number % 2
        group = f"{name}_swap_{word}" if label else f"{name}_{word}"
        target = Target(root=store.root, group=group, key=f"{word}_v.{number}")
        names = [f"{7 * frame:03d}" for frame in range(frames)]
        for at, each in enumerate(names):
            rng = np.random.default_rng((number, at))
            changed = np.arange(SIZE * SIZE).reshape(SIZE, SIZE) % 5 == at
            target.write(each, _crop(rng, label), changed if masks and label else None)
        record = Record(
            settings="one",
            source=f"source {number}",
            input=f"{number}.mp4",
            group=group,
            key=target.key,
            splits=["test"] if number else ["test", "val"],
            frames=frames,
            crops=names,
            masks=names if masks and label else (),
            failures=[],
        )
        save_record(target, record)
    return store, store.write_index("one")


def _crop(rng: np.random.Generator, label: int) -> Crop:
    angles = np.linspace(0, 2 * np.pi, 81, endpoint=False)
    ring = 32 + 14 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = (ring + rng.normal(size=(81, 2)) / 7).astype(np.float32)
    image = rng.integers(60, 140, (SIZE, SIZE, 3)) + 60 * label
    return Crop(image=image.astype(np.uint8), landmarks=points, box=(0, 0, SIZE, SIZE))
