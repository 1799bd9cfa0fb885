"""`--dry-run`: what it says is what a run then does, and nothing is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import registry.tasks.dry_run
from registry.cli import main
from registry.console import print_plan
from registry.contracts.types import Video
from registry.plugins.discovery import Plugins
from registry.results.result import Result
from registry.settings.tasks import EvalConfig, FitConfig
from registry.tasks.dry_run import plan_evaluation, plan_fit

TINY = {"backbone": "timm/test_efficientnet", "weights": "random"}


@pytest.mark.slow
def test_an_evaluation_has_the_frames_and_videos_that_were_foretold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = EvalConfig(detector="linear", frames=2, draws=0, quiet=True, reporters=(), **TINY)
    plan = dict(plan_evaluation(config))
    assert not list(tmp_path.iterdir())
    from registry.tasks.evaluate import evaluate

    result = evaluate(config)
    assert plan["out"] == result.provenance.config["out"]
    assert plan["frames"] == f"{result.provenance.frames_scored:,}"
    count = next(each for each in result.counts if each.method == "all")
    assert plan["data set toy"] == f"{count.reals} real and {count.fakes} fake videos"
    assert result.provenance.backbone is not None
    assert result.provenance.backbone.weights_sha256[:12] in plan["weights"]
    assert Result.load(Path(plan["out"])) == result


def test_a_fit_is_foretold_and_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = dict(plan_fit(FitConfig(train=("toy",), quiet=True, **TINY)))
    assert plan["learns from"] == "48 real images or videos, 16 to validate on"
    flags = ["--backbone", TINY["backbone"], "--weights", "random", "--train", "toy", "--quiet"]
    for command in ("fit", "train"):
        assert main([command, *flags, "--dry-run"]) == 0
        out = capsys.readouterr().out
        assert out.startswith("every check passed; nothing was run\nwhat would be done")
        assert "runs/" in out
    assert not list(tmp_path.iterdir())
    evaluation = ["eval", *flags[:4], "--fit-on", "toy", "--quiet", "--dry-run"]
    assert main(evaluation) == 0
    assert "48 real images or videos, 16 to validate on" in capsys.readouterr().out


def assert_fit_refused(capsys: pytest.CaptureFixture[str], flags: list[str], told: str) -> None:
    line = ["fit", "--train", "toy", *flags, "--quiet", "--dry-run"]
    assert main([*line, "--backbone", TINY["backbone"], "--weights", "random"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--rank", "0"], "options.rank must be at least 1"),
        (["--ranks", "8", "--ranks", "-3"], "options.ranks[1] must be at least 1, got -3"),
        (["--detector", "lesb_gep", "--variants", "1"], "options.variants must be at least 2"),
    ],
)
def test_an_option_out_of_range_is_refused(
    capsys: pytest.CaptureFixture[str], flags: list[str], told: str
) -> None:
    assert_fit_refused(capsys, flags, told)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--rank", "100000"], "rank 100000 is not between 1 and"),
        (["--ranks", "8", "--ranks", "100000"], "rank 100000 is not between 1 and"),
        (["--regions", "eyes_nose_moth"], "did you mean 'eyes_nose_mouth'?"),
        (["--psi", "papr"], "did you mean 'paper'?"),
        (["--style", "clean", "--blend", "other"], "omit one of the two"),
        (["--detector", "lesb_roi", "--style", "clen"], "did you mean 'clean'?"),
    ],
)
def test_a_value_that_the_fit_would_refuse_is_refused(
    capsys: pytest.CaptureFixture[str], flags: list[str], told: str
) -> None:
    assert_fit_refused(capsys, flags, told)


def test_the_data_of_a_fit_before_it_is_looked_for_where_the_run_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FitConfig] = []
    real = registry.tasks.dry_run.find_splits

    def noted(config: FitConfig, plugins: Plugins) -> tuple[list[Video], list[Video]]:
        asked.append(config)
        return real(config, plugins)

    monkeypatch.setattr(registry.tasks.dry_run, "find_splits", noted)
    settings = {"fit_on": ("toy",), "data_root": str(tmp_path), "min_resolved": 0.5, **TINY}
    plan_evaluation(EvalConfig(quiet=True, **settings))
    assert [(each.data_root, each.min_resolved) for each in asked] == [(str(tmp_path), 0.5)]


def test_of_several_kinds_of_damage_the_undamaged_run_is_foretold() -> None:
    config = EvalConfig(detector="random", quiet=True, corrupt=("jpeg:1,jpeg:5",))
    assert dict(plan_evaluation(config))["out"] == "runs/random_toy_test"


def test_the_plan_of_an_evaluation_is_one_json_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = EvalConfig(detector="random", quiet=True)
    assert main(["eval", "--detector", "random", "--quiet", "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["dry_run"] is True
    assert [(row["name"], row["value"]) for row in found["plan"]] == plan_evaluation(config)


def test_rows_of_the_same_name_are_all_in_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    print_plan([("data set a", "1"), ("data set a", "2")], as_json=True)
    assert [row["value"] for row in json.loads(capsys.readouterr().out)["plan"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--dataset", "nowhere"], "nowhere"),
        (["--backbone", "sbi_effb4"], "things are missing"),
        (["--detector", "linear", "--weights", "gone.pth"], "no weights file at gone.pth"),
        (["--corrupt", "fire:1"], "fire"),
        (["--metrics", "luck"], "luck"),
    ],
)
def test_what_a_run_would_stop_at_is_told(
    capsys: pytest.CaptureFixture[str], flags: list[str], told: str
) -> None:
    assert main(["eval", *flags, "--dry-run"]) == 2
    assert told in capsys.readouterr().err
