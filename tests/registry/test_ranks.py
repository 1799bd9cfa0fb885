"""Who a process is says torchrun by its environment; alone, it waits for nobody."""

from __future__ import annotations

import pytest
import torch

from registry.backbones.device import resolve_device
from registry.cli import main
from registry.errors import ConfigError
from registry.ranks import Rank, first_goes_first, this_rank, wait_for_all

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture
def second_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(NAMES, ("1", "3", "1", "localhost", "1"), strict=True):
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("second_of_three")
def test_a_rank_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert this_rank() == Rank(1, 3, 1)
    assert not this_rank().first
    assert this_rank().prefix == "rank 1: "
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "2")
    assert this_rank() == Rank(1, 3, 1, restarts=2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.usefixtures("second_of_three")
def test_without_one_of_the_variables_a_process_is_alone(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv(name)
    assert this_rank() == Rank()
    assert this_rank().first
    wait_for_all()
    with first_goes_first():
        pass


def test_every_item_is_one_rank_s_own() -> None:
    items = range(2, 20, 3)
    shares = [Rank(number, 4).share(items) for number in range(4)]
    assert sorted(item for share in shares for item in share) == list(items)


@pytest.mark.usefixtures("second_of_three")
def test_each_rank_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [resolve_device(name) for name in ("auto", "cuda", "cuda:0", "cpu")] == [
        "cuda:1", "cuda:1", "cuda:0", "cpu"
    ]  # fmt: skip
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ConfigError, match=r"'cuda:2' is not available.*available: cpu, cuda, cuda:0"):
        resolve_device("auto")
    monkeypatch.delenv("RANK")
    assert resolve_device("auto") == "cuda"


@pytest.mark.usefixtures("second_of_three")
def test_a_command_that_ranks_do_not_share_runs_in_one_process(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["list", "metrics"]) == 2
    assert capsys.readouterr().err == (
        "rank 1: error: `bench list` runs in a single process, and torchrun has started 3; start it"
        " without torchrun\n"
    )
