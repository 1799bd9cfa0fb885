"""A stage is measured to cost what it does: a network that works for a known time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from subprocess import PIPE
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import registry.tasks.cost
from registry import Crop, DetectorContext, DetectorSpec, ExplainerSpec, Explanation, Scores
from registry.builtin.commands.cost import _duration
from registry.cli import main
from registry.errors import DataError
from registry.plugins.discovery import Plugins, load_plugins
from registry.settings.tasks import CostConfig
from registry.tasks.cost import measure_cost
from tests.shared.still_backbone import write_data


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


class Slow:
    """Ten milliseconds of work per crop for an embedding, two for its score, five for a map."""

    encoder = "slow"

    def __init__(self, context: DetectorContext) -> None:
        self.context = context

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        burn(0.010 * len(crops))
        return np.zeros((len(crops), 32), np.float32)

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores:
        burn(0.002 * len(embeddings))
        return Scores(fake=embeddings[:, 0].astype(np.float64))

    def score(self, crops: Sequence[Crop]) -> Scores:
        return self.score_embeddings(self.embed(crops))


def mapped(crops: Sequence[Crop]) -> list[Explanation]:
    burn(0.005 * len(crops))
    return [Explanation(maps={"face": np.zeros((8, 8), np.float32)}) for _ in crops]


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """What is measured on 12 images."""
    extra = [
        DetectorSpec(name="slow", summary="-", build=Slow, needs_backbone=False),
        ExplainerSpec(name="mapped", summary="-", build=lambda *_: mapped),
    ]
    plugins = Plugins(records=(*load_plugins().records, *extra))
    monkeypatch.setattr(registry.tasks.cost, "load_plugins", lambda: plugins)
    data = write_data(tmp_path / "data")

    def _config(**settings: Any) -> CostConfig:
        usual: dict[str, Any] = {
            "detector": "slow", "dataset": (str(data),), "crop_from": "frame", "sample": 12,
            "quiet": True, "batch_size": 4, "cores": 2, "processes": (1, 8),
        }  # fmt: skip
        return CostConfig(**{**usual, **settings})

    return _config


@pytest.mark.slow
def test_each_stage_costs_what_it_does(config: Any, tmp_path: Path) -> None:
    cost = measure_cost(config(explainer="mapped"))
    seconds = {name: each.seconds for name, each in cost.stages.items()}
    assert list(seconds) == ["decode", "crop", "forward", "heads", "maps"]
    assert seconds["forward"] == pytest.approx(0.010, rel=0.2)
    assert 0.002 <= seconds["heads"] <= 0.005  # and the table
    assert seconds["maps"] == pytest.approx(0.005, rel=0.2)
    assert 0 < seconds["decode"] < 0.01
    size = {name: each.bytes for name, each in cost.stages.items()}
    files = [path.stat().st_size for path in (tmp_path / "data").glob("*.png")]
    assert size["decode"] == sum(files) // 12
    assert size["forward"] == 32 * 4 + 4  # and the sharpness
    assert size["maps"] == 8 * 8 * 4
    one, eight = cost.forecasts
    assert (one.processes, eight.processes, one.images) == (1, 8, 3_000_000)
    assert (one.busiest, one.rate * 8) == ("forward", pytest.approx(eight.rate))


@pytest.mark.slow
def test_a_gpu_elsewhere_counts_with_the_time_that_is_given(config: Any) -> None:
    """Half a millisecond an image; reading and heads are measured, the processes have GPUs."""
    cost = measure_cost(config(forward_ms=0.5, cores=8, workers=4, processes=(1, 1000)))
    assert (cost.given, cost.hardware.gpu) == (True, True)
    assert cost.stages["forward"].seconds == 0.0005
    assert cost.stages["forward"].bytes == 32 * 4 + 4
    assert 0.002 <= cost.stages["heads"].seconds <= 0.005
    reading = sum(cost.stages[name].seconds for name in ("decode", "crop"))
    one, many = cost.forecasts
    assert one.rate == pytest.approx(min(4 / reading, 2000))
    assert many.busiest == "heads"
    without = measure_cost(config(cores=8, workers=4, processes=(1,)))
    assert (without.given, without.hardware.gpu) == (False, False)


@pytest.mark.slow
def test_the_command_prints_both_tables_or_json(
    config: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["cost", "--detector", "slow", "--dataset", str(tmp_path / "data"), "--crop-from"]
    line += ["frame", "--sample", "4", "--images", "1000", "--processes", "2", "--quiet"]
    with pytest.MonkeyPatch.context() as patch:
        plugins = registry.tasks.cost.load_plugins()
        for module in ("registry.cli.detector_flags", "registry.tasks.ready"):
            patch.setattr(f"{module}.load_plugins", lambda: plugins)
        assert main(line) == 0
        text = capsys.readouterr().out
        assert main([*line, "--forward-ms", "0.4", "--cores", "12"]) == 0
        given = capsys.readouterr().out
        assert main([*line, "--json"]) == 0
    assert "ms per image" in text
    assert "predicted for 1,000 images" in text
    assert "no GPU" in text
    assert "given" not in text
    assert "forward (given)" in given
    assert "was not measured: its time was given with --forward-ms" in given
    assert "12 cores, 2 workers and a GPU" in given
    found = json.loads(capsys.readouterr().out)
    assert found["forecasts"][0]["processes"] == 2
    assert found["stages"]["forward"]["seconds"] > 0


@pytest.mark.slow
def test_data_without_a_face_is_told(config: Any, tmp_path: Path) -> None:
    for path in (tmp_path / "data").glob("*.png"):
        path.write_bytes(b"none")
    with pytest.raises(DataError, match=r"none of 12 frames gave a face: .*; name other data"):
        measure_cost(config())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no resource usage of children")
def test_two_processes_do_the_work_that_was_foretold(tmp_path: Path) -> None:
    """In seconds of a core, which a busy machine does not change much: within a third."""
    data = _crops(tmp_path / "data", videos=40, per_video=15)
    flags = ["--dataset", str(data), "--crop-from", "frame", "--threads", "1", "--quiet"]
    asked = ["--images", "600", "--processes", "2", "--cores", "1", "--sample", "60", "--json"]
    run = partial(subprocess.Popen, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=PIPE)
    bench = [sys.executable, "-m", "registry"]
    text = run([*bench, "cost", *flags, *asked]).communicate()[0]
    (foretold,) = json.loads(text)["forecasts"]
    before = _work_of_children()
    shards = [
        run([*bench, "eval", *flags, "--no-cache", "--shard", f"{n}/2", "--out", str(tmp_path / n)])
        for n in "12"
    ]
    assert [each.communicate()[0] is not None and each.returncode for each in shards] == [0, 0]
    measured = _work_of_children() - before
    assert foretold["core_seconds"] == pytest.approx(measured, rel=1 / 3)


def _work_of_children() -> float:
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _crops(folder: Path, videos: int, per_video: int) -> Path:
    """A manifest of square images, some of them in more than one video."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(8):
        image = cv2.resize(rng.integers(0, 255, (16, 16, 3)).astype(np.uint8), (224, 224))
        cv2.imwrite(str(folder / f"{number}.png"), image)
    rows = [
        f"{(video + frame) % 8}.png,{video % 2},v{video},{frame}"
        for video in range(videos)
        for frame in range(per_video)
    ]
    (folder / "manifest.csv").write_text("\n".join(["path,label,video,frame", *rows]) + "\n")
    return folder


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.4, "4 s"), (75, "1 min 15 s"), (7200, "2 h 0 min"), (200_000, "2 d 7 h")],
)
def test_times_are_told_in_two_units(seconds: float, text: str) -> None:
    assert _duration(seconds) == text
