"""What the code wrote before its modules were moved into folders by layer is read as before."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d

from registry import BackboneSpec, CropPolicy, Features, Training
from registry.cli import main
from registry.plugins.discovery import Plugins, load_plugins
from registry.scoring.chunks import Unit

KEPT = Path(__file__).parent / "data" / "before_layers"
SAME = ("--backbone", "cells", "--crop-from", "frame", "--device", "cpu", "--workers", "0")


class Cells:
    """Six channels on an 8 x 8 grid, as in the script that made the folder."""

    crop = CropPolicy(size=64)
    dim = 6
    mean_pooled = True
    weights = "none"
    weights_sha256 = "ce" * 32
    trained_on: tuple[Training, ...] = ()
    passes = 0

    def __init__(self, name: str, weights: str | None = None, seed: int = 0) -> None:
        self.name = name

    def features(self, images: torch.Tensor) -> Features:
        type(self).passes += 1
        mean = avg_pool2d(images, 8)
        spread = (avg_pool2d(images**2, 8) - mean**2).clamp_min(0).sqrt()
        return Features(map=torch.cat([mean, spread], dim=1))

    def embed(self, features: Features) -> torch.Tensor:
        return features.map.mean(dim=(2, 3))

    def head(self, embedding: torch.Tensor) -> None:
        return None

    def head_direction(self) -> None:
        return None

    def to(self, device: str) -> Cells:
        return self


@pytest.fixture
def before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the folder, as working directory, with its backbone registered."""
    folder = Path(shutil.copytree(KEPT, tmp_path / "before"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("BENCH_CACHE", str(folder / "none"))
    plugins = Plugins(
        records=(*load_plugins().records, BackboneSpec(name="cells", summary="-", build=Cells))
    )
    for name, module in list(sys.modules.items()):
        if name.startswith("registry.") and hasattr(module, "load_plugins"):
            monkeypatch.setattr(module, "load_plugins", lambda: plugins)
    # Where a frame lies on a disk, and its date, are no part of what was kept here.
    monkeypatch.setattr(
        Unit, "stamp", lambda unit, _: [unit.video.dataset, unit.video.id, unit.frame.index]
    )
    Cells.passes = 0
    return folder


def evaluate(out: str, *more: str) -> None:
    line = [
        "eval",
        "--detector",
        "lesb",
        *SAME,
        "--quiet",
        "--artefact",
        "fitted",
        "--dataset",
        "faces",
    ]
    line += ["--metrics", "auc", "--metrics", "eer", "--draws", "50", "--out", out]
    assert main([*line, *more]) == 0


def scores(run: Path) -> dict[str, NDArray[np.float64]]:
    table = pq.read_table(run / "predictions.parquet")
    names = [name for name in table.column_names if name.startswith(("fake", "p_"))]
    return {name: table[name].to_numpy() for name in names}


def results(run: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((run / "results.json").read_text())
    return record


def test_an_artefact_scores_as_it_did(before: Path) -> None:
    evaluate("again")
    assert Cells.passes > 0
    then, now = scores(KEPT / "lesb"), scores(before / "again")
    assert then.keys() == now.keys() > {"fake", "p_eyes", "p_nose", "p_mouth"}
    for name, values in then.items():
        np.testing.assert_allclose(now[name], values, rtol=0, atol=1e-6, err_msg=name)
    measured = results(KEPT / "lesb")["measurements"]
    assert results(before / "again")["measurements"][: len(measured)] == measured


def chunk(folder: Path, name: str) -> dict[str, NDArray[Any]]:
    with np.load(folder / name) as arrays:
        return dict(arrays)


def test_a_run_folder_is_gone_on_with_and_its_chunk_is_known_by_the_same_key(before: Path) -> None:
    """Chunks have held a checksum since: one without is made again, in its place."""
    evaluate("lesb")
    assert results(before / "lesb")["measurements"] == results(KEPT / "lesb")["measurements"]
    then, now = (chunk(folder / "lesb", "chunks/000000.npz") for folder in (KEPT, before))
    assert now["key"] == then["key"]
    np.testing.assert_allclose(now["value.embedding"], then["value.embedding"], rtol=0, atol=1e-6)
    passes = Cells.passes
    evaluate("lesb")
    assert Cells.passes == passes


def test_embeddings_in_the_cache_are_looked_for_under_the_same_name(
    before: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(before / "cache"))
    (kept,) = (KEPT / "cache" / "embeddings").iterdir()
    evaluate("again")
    assert [path.name for path in (before / "cache" / "embeddings").glob("*.npz")] == [kept.name]
    passes = Cells.passes
    evaluate("third")
    assert Cells.passes == passes


def test_runs_are_reported_and_compared(before: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (measured,) = (
        each
        for each in results(KEPT / "lesb")["measurements"]
        if (each["variant"], each["level"], each["metric"], each["method"])
        == ("lesb", "video", "auc", "swap")
    )
    assert main(["report", "lesb"]) == 0
    report = capsys.readouterr().out
    assert f"{measured['value']:.3f}".removeprefix("0") in report
    assert main(["report", "lesb", "--write"]) == 0
    assert "lesb:nose" in (before / "lesb" / "report.html").read_text("utf-8")
    capsys.readouterr()
    assert main(["compare", "lesb", "random", "--allow-differences"]) == 0
    compared = capsys.readouterr().out
    assert "random" in compared
    assert "faces" in compared
