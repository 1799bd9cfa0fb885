"""Who a process is says torchrun by its environment; alone, it waits for nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from registry.backbones.device import resolve_device
from registry.cli import main
from registry.errors import BenchError, ConfigError
from registry.ranks import (
    Rank,
    add_up,
    dealt_back,
    first_goes_first,
    gather,
    gather_at_first,
    mark_begun,
    meeting,
    of_first,
    this_rank,
    wait_for_all,
    was_begun,
)
from tests.shared.ranked import environment
from tests.shared.torchrun import TORCHRUN, run

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
    with pytest.raises(
        ConfigError, match=r"'cuda:2' is not available.*available: cpu, cuda, cuda:0"
    ):
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
        " without torchrun (processes can share: eval, fit, prepare, train, audit)\n"
    )


def test_what_was_dealt_out_comes_back_in_order() -> None:
    for count in (1, 2, 3, 7):
        for items in (0, 1, 5, 7):
            shares = [list(Rank(number, count).share(range(items))) for number in range(count)]
            assert dealt_back(shares) == list(range(items))


def test_alone_everything_exchanged_is_its_own() -> None:
    value = np.arange(6.0).reshape(2, 3)
    assert gather("a") == ["a"]
    assert gather_at_first("a") == ["a"]
    assert of_first("a") == "a"
    (one, other) = add_up([value, np.array([7.0])])
    np.testing.assert_array_equal(one, value)
    one[:] = 0
    assert value[1, 2] == 5
    assert other == [7.0]
    mark_begun("this")
    assert not was_begun("this")


def test_only_what_torch_says_of_other_processes_is_told_as_such() -> None:
    with pytest.raises(BenchError, match="another of torchrun's processes has ended"), meeting():
        raise RuntimeError("[gloo/transport/tcp/pair.cc:534] Connection closed by peer")
    with pytest.raises(RuntimeError, match="out of memory"), meeting():
        raise RuntimeError("out of memory")


@pytest.mark.slow
def test_ranks_exchange_values_and_remember_over_a_restart(tmp_path: Path) -> None:
    line = [*TORCHRUN, "--max-restarts", "1", "-m", "tests.shared.exchanges", str(tmp_path)]
    done = run(line, environment(tmp_path / "plugin"))
    assert done.returncode == 0, done.stderr
    draws = [np.random.default_rng(number).random((2, 3)) for number in range(2)]
    for number in range(2):
        for restarts in range(2):
            path = tmp_path / f"{number}_{restarts}.json"
            found: dict[str, Any] = json.loads(path.read_text())
            (sums, counts) = found.pop("add_up")
            np.testing.assert_allclose(sums, draws[0] + draws[1], rtol=1e-15)
            assert counts == [1.0, 2.0]
            assert found == {
                "gather": ["of 0", "of 1"],
                "gather_at_first": None if number else [0, 1],
                "of_first": {"rank": 0},
                "map_shared": [[item, item % 2] for item in range(5)],
                "counted": 3,
                "was_begun": bool(restarts),
                "restarts": restarts,
            }
    assert done.stderr.count("items:  60%") == 2  # 3 of 5, in one bar for each start
    # a thread of gloo's that outlives the exchanges may abort a rank that ends
    assert [(tmp_path / f"threads_{number}_1").read_text() for number in range(2)] == ["0", "0"]
