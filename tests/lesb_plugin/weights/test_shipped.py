"""The shipped backbone and its LESB: the files, what is said of them, and what they do on toy."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors import safe_open
from sklearn.metrics import roc_auc_score

from lesb_plugin.audit.part_summary import PartSummary
from lesb_plugin.lesb import plugin
from lesb_plugin.lfd.artefact import load
from lesb_plugin.train.command import configure_train
from lesb_plugin.train.options import TrainConfig, ValidateConfig
from lesb_plugin.weights import ARTEFACTS, HERE, TRAINED_ON, WEIGHTS_SHA256, artefact_name
from lesb_plugin.weights.shipped import WEIGHTS, build_sbi_efflite0, shipped_artefact
from registry import evaluate, given_flags, resolve
from registry.checks import check_plugin
from registry.cli.bench import CommandParser
from registry.contracts.training import Training
from registry.plugins.discovery import load_plugins
from registry.results.audit_summary import audit_file, find_audit

CONFIGS: dict[str, Any] = {"train": TrainConfig, "validate": ValidateConfig}
RECIPE = {
    "backbone", "style", "val_style", "val_fakes", "val_reals", "epochs", "pairs", "optimiser",
    "learning_rate", "head_rate", "weight_decay", "schedule", "warmup", "flat", "smoothing",
    "frozen", "clip", "ema", "val_every", "precision", "seed", "batch_norm",
}  # fmt: skip
TOY_AUC = 0.70  # measured: lesb .812 [.765 .861]; below this something is broken
ROOT = Path(__file__).parents[3]
CARD = (HERE / "sbi_efflite0.md").read_text("utf-8")
LOG = json.loads((HERE / "sbi_efflite0.json").read_text("utf-8"))


def test_the_weights_are_those_that_the_artefact_and_the_record_belong_to() -> None:
    assert hashlib.sha256((HERE / WEIGHTS).read_bytes()).hexdigest() == WEIGHTS_SHA256
    for detector in ARTEFACTS:
        held = load(shipped_artefact(detector))[1]
        backbone = (held["lfd"]["provenance"] if detector == "lesb" else held["roi"])["backbone"]
        assert (backbone["name"], backbone["weights_sha256"]) == ("sbi_efflite0", WEIGHTS_SHA256)


def test_every_fitted_file_is_registered_and_every_audit_is_of_the_file_beside_it() -> None:
    files = {path.name for path in HERE.glob("*_sbi_efflite0.safetensors")}
    assert files == {artefact_name(detector) for detector in ARTEFACTS}
    registered = check_plugin(plugin).specs("artefact").values()
    assert {each.path().name for each in registered} == files
    for each in registered:
        audit = find_audit(
            each.path(),
            detector=each.detector,
            weights_sha256=each.weights_sha256,
            artefact_sha256=hashlib.sha256(each.path().read_bytes()).hexdigest(),
            command="",
            readers=[PartSummary],
        )
        assert (audit.summary is not None) == audit_file(each.path()).is_file(), audit.words


def test_the_weights_are_small_and_their_norms_and_head_exact() -> None:
    assert (HERE / WEIGHTS).stat().st_size < 8e6
    with safe_open(HERE / WEIGHTS, "pt") as file:
        kinds = {name: file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
    assert kinds["conv_stem.weight"] == torch.float16
    assert kinds["bn1.running_var"] == kinds["classifier.weight"] == torch.float32


def test_the_card_says_what_the_log_says() -> None:
    best = LOG["best"]["val"]
    low, high = best["interval"]
    assert f"AUC {best['auc']:.3f} [{low:.3f}, {high:.3f}]" in CARD
    assert f"{LOG['faces']:,} real" in CARD.replace("\n", " ")
    assert f"{len(LOG['epochs'])} passes" in CARD
    assert "CC BY-NC-SA 4.0" in CARD


def test_the_pages_say_of_val_and_of_the_hours_what_the_log_says() -> None:
    """The hours of all runs, and those of the runs in the style of videos, by themselves."""
    pages = [ROOT / "docs" / "results.md", ROOT / "CHANGELOG.md", ROOT / "README.md"]
    results, changes, readme = (" ".join(page.read_text("utf-8").split()) for page in pages)
    best = LOG["best"]["val"]
    low, high = best["interval"]
    assert f"an AUC of {best['auc']:.3f} [{low:.3f} {high:.3f}]" in results
    assert f"AUC on the val of videos {best['auc']:.3f}" in changes
    hours = [(run["config"]["style"], run["seconds"] / 3600) for run in LOG["runs"]]
    of_videos = sum(each for style, each in hours if style == "video")
    total = sum(each for _, each in hours)
    runs = f"the {len(LOG['runs'])} runs of this backbone"
    assert f"took {of_videos:.1f} hours, {runs} {total:.1f}." in results
    assert f"{total:.1f} hours on two CPU cores" in CARD
    assert f"{total:.1f} hours on two CPU cores" in readme
    ends = {each["run"]: each["val"]["auc"] for each in LOG["epochs"] if each.get("val")}
    numbers = [number for number, (style, _) in enumerate(hours, 1) if style == "video"]
    *listed, last = [f"{ends[number]:.3f}" for number in numbers]
    assert f"They ended at {', '.join(listed)} and {last};" in results


def test_every_file_of_weights_is_named_in_their_licence() -> None:
    licence = (HERE / "LICENSE.txt").read_text("utf-8").split()
    files = {path.name for path in HERE.glob("*.safetensors")}
    assert files <= {word.strip(",") for word in licence}


def _asked(line: list[str]) -> tuple[dict[str, Any], set[str]]:
    """The settings of a `bench train` of the card, and those that it does not leave to a config."""
    parser = CommandParser("train", "")
    configure_train(parser)
    args = parser.parse(line)
    flags = given_flags(args, TrainConfig)
    return asdict(resolve(TrainConfig, args.config, args.set, flags)), set(flags)


def _commands() -> list[list[str]]:
    """The commands of the card, in words; `bench` is the first."""
    text = CARD.replace("\\\n", " ")
    return [line.split() for line in text.splitlines() if line.startswith("    bench ")]


def _train_lines() -> list[list[str]]:
    return [words[2:] for words in _commands() if words[1] == "train"]


def test_the_shipped_recipe_is_that_of_the_last_run_without_flags_of_its_own() -> None:
    recipe = asdict(resolve(TrainConfig, "sbi_efflite0"))
    pairs = zip(_train_lines(), LOG["runs"], strict=True)
    plain = [run for line, run in pairs if not _asked(line)[1] & (RECIPE - {"seed"})]
    last = plain[-1]["config"]
    where = {"train", "seed", "threads", "checkpoint_minutes"}  # the data, the machine
    assert {key for key, value in last.items() if key not in where} <= recipe.keys()
    told = {key: recipe[key] for key in last if key not in where}
    assert {key: list(v) if isinstance(v, tuple) else v for key, v in told.items()} == {
        key: value for key, value in last.items() if key not in where
    }


def test_every_command_of_the_card_is_whole_and_understood() -> None:
    assert len(_train_lines()) == len(LOG["runs"])
    for line in _commands():
        assert "..." not in line
        command = load_plugins().get("command", line[1])
        parser = CommandParser(line[1], "")
        command.configure(parser)
        args = parser.parse(line[2:])
        if line[1] in CONFIGS:
            cls = CONFIGS[line[1]]
            resolve(cls, args.config, args.set, given_flags(args, cls))


def test_the_card_trains_as_the_log_says() -> None:
    for number, (line, run) in enumerate(zip(_train_lines(), LOG["runs"], strict=True), start=1):
        asked, _ = _asked(line)
        for key in RECIPE & run["config"].keys():
            assert asked[key] == run["config"][key], (number, key)


@pytest.mark.parametrize("text", [CARD, json.dumps(LOG)], ids=["card", "log"])
def test_no_path_of_a_machine_is_in_what_is_shipped(text: str) -> None:
    assert "/work" not in text
    assert "/home" not in text


@pytest.mark.slow
def test_own_weights_are_trained_on_what_is_recorded_and_others_on_what_nobody_knows() -> None:
    own = build_sbi_efflite0("sbi_efflite0", None, 0)
    assert own.trained_on == TRAINED_ON
    assert own.weights_sha256 == WEIGHTS_SHA256
    other = build_sbi_efflite0("sbi_efflite0", str(HERE / WEIGHTS), 0)
    assert other.trained_on == (Training(dataset="unknown", task="unknown"),)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Predictions of `bench eval` without arguments."""
    folder = tmp_path_factory.mktemp("shipped")
    evaluate(out=str(folder / "run"), quiet=True, draws=0)
    table = pq.read_table(folder / "run" / "predictions.parquet").to_pydict()
    return {name: np.array(table[name]) for name in ("label", "fake", "fake_head")}


@pytest.mark.slow
def test_bench_eval_without_arguments_tells_toys_forgeries_from_its_reals(
    toy: dict[str, np.ndarray],
) -> None:
    assert roc_auc_score(toy["label"], toy["fake"]) > TOY_AUC
    assert roc_auc_score(toy["label"], toy["fake_head"]) > TOY_AUC


@pytest.mark.slow
def test_few_of_toys_reals_are_flagged_by_the_head_at_its_own_threshold(
    toy: dict[str, np.ndarray],
) -> None:
    assert (toy["fake_head"][toy["label"] == 0] > 0.5).mean() <= 0.10
