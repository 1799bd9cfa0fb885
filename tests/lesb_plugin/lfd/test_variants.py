from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from lesb_plugin.lfd.augment import Psi
from lesb_plugin.lfd.regions import RegionSet
from lesb_plugin.lfd.variants import (
    Skipped,
    VariantDataset,
    Variants,
    check_skipped,
    load_in_order,
    stable_int,
)
from registry import CropPolicy, DataError, Face
from tests.shared.planted import BrokenSample, PlantedSample, planted_samples


@pytest.fixture
def dataset(regions: RegionSet, psi: Psi) -> VariantDataset:
    return VariantDataset(planted_samples(4), regions, psi, CropPolicy(size=96), variants=5, seed=3)


def images_of(dataset: VariantDataset, workers: int = 0) -> np.ndarray:
    """(n, K, M, S, S, 3)."""
    items = list(load_in_order(dataset, workers))
    assert all(isinstance(item, Variants) for item in items)
    return np.stack([item.images for item in items])


def distinct(images: np.ndarray) -> int:
    return len({image.tobytes() for image in images.reshape(-1, *images.shape[-3:])})


def changes(images: np.ndarray, dataset: VariantDataset) -> np.ndarray:
    """What was added to the crop: equal for two samples that drew the same random numbers."""
    clean = np.stack([item.clean for item in load_in_order(dataset, 0)])
    return images.astype(np.int16) - clean[:, None, None]


def test_samples_differ_across_images_parts_and_variants(dataset):
    images = images_of(dataset)
    assert images.shape == (4, 3, 5, 96, 96, 3)
    assert distinct(images) == 4 * 3 * 5


def test_two_images_with_the_same_pixels_still_draw_different_changes(dataset):
    same = [RenamedSample(0, name="a"), RenamedSample(0, name="b")]
    dataset = replace(dataset, samples=same)
    first, second = changes(images_of(dataset), dataset)
    masks = (first != 0).any(axis=-1), (second != 0).any(axis=-1)
    assert not any(
        np.array_equal(a, b)
        for a, b in zip(*(mask.reshape(-1, 96, 96) for mask in masks), strict=True)
    )


@dataclass(frozen=True)
class RenamedSample(PlantedSample):
    name: str = ""

    @property
    def key(self) -> str:
        return self.name


def test_samples_repeat_exactly_for_the_same_seed_and_differ_for_another(dataset):
    images = images_of(dataset)
    assert np.array_equal(images_of(dataset), images)
    other = np.concatenate([images, images_of(replace(dataset, seed=4))])
    assert distinct(other) == 2 * 4 * 3 * 5


def test_samples_differ_across_epochs_and_repeat_within_one(dataset):
    epochs = [images_of(replace(dataset, epoch=epoch)) for epoch in (0, 1, 1)]
    assert distinct(np.concatenate(epochs[:2])) == 2 * 4 * 3 * 5
    assert np.array_equal(epochs[1], epochs[2])


def test_workers_make_the_same_samples_in_the_same_order_and_share_none(dataset):
    inline = images_of(dataset)
    from_workers = images_of(dataset, workers=2)
    assert np.array_equal(from_workers, inline)
    # With two workers even and odd items come from different processes.
    assert distinct(from_workers) == 4 * 3 * 5


ENDLESS = """
import os, sys, time
import torch
from lesb_plugin.lfd.variants import load_in_order

class Pids(torch.utils.data.Dataset):
    def __len__(self): return 10**9
    def __getitem__(self, index):
        time.sleep(0.02)
        return os.getpid()

if __name__ == "__main__":
    for pid in load_in_order(Pids(), 1):
        print(pid, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for the worker in /proc")
def test_workers_end_when_the_process_that_asked_for_them_is_killed(tmp_path):
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as process:
        worker = int(process.stdout.readline())
        process.kill()
    assert worker != process.pid
    deadline = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < deadline, "the worker outlived its parent"
        time.sleep(0.1)


def test_a_sample_does_not_depend_on_the_others_or_on_the_number_of_variants(dataset):
    images = images_of(dataset)
    alone = images_of(replace(dataset, samples=dataset.samples[2:3]))
    assert np.array_equal(alone[0], images[2])
    more = images_of(replace(dataset, variants=9))
    assert np.array_equal(more[:, :, :5], images)


def test_many_variants_come_in_items_of_bounded_size(dataset):
    dataset = replace(dataset, samples=dataset.samples[:1], variants=37)
    items = list(load_in_order(dataset, 0))
    assert [item.images.shape[1] for item in items] == [16, 16, 5]
    assert len(dataset) == 3
    assert distinct(np.concatenate([item.images for item in items], axis=1)) == 3 * 37


def test_each_variant_changes_its_own_part_only(dataset):
    found = changes(images_of(dataset), dataset)
    rows = [np.flatnonzero((found[:, k] != 0).any(axis=(0, 1, 3, 4))) for k in range(3)]
    eyes, nose, mouth = (row.mean() for row in rows)
    assert eyes < nose < mouth
    assert rows[0].max() < rows[2].min() + 8
    assert (np.abs(found).reshape(60, -1).max(axis=1) > 0).all()


def test_the_clean_crop_is_the_backbones_crop(dataset):
    item = dataset[0]
    assert item.clean.shape == (96, 96, 3)
    assert item.clean.dtype == np.uint8
    assert item.key == "planted/0/0"
    assert item.seconds > 0


def test_a_face_that_cannot_be_read_is_an_item_with_its_reason(dataset):
    dataset = replace(dataset, samples=[PlantedSample(0), BrokenSample(7)])
    assert dataset[1] == Skipped("planted/7/0", "cannot read face 7: the file is empty")
    assert isinstance(dataset[0], Variants)


def test_a_face_without_landmarks_is_an_item_with_its_reason(dataset):
    dataset = replace(dataset, samples=[BareSample(0)])
    assert dataset[0] == Skipped("planted/0/0", "a face without landmarks has no parts")


class BareSample(PlantedSample):
    def load(self):
        image, face = super().load()
        return image, Face(box=face.box)


def test_broken_faces_are_allowed_as_a_share_or_as_a_count():
    broken = [Skipped("a", "empty"), Skipped("b", "cut short")]
    check_skipped(broken, 40, max_errors=0.05)
    check_skipped(broken, 3, max_errors=2)
    with pytest.raises(DataError, match=r"2 of 39 faces .* max_errors 0\.05 .*: b: cut short"):
        check_skipped(broken, 39, max_errors=0.05)
    with pytest.raises(DataError, match="2 of 39 faces"):
        check_skipped(broken, 39, max_errors=1)


def test_stable_integers_are_the_same_on_every_machine():
    # `printf eyes | sha256sum` begins with d8fe183f5b8e7324; the bytes are read from the last on.
    assert stable_int("eyes") == 0x24738E5B3F18FED8
