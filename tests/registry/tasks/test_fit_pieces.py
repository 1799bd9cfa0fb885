"""The folder of a fit's finished parts: one for all runs of a line, until one of them ends well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import registry.tasks.fit
from registry import (
    BackboneSpec,
    BenchError,
    DataError,
    DetectorSpec,
    FitContext,
    FitReport,
    cache_sealed,
    fit,
)
from registry.plugins.discovery import Plugins, load_plugins
from tests.shared.still_backbone import StillBackbone, write_faces_to_fit_on

FOLDERS: list[Path] = []
FOUND: list[bool] = []


def _work(context: FitContext) -> Path:
    assert context.pieces is not None
    path = context.pieces / "part" / "000000.npz"
    FOLDERS.append(context.pieces)
    FOUND.append(path.is_file())
    cache_sealed(path, {"0.x": np.zeros(3)})
    return path


def stop(context: FitContext) -> FitReport:
    _work(context)
    raise DataError("stopped")


def finish(context: FitContext) -> FitReport:
    _work(context)
    artefact = context.out / "artefact.safetensors"
    artefact.write_bytes(b"fitted")
    return FitReport(artefact=artefact)


def stop_once(context: FitContext) -> FitReport:
    return finish(context) if FOUND else stop(context)


@pytest.fixture(autouse=True)
def _plugins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    FOLDERS.clear()
    FOUND.clear()
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    extra = (
        DetectorSpec(name="halting", summary="-", build=print, fit=stop_once),
        BackboneSpec(name="still", summary="-", build=StillBackbone),
    )
    plugins = Plugins(records=(*load_plugins().records, *extra))
    monkeypatch.setattr(registry.tasks.fit, "load_plugins", lambda: plugins)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_faces_to_fit_on(tmp_path / "faces", people=4, val="23")


def _fit(data: Path, out: str = "fit", **settings: Any) -> None:
    config = {"detector": "halting", "backbone": "still", "train": (str(data),), "quiet": True}
    fit(**{**config, "out": str(data.parent / out), **settings})


def test_the_next_run_finds_what_a_stopped_one_has_left_and_removes_it(data: Path) -> None:
    with pytest.raises(BenchError, match="stopped"):
        _fit(data)
    assert (FOLDERS[0] / "part" / "000000.npz").is_file()
    _fit(data, out="another", workers=1)
    assert FOUND == [False, True]
    assert FOLDERS[0] == FOLDERS[1]
    assert not FOLDERS[0].exists()
    _fit(data, overwrite=True)
    assert FOUND == [False, True, False]


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("change", ["seed", "crop_from", "bytes", "landmarks"])
def test_another_line_or_other_data_finds_nothing(data: Path, change: str) -> None:
    with pytest.raises(BenchError, match="stopped"):
        _fit(data)
    settings = {"seed": {"seed": 1}, "crop_from": {"crop_from": "frame"}}.get(change, {})
    if change == "bytes":
        _flip_a_bit(data / "0_0.png")
    if change == "landmarks":
        np.save(data / "landmarks.npy", np.load(data / "landmarks.npy") + 0.25)
    _fit(data, **settings)
    assert FOUND == [False, False]
    assert FOLDERS[0].exists()  # until the cache is pruned


def test_what_nobody_continues_stays_within_the_caches_limit(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BenchError, match="stopped"):
        _fit(data)
    monkeypatch.setenv("BENCH_CACHE_LIMIT", "100B")
    _fit(data)
    assert FOUND == [False, False]
