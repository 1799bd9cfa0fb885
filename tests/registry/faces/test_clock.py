from __future__ import annotations

import copy
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from registry.faces.clock import StageClock
from registry.plugins.discovery import load_plugins
from tests.shared.readers import reader_of


def test_the_seconds_of_all_threads_are_added_up() -> None:
    clock = StageClock()

    def work(_: int) -> None:
        with clock.measure("sleep"):
            time.sleep(0.05)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert clock.spent["sleep"] >= 4 * 0.05
    assert set(clock.spent) == {"sleep"}


def test_a_stage_that_fails_counts_too() -> None:
    clock = StageClock()
    with pytest.raises(ValueError, match="no"), clock.measure("fails"):
        raise ValueError("no")
    assert clock.spent["fails"] > 0


def test_a_copied_reader_has_a_clock_of_its_own() -> None:
    reader = reader_of(plugins=load_plugins())
    with reader.clock.measure("decode"):
        pass
    assert copy.copy(reader).clock.spent == {}
