"""Some kills of ranks in each run of the tests; `python -m tests.campaigns.ranks` tries twenty."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaigns.ranks import campaign


@pytest.mark.slow
def test_killed_ranks_change_no_number(tmp_path: Path) -> None:
    (found,) = campaign(tmp_path, kills=2, per_run=2, seed=3)
    assert found.faults == []
    assert len(found.kills) == 2
