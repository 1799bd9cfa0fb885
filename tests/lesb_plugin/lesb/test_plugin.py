from __future__ import annotations

import pytest

from lesb_plugin.lesb import plugin
from lesb_plugin.lesb.detector import NAME
from lesb_plugin.lesb.fit import fit_lesb
from lesb_plugin.lesb.options import LesbFitOptions, LesbOptions
from registry import DetectorSpec
from registry.checks import check_light_import, check_options, check_plugin


def test_the_plugin_registers_one_detector_that_can_be_fitted_and_needs_its_artefact() -> None:
    spec = check_plugin(plugin).get("detector", NAME)
    assert isinstance(spec, DetectorSpec)
    assert spec.needs_backbone
    assert spec.needs_artefact
    assert spec.fit is not None
    assert spec.fit.load() is fit_lesb  # type: ignore[attr-defined]
    assert spec.options is not None
    assert spec.options.load() is LesbOptions
    assert spec.fit_options is not None
    assert spec.fit_options.load() is LesbFitOptions


@pytest.mark.parametrize("options", [LesbOptions, LesbFitOptions])
def test_the_options_are_flags_with_help(options: type) -> None:
    check_options(options)


@pytest.mark.parametrize("module", ["plugin", "options"])
def test_importing_it_stays_light(module: str) -> None:
    check_light_import(f"lesb_plugin.lesb.{module}")
