from __future__ import annotations

import numpy as np
import pytest

from lesb_plugin.explain import plugin
from lesb_plugin.explainers.options import ExplainOptions
from registry import ConfigError, ExplainerSpec
from registry.checks import check_explainer, check_light_import, check_options, check_plugin
from registry.detectors.model import build_explainer
from tests.shared.tiny import CROPS, SIZE, MeanColour, TinyBackbone, TinyDetector

NAMES = ("cam", "parts", "occlusion", "occlusion_grid", "shapley", "contrastive", "rollout")


def spec(name: str) -> ExplainerSpec:
    found = check_plugin(plugin).get("explainer", name)
    assert isinstance(found, ExplainerSpec)
    return found


def test_the_plugin_registers_every_explainer_with_its_options() -> None:
    for name in NAMES:
        assert spec(name).options is not None
        assert spec(name).options.load() is ExplainOptions  # type: ignore[union-attr]
    check_options(ExplainOptions)


@pytest.mark.parametrize("module", ["explain.plugin", "explainers.options"])
def test_importing_it_stays_light(module: str) -> None:
    check_light_import(f"lesb_plugin.{module}")


@pytest.mark.parametrize("name", ["cam", "occlusion", "occlusion_grid", "shapley"])
def test_an_explainer_keeps_its_contract(name: str) -> None:
    check_explainer(spec(name), TinyDetector(TinyBackbone()), CROPS)


@pytest.mark.parametrize("name", ["occlusion", "occlusion_grid", "shapley"])
def test_a_detector_that_is_only_a_function_is_explained_by_perturbation(name: str) -> None:
    check_explainer(spec(name), MeanColour(np.ones((SIZE, SIZE), np.float32)), CROPS)


def test_options_reach_the_explainer_by_name_and_are_checked() -> None:
    detector = TinyDetector(TinyBackbone())
    (found,) = build_explainer(spec("occlusion_grid"), detector, {"grid": 3})(CROPS[:1])
    assert found.maps["face"].shape == (3, 3)
    with pytest.raises(ConfigError, match="gradcam"):
        build_explainer(spec("cam"), detector, {"method": "gradcan"})
    with pytest.raises(ConfigError, match="grid"):
        build_explainer(spec("occlusion_grid"), detector, {"grid": 1})
