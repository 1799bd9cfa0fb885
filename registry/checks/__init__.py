"""The contracts of everything that can be registered, as functions for a plugin's own tests.

Each raises PluginError, which says what the contract is and what was found:

    from registry.checks import check_detector, check_plugin

    def test_the_plugin_keeps_its_contracts():
        plugins = check_plugin(my_package.plugin)
        spec = plugins.get("detector", "mine")
        check_detector(spec.build(DetectorContext(embedder=None, options=None)))
"""

from __future__ import annotations

from registry.checks.backbones import check_backbone, check_wrapper
from registry.checks.detectors import check_detector, check_explainer
from registry.checks.faces import check_face_detector, check_landmarker
from registry.checks.fits import check_fit
from registry.checks.plugins import (
    check_artefact,
    check_command,
    check_light_import,
    check_options,
    check_plugin,
)
from registry.checks.results import check_metric, check_reporter
from registry.checks.samples import example_crops
from registry.checks.videos import check_dataset

__all__ = [
    "check_artefact",
    "check_backbone",
    "check_command",
    "check_dataset",
    "check_detector",
    "check_explainer",
    "check_face_detector",
    "check_fit",
    "check_landmarker",
    "check_light_import",
    "check_metric",
    "check_options",
    "check_plugin",
    "check_reporter",
    "check_wrapper",
    "example_crops",
]
