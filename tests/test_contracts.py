"""The contract kit over everything that an install registers, with nothing but what it brings."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from registry import (
    Backbone,
    ConfigError,
    DetectorContext,
    Embedder,
    Face,
    Result,
    checks,
    evaluate,
)
from registry.plugins.discovery import load_plugins

PLUGINS = load_plugins()
SMALL = "timm/test_resnet"  # a network of timm's own tests: 0.5 million weights, any input size
MEMBERS = {"timm/*": ("timm/test_vit", "timm/test_convnext", SMALL)}
LARGE = (
    *("dfb_resnet34", "dfb_clip_b16", "effort_clip_l14", "gend_clip_l14"),
    *("dfb_lsda", "dfb_sbi_effb4", "dfb_ucf"),
)
FIT_OPTIONS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        ("lesb", "lesb_gep"),
        {"images": 16, "variants": 3, "rank": 8, "pseudo_fakes": 1, "epochs": 2}
        | {"control_seeds": 1},
    ),
    "lesb_roi": {"pseudo_fakes": 1, "epochs": 2},
}


@pytest.fixture(autouse=True, scope="module")
def _two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def names(kind: str) -> list[str]:
    return list(PLUGINS.specs(kind))


def small_backbone() -> Backbone:
    """A network of few weights on small crops: contracts are the same at any size."""
    backbone: Backbone = PLUGINS.get("backbone", SMALL).build(SMALL, "random", 0)
    backbone.crop = replace(backbone.crop, size=64)
    return backbone


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A small real run."""
    folder = tmp_path_factory.mktemp("run")
    return evaluate(detector="random", dataset=("toy",), out=str(folder), draws=20, quiet=True)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path | None]:
    """A small artefact of a detector that can be fitted, on the small backbone, made once."""

    @functools.cache
    def fit(name: str) -> Path | None:
        spec = PLUGINS.get("detector", name)
        if spec.fit is None:
            return None
        embedder, folder = Embedder(small_backbone()), tmp_path_factory.mktemp(name)
        return checks.check_fit(spec, embedder, folder, FIT_OPTIONS.get(name, {})).artefact

    return fit


def slow(names: Iterable[str], which: Callable[[str], bool]) -> list[Any]:
    """Parameters; what takes long is marked as such."""
    return [pytest.param(each, marks=pytest.mark.slow if which(each) else ()) for each in names]


def is_fitted(detector: str) -> bool:
    return PLUGINS.get("detector", detector).fit is not None


@pytest.mark.slow
@pytest.mark.parametrize("info", PLUGINS.infos, ids=lambda info: info.name)
def test_plugins(info: Any) -> None:
    checks.check_light_import(info.module)
    for record in checks.check_plugin(importlib.import_module(info.module)).records:
        for options in (getattr(record, "options", None), getattr(record, "fit_options", None)):
            if options is not None:
                checks.check_light_import(options.target.partition(":")[0])


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param("backbone", each, marks=[pytest.mark.slow] * (each in LARGE))
        for name in names("backbone")
        for each in MEMBERS.get(name, (name,))
    ],
)
def test_backbones(kind: str, name: str) -> None:
    spec = PLUGINS.get(kind, name)
    checks.check_backbone(spec, name=name, weights="random" if spec.needs_weights else None)


@pytest.mark.slow
@pytest.mark.parametrize("name", slow(names("detector"), is_fitted))
def test_detectors(name: str, fitted: Callable[[str], Path | None]) -> None:
    spec = PLUGINS.get("detector", name)
    embedder = Embedder(small_backbone()) if spec.needs_backbone else None
    options = None if spec.options is None else spec.options.load()()
    context = DetectorContext(embedder=embedder, options=options, artefact=fitted(name))
    detector = spec.build(context)
    crops = checks.example_crops(64, 2)
    checks.check_detector(detector, crops)
    if spec.scores_parts is not None:
        assert bool(detector.score(crops).regions) is spec.scores_parts
    explained = set()
    for explainer in PLUGINS.specs("explainer").values():
        try:
            explainer.build(detector)
        except ConfigError:  # says what this detector lacks; see the explainers' own tests
            continue
        checks.check_explainer(explainer, detector, crops)
        explained.add(explainer.name)
    assert {"occlusion", "occlusion_grid", "shapley"} <= explained


@pytest.mark.slow
@pytest.mark.parametrize("name", names("wrapper"))
def test_wrappers(name: str, fitted: Callable[[str], Path | None]) -> None:
    artefact = fitted("lesb")
    assert artefact is not None
    checks.check_wrapper(PLUGINS.get("wrapper", name), small_backbone(), artefact)


@pytest.mark.parametrize("name", names("artefact"))
def test_artefacts(name: str) -> None:
    checks.check_artefact(PLUGINS.get("artefact", name))


@pytest.mark.parametrize("name", names("metric"))
def test_metrics(name: str) -> None:
    checks.check_metric(PLUGINS.get("metric", name))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_data_sets_that_need_nothing_on_disk(split: str) -> None:
    for spec in PLUGINS.specs("dataset").values():
        if not spec.needs:
            checks.check_dataset(spec, split=split)


def test_data_sets_that_read_a_layout(tmp_path: Path) -> None:
    image = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    layouts = {
        "folder": ("real/a.png", "real/b/0.png", "real/b/1.png", "fake/c.png"),
        "manifest": ("a.png", "b.png"),
    }
    (tmp_path / "manifest").mkdir()
    (tmp_path / "manifest" / "manifest.csv").write_text("path,label\na.png,0\nb.png,1\n")
    for layout, files in layouts.items():
        root = tmp_path / layout
        for name in files:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(image)
        checks.check_dataset(PLUGINS.get("dataset", layout), name=str(root), root=root)


def face_detector(name: str) -> Any:
    """Its record; `retinaface` runs on a model pack that no install brings."""
    spec = PLUGINS.get("face_detector", name)
    if name == "retinaface":
        try:
            spec.build()
        except ConfigError as error:
            pytest.skip(str(error))
    return spec


@pytest.mark.parametrize("name", names("face_detector"))
def test_face_detectors(name: str) -> None:
    checks.check_face_detector(face_detector(name))


@pytest.mark.parametrize("name", names("face_detector"))
def test_face_detectors_on_a_real_face(name: str, faces: Path) -> None:
    path = sorted((faces / "portraits").rglob("*.jpg"))[0]
    image = cv2.imread(str(path))[..., ::-1].copy()
    checks.check_face_detector(face_detector(name), image)


@pytest.mark.parametrize("name", names("landmarker"))
def test_landmarkers_whose_predictor_comes_with_the_install(name: str) -> None:
    spec = PLUGINS.get("landmarker", name)
    try:
        spec.build(None)
    except ConfigError as error:
        pytest.skip(str(error))
    image = checks.example_crops(120, 1)[0].image
    checks.check_landmarker(spec, image, Face(box=(20.0, 20.0, 100.0, 100.0)))


@pytest.mark.slow
@pytest.mark.parametrize("name", names("reporter"))
def test_reporters(name: str, result: Result, tmp_path: Path) -> None:
    spec = PLUGINS.get("reporter", name)
    try:
        if spec.check is not None:
            spec.check()
    except ConfigError as error:
        pytest.skip(str(error))
    checks.check_reporter(spec, result, tmp_path)


@pytest.mark.parametrize("name", names("command"))
def test_commands(name: str) -> None:
    checks.check_command(PLUGINS.get("command", name))
