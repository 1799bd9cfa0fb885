"""Table of contents of what the host brings itself."""

from __future__ import annotations

from registry.hookspecs import hookimpl
from registry.types import (
    BackboneSpec,
    CommandSpec,
    DatasetSpec,
    DetectorSpec,
    FaceDetectorSpec,
    LandmarkerSpec,
    MetricSpec,
    ReporterSpec,
    Training,
    lazy,
)

_HALF = (0.5, 0.5, 0.5)


@hookimpl
def bench_backbones() -> list[BackboneSpec]:
    return [
        BackboneSpec(
            name="sbi_effb4",
            summary="EfficientNet-B4 of Self-Blended Images, 380 px; needs its released weights",
            build=lazy("registry.builtin.backbones:build_sbi_effb4"),
            input_size=380,
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            trained_on=(Training(dataset="FaceForensics++", task="forgery"),),
            license="SBI: research only",
            needs_weights=True,
        ),
        BackboneSpec(
            name="xception",
            summary="Xception (timm legacy_xception), 256 px; needs a weights file",
            build=lazy("registry.builtin.backbones:build_xception"),
            input_size=256,
            mean=_HALF,
            std=_HALF,
            needs_weights=True,
        ),
        BackboneSpec(
            name="vit_s16",
            summary="ViT-S/16 (timm vit_small_patch16_224), 224 px; needs a weights file",
            build=lazy("registry.builtin.backbones:build_vit_s16"),
            input_size=224,
            mean=_HALF,
            std=_HALF,
            needs_weights=True,
        ),
        BackboneSpec(
            name="vit_b16",
            summary="ViT-B/16 (timm vit_base_patch16_224), 224 px; needs a weights file",
            build=lazy("registry.builtin.backbones:build_vit_b16"),
            input_size=224,
            mean=_HALF,
            std=_HALF,
            needs_weights=True,
        ),
        BackboneSpec(
            name="efflite0_in1k",
            summary="EfficientNet-Lite0 with ImageNet weights that come with the install, 224 px",
            build=lazy("registry.builtin.backbones:build_efflite0_in1k"),
            input_size=224,
            mean=_HALF,
            std=_HALF,
            trained_on=(Training(dataset="imagenet-1k", task="recognition"),),
            license="Apache-2.0",
        ),
        BackboneSpec(
            name="timm/*",
            summary="any timm model as timm/<name>; `bench list backbones --timm GLOB` finds names",
            build=lazy("registry.builtin.backbones:build_timm"),
            license="the model's own",
            needs_weights=True,
            members=lazy("registry.builtin.backbones:timm_members"),
        ),
    ]


@hookimpl
def bench_detectors() -> list[DetectorSpec]:
    return [
        DetectorSpec(
            name="linear",
            summary="the backbone's own fake/real head, where its weights have one",
            build=lazy("registry.builtin.detectors:build_linear"),
        ),
        DetectorSpec(
            name="random",
            summary="seeded noise; shows that the data and the metrics work",
            build=lazy("registry.builtin.detectors:build_random"),
            needs_backbone=False,
        ),
    ]


@hookimpl
def bench_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name="manifest",
            summary="a manifest.csv with path and label, and video, method, split, ... if known",
            videos=lazy("registry.builtin.datasets:manifest_videos"),
            recognises=lazy("registry.builtin.datasets:recognises_manifest"),
            needs="a .csv file, or a folder that holds manifest.csv",
        ),
        DatasetSpec(
            name="folder",
            summary="folders real/ and fake/ of images, or of one sub-folder per video",
            videos=lazy("registry.builtin.datasets:folder_videos"),
            recognises=lazy("registry.builtin.datasets:recognises_folder"),
            needs="a folder that holds real/ and fake/",
        ),
        DatasetSpec(
            name="toy",
            summary="drawn faces, real and spliced, made on the spot; for trying things out",
            videos=lazy("registry.builtin.toy:toy_videos"),
        ),
    ]


@hookimpl
def bench_face_detectors() -> list[FaceDetectorSpec]:
    return [
        FaceDetectorSpec(
            name="dlib",
            summary="dlib's frontal face detector (HOG)",
            build=lazy("registry.builtin.faces:build_dlib"),
        )
    ]


@hookimpl
def bench_landmarkers() -> list[LandmarkerSpec]:
    return [
        LandmarkerSpec(
            name="dlib68",
            summary="dlib's shape predictor, 68 points; --landmarks FILE or the packaged model",
            points=68,
            build=lazy("registry.builtin.faces:build_dlib68"),
        ),
        LandmarkerSpec(
            name="dlib81",
            summary="dlib's shape predictor with the forehead, 81 points; needs --landmarks FILE",
            points=81,
            build=lazy("registry.builtin.faces:build_dlib81"),
        ),
    ]


@hookimpl
def bench_metrics() -> list[MetricSpec]:
    return [
        _metric("auc", "area under the ROC curve; ties count half"),
        _metric("ap", "average precision, fake as the positive class"),
        _metric("eer", "equal error rate, interpolated; .5 for constant scores", higher=False),
        _metric("accuracy", "share of right decisions at a threshold of .5"),
        _metric("tpr_at_fpr_1", "share of fakes found while at most 1 % of reals are flagged"),
        _metric("tpr_at_fpr_5", "share of fakes found while at most 5 % of reals are flagged"),
    ]


def _metric(name: str, summary: str, *, higher: bool = True) -> MetricSpec:
    return MetricSpec(
        name=name,
        summary=summary,
        compute=lazy(f"registry.builtin.metrics:{name}"),
        weighted=lazy(f"registry.builtin.metrics:{name}_weighted"),
        higher_is_better=higher,
    )


@hookimpl
def bench_reporters() -> list[ReporterSpec]:
    return [
        ReporterSpec(
            name="html",
            summary="report.html: one page with the tables and what they were made of",
            write=lazy("registry.builtin.reporters:write_html"),
        )
    ]


@hookimpl
def bench_commands() -> list[CommandSpec]:
    return [
        _command("commands", "eval", "score data with a detector; print tables, keep a run folder"),
        _command("commands", "fit", "fit a detector on real faces; keep what it learned"),
        _command("commands", "report", "compute a run's numbers again from its predictions alone"),
        _command(
            "compare", "compare", "test whether one run is better on the videos that two share"
        ),
        _command(
            "leaderboard", "leaderboard", "runs beside published numbers: Markdown, CSV, HTML"
        ),
        _command("listing", "list", "what is registered: backbones, detectors, datasets, ..."),
        _command("listing", "plugins", "which plugins are installed, and why one does not load"),
    ]


def _command(module: str, name: str, summary: str) -> CommandSpec:
    return CommandSpec(
        name=name,
        summary=summary,
        configure=lazy(f"registry.builtin.{module}:configure_{name}"),
        run=lazy(f"registry.builtin.{module}:run_{name}"),
    )
