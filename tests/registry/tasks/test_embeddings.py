"""Embeddings stored in half the space: equal whoever computed them, and close to the exact ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import registry.tasks.evaluate
from registry import Crop, DetectorContext, DetectorSpec, Scores, evaluate
from registry.errors import ConfigError
from registry.plugins.discovery import Plugins, load_plugins
from registry.results.predictions import PREDICTIONS
from tests.shared.still_backbone import write_data


class Means:
    """A crop by the means of its channels; `scale` is how large they are."""

    encoder = "means"
    scale = 1.0
    calls = 0

    def __init__(self, context: DetectorContext) -> None:
        self.context = context

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        type(self).calls += len(crops)
        means = [self.scale * crop.image.mean(axis=(0, 1)) for crop in crops]
        return np.asarray(means, np.float32)

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores:
        assert embeddings.dtype == np.float32
        return Scores(fake=(embeddings @ np.array([0.2, 0.5, 0.3])) / (256 * self.scale))

    def score(self, crops: Sequence[Crop]) -> Scores:
        return self.score_embeddings(self.embed(crops))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The folder of a run on 12 images."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Means, "calls", 0)
    spec = DetectorSpec(name="means", summary="-", build=Means, needs_backbone=False)
    plugins = Plugins(records=(*load_plugins().records, spec))
    monkeypatch.setattr(registry.tasks.evaluate, "load_plugins", lambda: plugins)
    data = write_data(tmp_path / "data")

    def _run(name: str, **settings: Any) -> Path:
        usual: dict[str, Any] = {
            "detector": "means", "draws": 10, "quiet": True, "reporters": (), "chunk": 4
        }  # fmt: skip
        evaluate(dataset=(str(data),), out=str(tmp_path / name), **{**usual, **settings})
        return tmp_path / name

    return _run


def scores(folder: Path) -> NDArray[np.float64]:
    import pyarrow.parquet as pq

    return np.asarray(pq.read_table(folder / PREDICTIONS)["fake"].to_numpy(), np.float64)


def embeddings(folder: Path) -> NDArray[Any]:
    found = [np.load(path)["value.embedding"] for path in sorted((folder / "chunks").iterdir())]
    return np.asarray(np.concatenate(found))


def test_float16_takes_half_and_rounds_to_eleven_bits(run: Any) -> None:
    exact, half = run("exact"), run("half", embeddings="float16")
    assert Means.calls == 24  # each has a cache of its own
    one, other = embeddings(exact), embeddings(half)
    assert (one.dtype, other.dtype) == (np.float32, np.float16)
    np.testing.assert_array_equal(other, one.astype(np.float16))
    difference = np.abs(scores(exact) - scores(half))
    assert 0 < difference.max() <= 2.0**-11


def test_a_run_does_not_depend_on_whether_the_cache_had_its_embeddings(run: Any) -> None:
    first = run("first", embeddings="float16")
    calls = Means.calls
    second = run("second", embeddings="float16")
    assert Means.calls == calls
    assert (first / PREDICTIONS).read_bytes() == (second / PREDICTIONS).read_bytes()


def test_an_embedding_that_float16_cannot_hold_is_told(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Means, "scale", 1e4)
    with pytest.raises(ConfigError, match=r"leave out --embeddings float16"):
        run("half", embeddings="float16")
    assert len(scores(run("exact"))) == 12
