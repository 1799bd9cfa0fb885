"""What ranks of a training may be asked for; that they learn the same is in `test_ranks`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lesb_plugin.train.checkpoint import load_same_run, run_identity, save_checkpoint
from lesb_plugin.train.options import TrainConfig
from lesb_plugin.train.parallel import Parallel, norms_of, seed_rank, with_norms
from registry import ConfigError, Rank, resolve
from registry.plugins.discovery import load_plugins
from tests.shared.drawn_training import BACKBONE


def config(**settings: Any) -> TrainConfig:
    found: TrainConfig = resolve(TrainConfig, None, (), settings)
    return found


def with_rank(monkeypatch: pytest.MonkeyPatch, number: int, count: int) -> None:
    rank = Rank(number, count)
    monkeypatch.setattr("lesb_plugin.train.parallel.this_rank", lambda: rank)


def test_batch_norms_are_synchronised_where_they_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    assert norms_of(config(batch_norm="synchronised"), "cpu") == ""  # of one process
    assert norms_of(config(batch_norm="frozen"), "cpu") == "frozen"
    with_rank(monkeypatch, 1, 2)
    assert norms_of(config(), "cuda:1") == "synchronised"
    assert norms_of(config(), "cpu") == "per-rank"
    assert norms_of(config(batch_norm="per-rank"), "cuda:1") == "per-rank"
    assert norms_of(config(batch_norm="frozen"), "cpu") == "frozen"
    with pytest.raises(ConfigError, match=r"--batch-norm synchronised needs a GPU.*on cpu"):
        norms_of(config(batch_norm="synchronised"), "cpu")
    with pytest.raises(ConfigError, match="frozen keeps the statistics of trained weights"):
        norms_of(config(batch_norm="frozen", weights="random"), "cpu")
    with pytest.raises(ConfigError, match="--pairs 1 cannot be split over 2 processes"):
        norms_of(config(pairs=1), "cpu")


def test_a_process_goes_on_with_frozen_norms_whatever_its_checkpoint_calls_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen, path = config(batch_norm="frozen"), tmp_path / "checkpoint.pt"
    rest = ("network", "average", "optimiser", "random", "done", "best", "seconds", "tally", "log")
    for norms in ("", "frozen"):
        state = {**run_identity(frozen, "data", norms), **dict.fromkeys(rest, 0)}
        save_checkpoint(path, state)
        assert load_same_run(path, "cpu", frozen, "data", "frozen") == state
    with pytest.raises(ConfigError, match=r"other settings \(batch_norm was 'frozen', is 'auto'\)"):
        load_same_run(path, "cpu", config(), "data")
    monkeypatch.setattr("lesb_plugin.train.checkpoint.this_rank", lambda: Rank(0, 2))
    save_checkpoint(path, {**state, "ranks": 2, "norms": "synchronised"})
    with pytest.raises(ConfigError, match="were synchronised, and would be frozen on this device"):
        load_same_run(path, "cpu", frozen, "data", "frozen")


def test_synchronised_norms_keep_weights_names_and_activations() -> None:
    backbone = load_plugins().get("backbone", BACKBONE).build(BACKBONE, "random", 0)
    plain, same, other = (backbone.trainable(2, 0) for _ in range(3))
    assert with_norms(same, "per-rank") is same
    synchronised = with_norms(other, "synchronised")
    kinds = {type(each) for each in synchronised.modules()}
    assert not any(issubclass(kind, nn.BatchNorm2d) for kind in kinds)
    assert any(issubclass(kind, nn.SyncBatchNorm) for kind in kinds)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, synchronised.state_dict()[name])
    torch.testing.assert_close(synchronised.eval()(images), plain.eval()(images))
    with pytest.raises(ValueError, match="SyncBatchNorm expected input tensor to be on GPU"):
        _in_two(synchronised.train(), images)


def _in_two(network: nn.Module, images: torch.Tensor) -> None:
    """A pass as in one of two processes, as far as it comes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.distributed, "is_initialized", lambda: True)
        patch.setattr(torch.distributed, "is_available", lambda: True)
        network(images)


def test_ranks_draw_for_themselves_and_the_first_as_one_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = []
    with torch.random.fork_rng(devices=[]):
        for number in range(3):
            torch.default_generator.manual_seed(5)
            with_rank(monkeypatch, number, 3)
            seed_rank(5, "cpu")
            found.append(torch.rand(4))
        torch.default_generator.manual_seed(5)
        assert torch.equal(found[0], torch.rand(4))
    assert len({tuple(each.tolist()) for each in found}) == 3


def test_alone_nothing_is_weighed_or_exchanged() -> None:
    network = nn.Flatten()
    alone = Parallel(network, "cpu")
    alone.begin(7)
    assert alone.weight == 1.0
    assert alone.any_of(False, True) == [False, True]
    logits, answer = alone.passes(torch.ones(2, 1, 2))
    assert answer is None
    assert logits.shape == (2, 2)
