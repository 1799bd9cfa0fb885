"""The hooks a plugin may implement. Each takes nothing and returns records; add-only."""

from __future__ import annotations

from collections.abc import Iterable

import pluggy

from registry.plugins.specs import (
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
)

PROJECT = "bench"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def bench_backbones() -> Iterable[BackboneSpec]:
    """Return networks that turn face crops into embeddings."""
    raise NotImplementedError


@hookspec
def bench_wrappers() -> Iterable[WrapperSpec]:
    """Return wrappers, which make backbones from other backbones (LFD)."""
    raise NotImplementedError


@hookspec
def bench_detectors() -> Iterable[DetectorSpec]:
    """Return detectors: crops in, scores of fake out."""
    raise NotImplementedError


@hookspec
def bench_artefacts() -> Iterable[ArtefactSpec]:
    """Return fitted artefacts that ship with a package."""
    raise NotImplementedError


@hookspec
def bench_datasets() -> Iterable[DatasetSpec]:
    """Return data sets and readers of layouts."""
    raise NotImplementedError


@hookspec
def bench_face_detectors() -> Iterable[FaceDetectorSpec]:
    """Return face detectors: frame in, face boxes out."""
    raise NotImplementedError


@hookspec
def bench_landmarkers() -> Iterable[LandmarkerSpec]:
    """Return landmarkers: frame and face in, landmarks out."""
    raise NotImplementedError


@hookspec
def bench_explainers() -> Iterable[ExplainerSpec]:
    """Return explainers: detector and crops in, maps and part scores out."""
    raise NotImplementedError


@hookspec
def bench_metrics() -> Iterable[MetricSpec]:
    """Return metrics: labels and scores in, one number out."""
    raise NotImplementedError


@hookspec
def bench_reporters() -> Iterable[ReporterSpec]:
    """Return reporters: result in, a file in the run folder out."""
    raise NotImplementedError


@hookspec
def bench_commands() -> Iterable[CommandSpec]:
    """Return subcommands of `bench`."""
    raise NotImplementedError
