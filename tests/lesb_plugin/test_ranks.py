"""Processes that torchrun starts share fits, audits and training; the results are those of one.

What is compared: artefacts tensor by tensor, audits figure by figure, the weights of networks.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from registry.results.predictions import PREDICTIONS
from tests.campaigns.trial import make_data
from tests.shared.artefacts import unlike
from tests.shared.drawn_training import BACKBONE
from tests.shared.ranked import environment
from tests.shared.torchrun import BENCH, TORCHRUN, run

_MODEL = ["--backbone", BACKBONE, "--weights", "random"]
_FIT = [
    "fit", *_MODEL, "--workers", "0", "--no-tensorboard", "--pseudo-fakes", "2", "--epochs", "2",
]  # fmt: skip
_LESB = ["--rank", "8", "--variants", "4", "--control-seeds", "1"]
_GEP = ["--rank", "6", "--variants", "2", "--control-seeds", "1"]
_FLOAT32 = 1e-6  # a few units of its last place: lesb_gep's eigenproblem magnifies that of a sum
_AUDIT = [
    "audit", *_MODEL, "--split", "train", "--make-edits", "--edits", "2", "--draws", "20",
    "--batch-size", "4", "--extended-faces", "4",
    "--only", "right_part,restore,stability,equivariance,cost,curves,shapley,labels",
]  # fmt: skip
_OF_THE_MOMENT = {"seconds", "created", "out"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn faces in `data`, and a style of pseudo-fakes."""
    folder = tmp_path_factory.mktemp("ranks")
    make_data(folder)
    return folder


def bench(folder: Path, *line: str, **more: str) -> str:
    """Run one process; what it prints."""
    return _succeeded([sys.executable, *BENCH, *line], folder, more)


def ranks(folder: Path, *line: str, restarts: int = 0, **more: str) -> str:
    """Run two processes of torchrun; what they print."""
    return _succeeded([*TORCHRUN, "--max-restarts", str(restarts), *BENCH, *line], folder, more)


def _succeeded(line: list[str], folder: Path, more: Mapping[str, str]) -> str:
    done = run(line, environment(folder / "plugin", **more))
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("detector", "more", "rounding"),
    [("lesb", _LESB, 0.0), ("lesb_gep", _GEP, _FLOAT32), ("lesb_roi", [], 0.0)],
)
def test_two_ranks_fit_the_artefact_of_one_process(
    folder: Path, detector: str, more: list[str], rounding: float
) -> None:
    line = [*_FIT, "--detector", detector, *more, "--train", str(folder / "data")]
    one, two = (folder / f"{detector}_{count}" for count in (1, 2))
    bench(folder, *line, "--out", str(one), "--quiet")
    printed = ranks(folder, *line, "--out", str(two))
    assert printed.count("artefact: ") == 1
    assert printed.count("pseudo-fakes (train): 100%") == 1
    assert list(unlike(one, two, rounding)) == []
    assert {path.name for path in one.iterdir()} == {path.name for path in two.iterdir()}
    assert not list(folder.rglob("*.partial"))


@pytest.mark.slow
def test_two_ranks_fit_before_they_score(folder: Path) -> None:
    """What they fit together for `--fit-on` is what one process fits: predictions are the same."""
    data = str(folder / "data")
    line = ["eval", *_MODEL, "--detector", "lesb_roi", "--fit-on", data, "--dataset", data]
    line += ["--split", "train", "--draws", "20", "--quiet", "--workers", "0", "--out"]
    one, two = folder / "eval_1", folder / "eval_2"
    cache = str(folder / "own_cache")
    ranks(folder, *line, str(two), BENCH_CACHE=cache)
    assert len(list((folder / "own_cache" / "artefacts").iterdir())) == 1
    bench(folder, *line, str(one), BENCH_CACHE=str(folder / "other_cache"))
    assert (one / PREDICTIONS).read_bytes() == (two / PREDICTIONS).read_bytes()


@pytest.mark.slow
def test_two_ranks_audit_as_one_process(folder: Path) -> None:
    lesb = folder / "audited"
    line = [*_FIT, *_LESB, "--train", str(folder / "data"), "--out", str(lesb), "--quiet"]
    bench(folder, *line)
    line = [*_AUDIT, "--artefact", str(lesb), "--dataset", str(folder / "data"), "--out"]
    bench(folder, *line, str(folder / "audit_1"), "--quiet")
    printed = ranks(folder, *line, str(folder / "audit_2"))
    assert printed.count("explaining: 100%") == 1
    assert printed.count("figures: ") == 1
    one, two = (
        json.loads((folder / f"audit_{count}" / "audit.json").read_text()) for count in (1, 2)
    )
    for found in (one, two):
        (cost,) = (row for row in found["rows"] if row["key"] == "cost")
        assert cost.pop("value") > 0
        del cost["met"], cost["reached"], found["aims"]["met"]  # as the time that it took
        assert "quiet" in found["config"]
        del found["config"]["quiet"]
    measured = {row["key"].partition(".")[0] for row in one["rows"]}
    assert {"right_part", "restore", "stability", "curves", "shapley", "labels"} <= measured
    assert json.dumps(_lasting(one)) == json.dumps(_lasting(two))


def _lasting(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: _lasting(each) for key, each in found.items() if key not in _OF_THE_MOMENT}
    return [_lasting(each) for each in found] if isinstance(found, list) else found


# --- training --------------------------------------------------------------------------------


def training(folder: Path, *more: str) -> list[str]:
    style = str(folder / "easy.yaml")
    return [
        "train", "--weights", "random", "--train", str(folder / "data"), "--style", style,
        "--val-style", style, "--val-fakes", "2", "--val-reals", "1", "--epochs", "3",
        "--val-every", "1", "--workers", "0", "--no-tensorboard", *more,
    ]  # fmt: skip


def checkpoint(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / "checkpoint.pt", weights_only=True)
    return state


def learned(folder: Path) -> list[tuple[float, float, float]]:
    """Loss, accuracy and AUC on val of each epoch."""
    epochs = json.loads((folder / "log.json").read_text())["epochs"]
    return [(each["loss"], each["accuracy"], each["val"]["auc"]) for each in epochs]


@pytest.mark.slow
def test_two_ranks_learn_what_one_process_learns(folder: Path) -> None:
    """Without batch norm, and by plain steps: AdamW makes steps of a size of their rounding."""
    line = training(folder, "--backbone", "timm/test_convnext", "--optimiser", "sam")
    line += ["--pairs", "3", "--learning-rate", "0.05", "--out"]  # the second rank has one of them
    one, two = folder / "convnext_1", folder / "convnext_2"
    bench(folder, *line, str(one), "--quiet")
    printed = ranks(folder, *line, str(two))
    assert printed.count("weights: ") == 1
    assert printed.count("training: 100%") == 1
    assert learned(one) == learned(two)
    for part in ("network", "average"):
        alone, shared = checkpoint(one)[part], checkpoint(two)[part]
        for name, tensor in alone.items():
            torch.testing.assert_close(tensor, shared[name], rtol=1e-4, atol=1e-6)
    head = "network.model.head.fc.weight"
    moved = checkpoint(one)["network"][head] - checkpoint(one)["average"][head]
    assert float(moved.abs().max()) > 1e-4


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    """The run of two ranks that nothing has disturbed, with batch norm."""
    ranks(folder, *normed(folder), "--out", str(folder / "trained"))
    return folder / "trained"


def normed(folder: Path) -> list[str]:
    return training(folder, "--backbone", BACKBONE, "--pairs", "2", "--quiet")


def assert_same_training(one: Path, other: Path) -> None:
    """To the last bit."""
    states = checkpoint(one), checkpoint(other)
    assert states[0]["done"] == states[1]["done"] == 9
    for part in ("network", "average"):
        for name, tensor in states[0][part].items():
            assert torch.equal(tensor, states[1][part][name]), name
    assert learned(one) == learned(other)


@pytest.mark.slow
def test_ranks_resume_exactly_and_only_as_many_as_began(folder: Path, trained: Path) -> None:
    line = [*normed(folder), "--out", str(folder / "resumed")]
    stopped = ranks(folder, *line, "--minutes", "0")
    assert "stopped after 1 steps (the time is up)" in stopped
    alone = [sys.executable, *BENCH, *line, "--resume"]
    done = run(alone, environment(folder / "plugin"))
    assert done.returncode == 2
    assert done.stderr == (
        "error: cannot resume with 1 process: the run was begun with 2; start as many with torchrun"
        " (--nproc-per-node 2), or train with --overwrite\n"
    )
    ranks(folder, *line, "--resume")
    assert checkpoint(folder / "resumed")["random"].shape[0] == 2
    assert_same_training(trained, folder / "resumed")


@pytest.mark.slow
@pytest.mark.parametrize("rank", ["0", "1"])
def test_a_killed_rank_costs_a_training_what_came_after_its_checkpoint(
    folder: Path, trained: Path, rank: str
) -> None:
    """Without `--resume`: torchrun starts all ranks again with the same line."""
    line = [*normed(folder), "--checkpoint-minutes", "0", "--out", str(folder / f"killed_{rank}")]
    marker = folder / "plugin" / "log.killed"
    marker.unlink(missing_ok=True)
    ranks(folder, *line, restarts=1, BENCH_TEST_KILL_STEP=f"{rank}:4")
    assert marker.exists()
    assert_same_training(trained, folder / f"killed_{rank}")
