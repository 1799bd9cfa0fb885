"""`python -m registry` is `bench`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(sys.executable).with_name("bench")


def run(*line: object) -> tuple[int, str, str]:
    done = subprocess.run([*map(str, line)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("--version",), ("list", "metrics"), ("eval", "--datset", "x")],
    ids=lambda each: each[0],
)
def test_the_module_is_the_command(arguments: tuple[str, ...]) -> None:
    as_module = run(sys.executable, "-m", "registry", *arguments)
    assert as_module == run(BENCH, *arguments)
    assert as_module[0] == (2 if arguments[0] == "eval" else 0)
    assert "".join(as_module[1:])
