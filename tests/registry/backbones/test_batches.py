from __future__ import annotations

import numpy as np
import pytest
import torch

from registry.backbones.batches import _memory, batch_size_of, remember_smaller
from registry.cli import main
from registry.contracts.embedder import Embedder
from registry.contracts.types import Features
from registry.errors import ConfigError
from registry.settings.shared import BatchSettings
from tests.shared.tiny import SIZE, TinyBackbone

AUTO = BatchSettings(batch_size="auto")
GPU = "cuda:1"


class Cramped(TinyBackbone):
    """Has memory for `most` images at a time."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most, self.sizes = most, list[int]()

    def features(self, images: torch.Tensor) -> Features:
        if len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.sizes.append(len(images))
        return super().features(images)


def crops(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)


def test_a_batch_is_halved_until_it_fits_and_nothing_is_lost() -> None:
    backbone, smaller = Cramped(3), list[int]()
    embedder = Embedder(backbone, batch_size=16, on_smaller=smaller.append)
    images = crops(7)
    np.testing.assert_allclose(embedder(images), Embedder(TinyBackbone())(images), atol=1e-6)
    assert smaller == [8, 4, 2]
    assert backbone.sizes == [2, 2, 2, 1]
    backbone.sizes.clear()
    _, maps = embedder.with_map(images)
    assert len(maps) == 7
    assert backbone.sizes == [2, 2, 2, 1]


def test_one_image_that_does_not_fit_and_a_size_that_was_asked_for_are_errors() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        Embedder(Cramped(0), batch_size=4, on_smaller=[].append)(crops(2))
    with pytest.raises(torch.OutOfMemoryError):
        Embedder(Cramped(1), batch_size=4)(crops(2))


def test_auto_begins_with_what_fitted_last_time_on_a_device_of_that_kind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    backbone = TinyBackbone()
    assert batch_size_of(AUTO, backbone, GPU, "float32") == 256
    remember = remember_smaller(AUTO, backbone, GPU, "float32")
    assert remember is not None
    remember(128)
    remember(64)
    assert batch_size_of(AUTO, backbone, GPU, "float32") == 64
    assert batch_size_of(AUTO, backbone, "cuda:0", "float32") == 64
    assert batch_size_of(AUTO, backbone, GPU, "bfloat16") == 256
    assert "going on with --batch-size 64" in capsys.readouterr().err
    _memory(backbone, GPU, "float32").write_text("{", "utf-8")
    assert batch_size_of(AUTO, backbone, GPU, "float32") == 256


def test_a_cpu_has_no_memory_to_find_out_and_a_number_stays_as_it_is() -> None:
    backbone = TinyBackbone()
    assert batch_size_of(AUTO, backbone, "cpu", "float32") == 16
    assert batch_size_of(BatchSettings(batch_size=3), backbone, GPU, "float32") == 3
    assert remember_smaller(BatchSettings(batch_size=3), backbone, GPU, "float32") is None
    assert (AUTO.batch, BatchSettings(batch_size=3).batch) == (256, 3)


@pytest.mark.parametrize("value", [0, -1, "large"])
def test_a_batch_size_is_a_positive_number_or_auto(value: int | str) -> None:
    with pytest.raises(ConfigError, match="batch_size"):
        BatchSettings(batch_size=value)  # type: ignore[arg-type]


def test_the_flag_takes_a_number_and_auto(capsys: pytest.CaptureFixture[str]) -> None:
    for value in ("auto", "12"):
        with pytest.raises(SystemExit):
            main(["eval", "--batch-size", value, "--print-config"])
        assert f"batch_size: {value}" in capsys.readouterr().out
