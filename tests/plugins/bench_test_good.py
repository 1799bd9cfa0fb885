"""A plugin with nothing wrong about it: one record for every hook there is."""

import sys
from pathlib import Path

from registry import (
    ArtefactSpec,
    BackboneSpec,
    CommandSpec,
    DatasetSpec,
    DetectorSpec,
    ExplainerSpec,
    FaceDetectorSpec,
    LandmarkerSpec,
    MetricSpec,
    ReporterSpec,
    WrapperSpec,
    hookimpl,
    lazy,
)


@hookimpl
def bench_backbones():
    yield BackboneSpec(
        name="good", summary="a backbone", build=lazy("bench_test_absent:build"), input_size=64
    )
    yield BackboneSpec(
        name="goods/*",
        summary="a family of backbones",
        build=lazy("bench_test_absent:build"),
        members=lambda glob: [f"goods/{glob}"],
    )


@hookimpl
def bench_wrappers():
    return [WrapperSpec(name="good", summary="a wrapper", wrap=lambda backbone, path: backbone)]


@hookimpl
def bench_detectors():
    return (DetectorSpec(name="good", summary="a detector", build=lazy("bench_test_absent:make")),)


@hookimpl
def bench_artefacts():
    return [
        ArtefactSpec(
            name="good",
            summary="an artefact",
            detector="good",
            backbone="good",
            weights_sha256="0" * 64,
            path=lambda: Path(__file__),
        )
    ]


@hookimpl
def bench_datasets():
    return [DatasetSpec(name="good", summary="a data set", videos=lambda request: [])]


@hookimpl
def bench_face_detectors():
    return [
        FaceDetectorSpec(name="good", summary="a face detector", build=lambda: lambda image: [])
    ]


@hookimpl
def bench_landmarkers():
    return [LandmarkerSpec(name="good", summary="a landmarker", points=68, build=lambda path: None)]


@hookimpl
def bench_explainers():
    return [ExplainerSpec(name="good", summary="an explainer", build=lambda detector: None)]


@hookimpl
def bench_metrics():
    return [
        MetricSpec(
            name="good",
            summary="a metric",
            compute=lambda labels, scores: 0.5,
            higher_is_better=True,
        )
    ]


@hookimpl
def bench_reporters():
    return [ReporterSpec(name="good", summary="a reporter", write=lambda result, folder: folder)]


@hookimpl
def bench_commands():
    def configure(parser):
        parser.add_argument("--greeting", default="hello")

    def run(args):
        sys.stdout.write(f"{args.greeting}\n")
        return 0

    return [CommandSpec(name="greet", summary="says hello", configure=configure, run=run)]
