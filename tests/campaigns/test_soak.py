"""Some thousand frames: what is done leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.shared.ranked import ROOT


@pytest.mark.slow
def test_memory_and_file_handles_do_not_grow_with_the_frames() -> None:
    """Embeddings that were kept would be 131 MB more at the end than after a quarter."""
    command = [
        sys.executable,
        "-m",
        "tests.campaigns.soak",
        "--frames",
        "5000",
        "--numbers",
        "8192",
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout)
    assert found["kept"] == 5000 * 8192 * 4
    assert found["growth"] < 30_000_000
    first, most = found["handles"]
    assert most <= first + 4  # those of the files being read just then
    assert found["threads"][0] == found["threads"][1]
