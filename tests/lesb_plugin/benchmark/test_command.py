"""The command: what it prints is what was measured; the full one runs all ways for real."""

from __future__ import annotations

import importlib.util
import json
import time
from dataclasses import replace

import pytest

import lesb_plugin.benchmark.measure
from lesb_plugin.benchmark.command import sentence
from lesb_plugin.benchmark.measure import Benchmark, Growth, Ratio, measure_benchmark
from lesb_plugin.benchmark.options import BenchmarkConfig
from lesb_plugin.benchmark.subspace_ways import SubspaceTrial
from registry.cli import main

FOUND = Benchmark(
    frames=8,
    device="cpu",
    backend="torch",
    clock="wall",
    ratios=(
        Ratio(what="running", beside="a walk", ratio=0.5, seconds=0.01, other_seconds=0.02),
        Ratio(
            what="running", beside="IncrementalPCA", ratio=1.25, seconds=0.01, other_seconds=0.008
        ),
        Ratio(what="maps", beside="grad-cam", note="not installed: pip install grad-cam"),
    ),
    growth=(
        Growth(frames=4, seconds=0.1, peak_bytes=100_000_000),
        Growth(frames=64, seconds=1.6, peak_bytes=110_000_000),
    ),
    exponent=1.0,
)


def test_the_sentence_says_what_the_tables_show() -> None:
    assert sentence(FOUND) == (
        "Running takes 0.50 times as long as a walk; running takes 1.25 times as long as"
        " IncrementalPCA; 16 times as many frames take 16.0 times the time and 1.10 times the"
        " memory."
    )
    nameless = replace(FOUND, growth=tuple(replace(e, peak_bytes=None) for e in FOUND.growth))
    assert "memory" not in sentence(nameless)


def test_the_command_prints_tables_or_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[BenchmarkConfig] = []
    monkeypatch.setattr(
        lesb_plugin.benchmark.measure,
        "measure_benchmark",
        lambda config: asked.append(config) or FOUND,
    )
    assert main(["benchmark", "--frames", "8", "--clock", "cpu"]) == 0
    assert (asked[0].frames, asked[0].clock) == (8, "cpu")
    text = capsys.readouterr().out
    assert "no figure beside grad-cam: not installed: pip install grad-cam" in text
    assert "power 1.00 of the number of frames" in text
    assert main(["benchmark", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ratios"][1]["ratio"] == 1.25
    assert found["growth"][1]["frames"] == 64


def test_each_of_two_commands_says_what_the_other_is_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, other in (("benchmark", "cost"), ("cost", "benchmark")):
        with pytest.raises(SystemExit):
            main([name, "--help"])
        assert f"bench {other}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_every_way_is_timed_on_drawn_faces() -> None:
    config = BenchmarkConfig(frames=8, growth=4, rounds=2, clock="cpu", threads=1, quiet=True)
    small = SubspaceTrial(dim=64, images=16, variants=8, rank=8, block=4)
    found = measure_benchmark(config, small)
    beside = {each.beside: each for each in found.ratios}
    assert list(beside) == [
        "its forward passes alone", "a plain loop over videos", "grad-cam", "IncrementalPCA",
    ]  # fmt: skip
    assert beside["its forward passes alone"].ratio is not None
    assert beside["its forward passes alone"].ratio > 1  # it makes them, and more
    if importlib.util.find_spec("pytorch_grad_cam"):
        ratio = beside["grad-cam"].ratio
        assert ratio is not None
        assert ratio < 0.5  # four backward passes less
    else:
        assert "pip install" in beside["grad-cam"].note
    assert [each.frames for each in found.growth] == [4, 16, 64]
    assert found.growth[-1].seconds > found.growth[0].seconds
    assert 0 < found.exponent < 1.3
    assert found.backend == "torch"


@pytest.mark.slow
def test_the_whole_table_takes_two_minutes_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    start = time.process_time()
    assert main(["benchmark", "--threads", "1", "--clock", "cpu", "--quiet"]) == 0
    assert time.process_time() - start < 120
    assert "16 times as many frames" in capsys.readouterr().out
