from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, Union

import numpy as np
import pytest

import registry.tasks.evaluate
import registry.tasks.fit
import registry.tasks.fit_on
from registry import (
    BackboneSpec,
    Crop,
    DetectorContext,
    DetectorSpec,
    FitReport,
    Scores,
    evaluate,
)
from registry.plugins.discovery import Plugins, load_plugins
from registry.settings.tasks import EvalConfig, FitConfig
from tests.shared.still_backbone import FITS, StillBackbone, fit_named, write_data

# The only fields of both configurations that are not handed on, and why: `options` are the
# detector's for scoring, not for fitting; the artefact goes to the cache, whatever is there.
NOT_HANDED_ON = {"options", "out", "overwrite"}


class AskedError(Exception):
    """The fit has been asked for."""


class Grey:
    """Scores a crop by its mean grey value."""

    def __init__(self, context: DetectorContext) -> None:
        self.artefact = context.artefact

    def score(self, crops: Sequence[Crop]) -> Scores:
        return Scores(fake=np.asarray([crop.image.mean() / 255 for crop in crops]))


def _names(cls: type[Any]) -> set[str]:
    return {each.name for each in dataclasses.fields(cls)}


def _another(value: Any, annotation: Any) -> Any:
    """A value of the field's type that is not `value`."""
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in {Union, types.UnionType}:
        return _another(value, members[0])
    if origin is Literal:
        return next(each for each in members if each != value)
    if origin is tuple:
        return ("other=value",)
    return {bool: not value, int: 641, float: 0.25, str: "other"}[annotation]


def test_every_field_of_both_configurations_is_handed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hints = typing.get_type_hints(EvalConfig)
    shared = (_names(EvalConfig) & _names(FitConfig)) - NOT_HANDED_ON
    changed = {name: _another(getattr(EvalConfig, name), hints[name]) for name in shared}
    changed["detector"] = "fitted"
    asked: list[FitConfig] = []

    def remember(_spec: DetectorSpec, _plugins: Plugins, config: FitConfig) -> FitReport:
        asked.append(config)
        raise AskedError

    spec = DetectorSpec(name="fitted", summary="-", build=Grey, fit=fit_named)
    monkeypatch.setattr(registry.tasks.fit_on, "fit_here", remember)
    monkeypatch.setattr(registry.tasks.fit_on, "build_embedder", lambda *_: None)
    monkeypatch.setattr(registry.tasks.fit_on, "_fit_key", lambda *_: "key")
    config = EvalConfig(**changed, fit_on=("reals",), options={"fusion": "max"})
    chosen: Any = SimpleNamespace(detector=spec, backbone=object())
    with pytest.raises(AskedError):
        registry.tasks.fit_on.fit_first(Plugins(records=(spec,)), chosen, config)
    (found,) = asked
    assert {name: getattr(found, name) for name in shared} == changed
    assert {
        "data_root",
        "json_dir",
        "path_map",
        "min_resolved",
        "compression",
        "label_map",
    } < shared
    assert found.train == ("reals",)
    assert not found.options


def test_an_artefact_of_any_name_is_fitted_kept_and_found_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    FITS.clear()
    extra = (
        DetectorSpec(name="named", summary="-", build=Grey, fit=fit_named, needs_artefact=True),
        BackboneSpec(name="still", summary="-", build=StillBackbone),
    )
    plugins = Plugins(records=(*load_plugins().records, *extra))
    for module in (registry.tasks.evaluate, registry.tasks.fit):
        monkeypatch.setattr(module, "load_plugins", lambda: plugins)
    data = write_data(tmp_path / "data")
    rows = (data / "manifest.csv").read_text().splitlines()
    parts = {"p0": "train", "p1": "val"}
    rows[1:] = [row.replace("test", parts.get(row.split(",")[2], "test")) for row in rows[1:]]
    (data / "manifest.csv").write_text("\n".join(rows))
    settings: dict[str, Any] = {"detector": "named", "backbone": "still", "draws": 0}
    settings |= {"dataset": (str(data),), "fit_on": (str(data),), "metrics": ("auc",)}
    first = evaluate(**settings, out=str(tmp_path / "first"), quiet=True)
    second = evaluate(**settings, out=str(tmp_path / "second"), quiet=True)
    assert len(FITS) == 1
    assert Path(first.provenance.artefact).name == "model.bin"
    assert first.provenance.artefact == second.provenance.artefact
    monkeypatch.setattr(registry.tasks.fit_on, "package_versions", lambda _: {"lesb-plugin": "9"})
    evaluate(**settings, out=str(tmp_path / "third"), quiet=True)
    assert len(FITS) == 2  # another version may fit in another way
