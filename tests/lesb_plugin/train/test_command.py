"""`bench train` from the command line."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import lesb_plugin.train.run
from lesb_plugin.pseudo_fakes.pairs import PairMaker, pair_maker
from lesb_plugin.pseudo_fakes.store import FaceStore
from lesb_plugin.train.monitor import stopping
from lesb_plugin.train.options import TrainConfig
from registry import ConfigError, CropPolicy, resolve
from registry.cli import main
from registry.owner import LOCK
from tests.shared.drawn_training import BACKBONE, EASY
from tests.shared.owners import IN_USE, TAKEN_OVER, leave_lock


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    style = tmp_path / "easy.yaml"
    style.write_text(EASY)
    return [
        "train", "--backbone", BACKBONE, "--weights", "random", "--train", "toy",
        "--style", str(style), "--val-style", str(style), "--val-fakes", "1", "--epochs", "2",
        "--pairs", "24", "--workers", "0", "--quiet", "--no-tensorboard", "--out",
        str(tmp_path / "run"),
    ]  # fmt: skip


@pytest.mark.slow
def test_a_run_starts_stops_and_goes_on(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--minutes", "0"]) == 0
    assert "run the same command with --resume" in capsys.readouterr().out
    assert main(command) == 2
    assert "pass --resume to continue that run" in capsys.readouterr().err
    with pytest.MonkeyPatch.context() as patched:  # settings are compared before faces are read
        patched.setattr("lesb_plugin.train.val_set.build_store", pytest.fail)
        assert main([*command, "--resume", "--learning-rate", "0.5"]) == 2
    assert "learning_rate was 0.001, is 0.5" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    said = capsys.readouterr().out
    assert "best val AUC" in said
    assert f"--weights {tmp_path / 'run' / 'weights.safetensors'}" in said
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"checkpoint.pt", "config.yaml", "log.json", "pairs.png", "weights.safetensors"}


@pytest.mark.slow
def test_a_refused_run_leaves_the_one_before_it_and_may_start_from_it(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--epochs", "1", "--val-every", "1"]) == 0
    run = tmp_path / "run"
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    at = command.index("toy")
    wrong = [*command[:at], "no_such_data", *command[at + 1 :], "--overwrite"]
    assert main(wrong) == 2
    assert "no_such_data" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    at = command.index("random")
    onward = [*command[:at], str(run / "weights.safetensors"), *command[at + 1 :]]
    assert main([*onward, "--epochs", "1", "--overwrite"]) == 0
    assert (run / "weights.safetensors").read_bytes() != before["weights.safetensors"]


def test_a_refused_run_leaves_no_folder_that_it_made(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, out = command.index("toy"), command.index(str(tmp_path / "run"))
    command[data], command[out] = "no_such_data", str(tmp_path / "runs" / "run")
    assert main(command) == 2
    assert "no_such_data" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    (tmp_path / "runs" / "run").mkdir(parents=True)
    assert main(command) == 2
    assert (tmp_path / "runs" / "run").is_dir()  # it was there before


def test_training_on_nothing_says_what_to_pass(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = command.index("--train")
    assert main([*command[:at], *command[at + 2 :]]) == 2
    said = capsys.readouterr().err
    assert "no faces to learn from; pass --train DIR" in said
    assert "fit" not in said
    assert not (tmp_path / "run").exists()


def test_going_on_and_starting_anew_are_not_both_asked_for(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--resume", "--overwrite"]) == 2
    assert "pass only one of them" in capsys.readouterr().err


def test_a_run_without_a_checkpoint_is_not_said_to_go_on(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "log.json").write_text("{}")
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "log.json exists already; pass --overwrite" in said
    assert "--resume" not in said


@pytest.mark.slow
def test_crops_can_be_learned_from_as_they_are_stored(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies: list[CropPolicy] = []

    def noting(store: FaceStore, crop: CropPolicy, recipe: str, **settings: Any) -> PairMaker:
        policies.append(crop)
        return pair_maker(store, crop, recipe, **settings)

    for module in ("run", "val_set"):
        monkeypatch.setattr(f"lesb_plugin.train.{module}.pair_maker", noting)
    assert main([*command, "--minutes", "0", "--crop-from", "frame"]) == 0
    assert [(crop.name, crop.margin) for crop in policies] == [("frame", 0.0)] * 2  # train, val
    assert "crop_from: frame" in (tmp_path / "run" / "config.yaml").read_text()


def test_a_wrong_style_is_told_before_any_work(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--style", "claen"]) == 2
    assert "did you mean 'clean'?" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["sbi", "clean"])
def test_shipped_configurations_resolve(name: str) -> None:
    assert resolve(TrainConfig, name).style == name


def test_without_a_configuration_the_recipe_of_this_project_is_used() -> None:
    assert resolve(TrainConfig, "clean") == TrainConfig()


def test_an_interrupt_asks_once_and_insists_the_second_time() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stopping(None) as stop:
        assert stop.reason == ""
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        assert stop.interrupted
        assert stop.reason == "interrupted"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_folder_belongs_to_one_training_while_its_process_lives(
    command: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whichever flags the second one has; both end before any face is read."""

    def try_again(config: TrainConfig) -> None:
        assert (tmp_path / "run" / LOCK).is_file()
        for more in ((), ("--overwrite",)):
            before = capsys.readouterr().err
            assert main([*command, *more]) == 2
            assert IN_USE.search(capsys.readouterr().err)
            sys.stderr.write(before)
        raise ConfigError("the first one ends here")

    monkeypatch.setattr(lesb_plugin.train.run, "prepare_training", try_again)
    assert main(command) == 2
    printed = capsys.readouterr().err
    assert "the first one ends here" in printed
    assert not TAKEN_OVER.search(printed)
    assert not (tmp_path / "run").exists()
    leave_lock(tmp_path / "run")
    assert main(command) == 2
    printed = capsys.readouterr().err
    assert TAKEN_OVER.search(printed)
    assert "the first one ends here" in printed
    assert list((tmp_path / "run").iterdir()) == []
