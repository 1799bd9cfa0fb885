"""`bench completion`: what bash then offers, asked of bash itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from registry.cli import main

BASH = shutil.which("bash")


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("completion") / "bench.bash"
    with pytest.MonkeyPatch.context() as patch:
        printed: list[str] = []
        patch.setattr("registry.builtin.commands.completion.say_block", printed.append)
        assert main(["completion", "bash"]) == 0
    path.write_text(printed[0])
    return path


@pytest.mark.skipif(BASH is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ev", {"eval"}),
        ("eval --prof", {"--profile"}),
        ("eval --detector les", {"lesb", "lesb_roi", "lesb_gep"}),
        ("eval --backbone sbi_effl", {"sbi_efflite0"}),
        ("eval --profile s", {"strict"}),
        ("fit --rank", {"--rank", "--ranks"}),  # of the detector that is fitted by default
        ("train --optimiser a", {"adamw"}),
    ],
)
def test_bash_offers_commands_flags_and_names(script: Path, typed: str, offered: set[str]) -> None:
    words = " ".join(["bench", *typed.split()])
    asked = (
        f"source {script}; COMP_WORDS=({words}); COMP_CWORD={len(typed.split())};"
        f' COMP_LINE="{words}"; COMP_POINT={len(words)}; _shtab_bench; echo "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(
        [str(BASH), "-c", asked], capture_output=True, text=True, check=True, timeout=60
    )
    assert set(done.stdout.split()) == offered


@pytest.mark.parametrize("shell", ["zsh", "tcsh", "fish"])
def test_other_shells_get_a_script_with_every_command(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in ("eval", "explain", "doctor", "--artefact"))


def test_an_unknown_shell_is_told_with_the_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "nushell"]) == 2
    assert "bash" in capsys.readouterr().err
