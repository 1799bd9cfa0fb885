"""A plugin's own test: the contracts of the host, on everything that this package registers."""

from __future__ import annotations

import bench_sample.plugin
from bench_sample.options import DistanceOptions

from registry import DetectorContext, Embedder
from registry.checks import (
    check_artefact,
    check_backbone,
    check_detector,
    check_explainer,
    check_light_import,
    check_metric,
    check_plugin,
    example_crops,
)


def test_the_plugin_keeps_every_contract_of_the_host() -> None:
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
    detector = plugins.get("detector", "sample_distance").build(context)
    crops = example_crops(backbone.crop.size)
    check_detector(detector, crops)
    check_explainer(plugins.get("explainer", "sample_edges"), detector, crops)
