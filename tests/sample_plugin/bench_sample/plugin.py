"""What this package registers. Imported by every `bench`, so it imports nothing heavy."""

from __future__ import annotations

import hashlib
from pathlib import Path

from registry import (
    ArtefactSpec,
    BackboneSpec,
    DetectorSpec,
    ExplainerSpec,
    MetricSpec,
    WrapperSpec,
    hookimpl,
    lazy,
)

# Nothing is learned, so the weights are the version of the code.
WEIGHTS_SHA256 = hashlib.sha256(b"bench_sample.backbone:GridBackbone 1").hexdigest()


@hookimpl
def bench_backbones() -> list[BackboneSpec]:
    return [
        BackboneSpec(
            name="sample_grid",
            summary="colour and contrast of an 8 x 8 grid of cells, averaged; nothing is learned",
            build=lazy("bench_sample.backbone:GridBackbone"),
            input_size=64,
            license="Apache-2.0",
        )
    ]


@hookimpl
def bench_wrappers() -> list[WrapperSpec]:
    return [
        WrapperSpec(
            name="sample_standard",
            summary="any backbone's embedding, on the scale that real faces have in it",
            wrap=lazy("bench_sample.wrapper:wrap_standard"),
        )
    ]


@hookimpl
def bench_detectors() -> list[DetectorSpec]:
    return [
        DetectorSpec(
            name="sample_distance",
            summary="how far an embedding lies from those of real faces",
            build=lazy("bench_sample.detector:build_distance"),
            fit=lazy("bench_sample.detector:fit_distance"),
            options=lazy("bench_sample.options:DistanceOptions"),
            needs_artefact=True,
        )
    ]


@hookimpl
def bench_artefacts() -> list[ArtefactSpec]:
    return [
        ArtefactSpec(
            name="sample_distance_toy",
            summary="sample_distance on sample_grid, fitted on the toy faces",
            detector="sample_distance",
            backbone="sample_grid",
            weights_sha256=WEIGHTS_SHA256,
            path=lambda: Path(__file__).with_name("artefact.safetensors"),
        )
    ]


@hookimpl
def bench_metrics() -> list[MetricSpec]:
    return [
        MetricSpec(
            name="sample_gap",
            summary="mean score of the fakes minus mean score of the reals",
            compute=lazy("bench_sample.others:gap"),
            higher_is_better=True,
        )
    ]


@hookimpl
def bench_explainers() -> list[ExplainerSpec]:
    return [
        ExplainerSpec(
            name="sample_edges",
            summary="where the crop has edges, whatever the detector says",
            build=lazy("bench_sample.others:build_edges"),
        )
    ]
