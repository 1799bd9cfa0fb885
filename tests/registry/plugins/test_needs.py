"""What is missing is told at once, before torch is loaded, with the command that then works."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from registry.errors import BenchError, ConfigError, DataError, NotFittedError
from registry.plugins.chosen import choose_backbone
from registry.plugins.discovery import load_plugins
from registry.plugins.needs import kept_places
from registry.settings.tasks import EvalConfig, FitConfig
from registry.tasks.ready import check_ready


@pytest.fixture(autouse=True)
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    return tmp_path


def told(config: EvalConfig | FitConfig) -> BenchError:
    with pytest.raises(BenchError) as refused:
        check_ready(config)
    return refused.value


def test_weights_and_artefact_are_asked_for_in_one_list_that_ends_in_the_command() -> None:
    error = told(EvalConfig(detector="lesb", backbone="sbi_effb4", dataset=("celeb_df_v2",)))
    lines = str(error).splitlines()
    assert lines[0] == "3 things are missing:"
    assert lines[1].startswith("  1. backbone 'sbi_effb4' needs a weights file: FFraw.tar")
    assert any(line.startswith("  2. detector 'lesb' has no fitted artefact") for line in lines)
    assert lines[-1] == (
        "  bench eval --detector lesb --backbone sbi_effb4 --weights FILE --fit-on FACES"
        " --dataset celeb_df_v2 --data-root DIR"
    )


def test_the_command_keeps_what_else_was_set() -> None:
    error = told(
        FitConfig(
            backbone="sbi_effb4", train=("celeb_df_v2",), options={"rank": 32}, out="runs/mine",
            overwrite=True, path_map=("/a=/b", "/c=/d"),
        )
    )  # fmt: skip
    command = shlex.split(str(error).splitlines()[-1])
    given = command[command.index("--data-root") + 2 :]
    also = "--set options.rank=32 --out runs/mine --overwrite --path-map /a=/b --path-map /c=/d"
    assert sorted(given) == sorted(also.split())


def test_one_thing_is_one_sentence_of_its_own_kind(no_weights: Path) -> None:
    (no_weights / "FFraw.tar").touch()
    error = told(EvalConfig(detector="lesb", backbone="sbi_effb4"))
    assert isinstance(error, NotFittedError)
    assert "FFraw.tar" in str(error)  # the line that fits names the weights that were found
    error = told(EvalConfig(detector="linear", backbone="sbi_efflite0", weights="gone.pth"))
    assert isinstance(error, DataError)
    assert str(error).startswith("no weights file at gone.pth")
    assert "needs a weights file" in str(told(FitConfig(backbone="xception")))


def test_a_wrapper_without_what_it_wraps_with_is_one_of_them() -> None:
    error = told(
        EvalConfig(detector="linear", backbone="sbi_effb4", weights="gone.pth", wrap="lfd")
    )
    lines = str(error).splitlines()
    assert lines[1].startswith("  1. no weights file at gone.pth")
    assert lines[2].startswith("  2. --wrap lfd needs what it wraps with")
    assert lines[-1] == (
        "  bench eval --detector linear --backbone sbi_effb4 --wrap lfd --weights gone.pth"
        " --artefact DIR --dataset toy"
    )


@pytest.mark.parametrize(
    "config",
    [
        EvalConfig(),
        EvalConfig(detector="random"),
        EvalConfig(backbone="vit_s16", weights="random", fit_on=("toy",)),
        EvalConfig(detector="linear", backbone="vit_s16", weights="random"),
        FitConfig(backbone="vit_s16", weights="random"),
    ],
)
def test_what_can_run_is_let_through(config: EvalConfig | FitConfig) -> None:
    check_ready(config)


@pytest.mark.parametrize("command", ["eval", "fit"])
def test_it_is_told_before_torch_is_loaded(command: str) -> None:
    code = (
        "import sys; from registry.cli import main\n"
        f"code = main([{command!r}, '--detector', 'lesb', '--backbone', 'sbi_effb4'])\n"
        "sys.exit(0 if code == 2 and 'torch' not in sys.modules else 1)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_published_names_come_before_the_backbone_s_own(no_weights: Path) -> None:
    plugins = load_plugins()
    places = kept_places(choose_backbone(plugins, "sbi_effb4"))
    assert [each.name for each in places[:3]] == ["FFraw.tar", "FFc23.tar", "sbi_effb4.safetensors"]
    timm = kept_places(choose_backbone(plugins, "timm/resnet18"))
    assert timm[0] == no_weights / "timm_resnet18.safetensors"
    with pytest.raises(ConfigError, match=r"timm_resnet18\.safetensors"):
        check_ready(EvalConfig(detector="linear", backbone="timm/resnet18"))
