"""A plugin's own test: the contracts of the host, on everything that this package registers."""

from __future__ import annotations

from pathlib import Path

import bench_sample.plugin
from bench_sample.options import DistanceOptions

from registry import DetectorContext, Embedder
from registry.checks import (
    check_artefact,
    check_backbone,
    check_detector,
    check_explainer,
    check_fit,
    check_light_import,
    check_metric,
    check_plugin,
    check_wrapper,
    example_crops,
)


def test_the_plugin_keeps_every_contract_of_the_host(tmp_path: Path) -> None:
    check_light_import("bench_sample.plugin")
    check_light_import("bench_sample.options")
    plugins = check_plugin(bench_sample.plugin)
    check_metric(plugins.get("metric", "sample_gap"))
    artefact = plugins.get("artefact", "sample_distance_toy")
    check_artefact(artefact)
    backbone = check_backbone(plugins.get("backbone", "sample_grid"))
    context = DetectorContext(
        embedder=Embedder(backbone), options=DistanceOptions(), artefact=artefact.path()
    )
    spec = plugins.get("detector", "sample_distance")
    detector = spec.build(context)
    crops = example_crops(backbone.crop.size)
    check_detector(detector, crops)
    check_explainer(plugins.get("explainer", "sample_edges"), detector, crops)
    fitted = check_fit(spec, Embedder(backbone), tmp_path).artefact
    check_wrapper(plugins.get("wrapper", "sample_standard"), backbone, fitted)
