"""Some kills of each run of the tests; `python -m tests.campaigns.kills` tries fifty."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
def test_killed_commands_lose_nothing_and_leave_nothing() -> None:
    """In a process of its own: it forks, which a process with threads should not."""
    line = [sys.executable, "-m", "tests.campaigns.kills", "--kills", "6", "--seed", "1"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 kills, " in done.stdout
    assert done.stdout.endswith(" 0 faults\n")
