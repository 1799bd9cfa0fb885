"""What is foretold, against a simulation of threads that read and a device that computes."""

from __future__ import annotations

import heapq
import re
from pathlib import Path

import pytest

from registry.errors import ConfigError
from registry.tasks.cost_model import Hardware, Stage, forecast


def stages(**seconds: float) -> dict[str, Stage]:
    return {name: Stage(name, value, 100_000) for name, value in seconds.items()}


def simulated(images: int, readers: int, read: float, forward: float) -> float:
    """Seconds until the last image is scored: each is read by the next free thread, in order."""
    free = [0.0] * readers
    device = 0.0
    for _ in range(images):
        ready = heapq.heappop(free) + read
        heapq.heappush(free, ready)
        device = max(device, ready) + forward
    return device


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
@pytest.mark.parametrize("forward", [0.002, 0.01, 0.05])
def test_one_gpu_takes_what_the_slower_of_reading_and_forward_takes(
    workers: int, forward: float
) -> None:
    hardware = Hardware(cores=8, workers=workers, gpu=True)
    measured = stages(decode=0.012, detect=0.02, crop=0.003, forward=forward)
    found = forecast(measured, 5000, 1, hardware)
    assert found.seconds == pytest.approx(simulated(5000, workers, 0.035, forward), rel=0.01)
    assert found.busiest == ("detect" if 0.035 / workers > forward else "forward")


def test_on_a_cpu_all_stages_share_the_cores() -> None:
    measured = stages(decode=0.004, crop=0.001, forward=0.015, heads=0.0001)
    one = forecast(measured, 1000, 1, Hardware(cores=1, workers=4, gpu=False, start=3.0))
    assert one.seconds == pytest.approx(3 + 1000 * 0.0201)
    assert one.core_seconds == pytest.approx(one.seconds)  # one core, never idle
    four = forecast(measured, 1000, 4, Hardware(cores=2, workers=4, gpu=False, start=3.0))
    assert four.seconds == pytest.approx(3 + 1000 * 0.02 / 8 + 0.1)
    assert four.core_seconds == pytest.approx(4 * 3 + 1000 * 0.0201)
    assert (one.busiest, four.busiest) == ("forward", "forward")


def test_few_workers_hold_a_cpu_up_too() -> None:
    measured = stages(decode=0.03, forward=0.01)
    found = forecast(measured, 1000, 1, Hardware(cores=16, workers=1, gpu=False))
    assert found.seconds == pytest.approx(30)
    assert found.busiest == "decode"


def test_a_storage_has_one_rate_for_all() -> None:
    measured = stages(decode=0.001, forward=0.01)
    hardware = Hardware(cores=8, workers=8, gpu=True, storage=50e6)  # 500 images per second
    found = {count: forecast(measured, 10_000, count, hardware) for count in (1, 4, 8, 64)}
    assert [found[count].busiest for count in (1, 4, 8, 64)] == [
        "forward", "forward", "storage", "storage"
    ]  # fmt: skip
    assert found[64].seconds == found[8].seconds == pytest.approx(20)


def test_what_one_process_does_alone_limits_many() -> None:
    measured = stages(forward=0.01, heads=0.001)
    hardware = Hardware(cores=8, workers=8, gpu=True)
    assert forecast(measured, 10_000, 1, hardware).busiest == "forward"
    many = forecast(measured, 10_000, 64, hardware)
    assert (many.busiest, many.tail) == ("heads", pytest.approx(10))
    assert many.seconds == pytest.approx(10 + 10_000 * 0.01 / 64)


@pytest.mark.parametrize(("images", "processes"), [(0, 1), (1, 0)])
def test_nothing_on_nothing_is_told(images: int, processes: int) -> None:
    with pytest.raises(ConfigError, match="both must be 1 or more"):
        forecast({}, images, processes, Hardware(cores=1, workers=1, gpu=False))


def test_the_tables_of_the_documentation_follow_from_their_stages_and_the_results() -> None:
    docs = Path(__file__).parents[3] / "docs"
    page = (docs / "cluster.md").read_text("utf-8")
    page = page[page.index("## How long will it take?") : page.index("### GPUs that are not here")]
    stages = {
        name: Stage(name, float(ms) / 1e3)
        for name, ms in re.findall(r"^\| (\w+) \| ([\d.]+) \|", page, re.MULTILINE)
    }
    (forward,) = re.findall(r"takes (\S+) ms of a core", (docs / "results.md").read_text("utf-8"))
    assert stages["forward"].seconds == pytest.approx(float(forward) / 1e3)
    rows = re.findall(r"^\| (\d+) \| ([\d,]+) \| (?:(\d+) h )?(\d+) min", page, re.MULTILINE)
    assert [count for count, *_ in rows] == ["1", "8", "64"]
    for count, rate, hours, minutes in rows:
        found = forecast(stages, 3_000_000, int(count), Hardware(cores=2, workers=8, gpu=False))
        assert float(rate.replace(",", "")) == pytest.approx(found.rate, rel=0.005)
        assert 60 * int(hours or 0) + int(minutes) == pytest.approx(found.seconds / 60, abs=1)
