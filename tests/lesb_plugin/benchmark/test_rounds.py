from __future__ import annotations

from itertools import chain, cycle

import pytest

from lesb_plugin.benchmark.rounds import in_turn


class Machine:
    """A clock that moves on by what each way costs, times how busy the machine is."""

    def __init__(self) -> None:
        self.now, self.busy = 0.0, chain([1.0, 1.0, 9.0, 9.0], cycle([1.0]))

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds * next(self.busy)


def test_a_machine_that_is_busy_for_a_while_changes_no_ratio() -> None:
    machine, order = Machine(), list[str]()

    def way(name: str, seconds: float) -> None:
        order.append(name)
        machine.work(seconds)

    ways = {"a": lambda: way("a", 2.0), "b": lambda: way("b", 0.5)}
    done: list[int] = []
    found = in_turn(ways, 3, machine, lambda: done.append(1))
    assert order == ["a", "b"] * 4  # one round warms up
    assert len(done) == 8
    assert (found["a"].seconds, found["a"].ratio) == (2.0, 1.0)
    assert (found["b"].seconds, found["b"].ratio) == (0.5, pytest.approx(0.25))


def test_a_clock_that_stands_still_divides_by_nothing() -> None:
    found = in_turn({"a": lambda: None, "b": lambda: None}, 2, lambda: 1.0)
    assert found["b"].ratio == 1
