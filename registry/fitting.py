"""`fit`: real faces in, a fitted artefact out. What fitting means is the detector's own affair."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from registry.atomic import writable_folder
from registry.boundary import guarded
from registry.building import build_embedder, build_reader
from registry.config import FitConfig, as_yaml, resolve_options
from registry.data import FaceReader, find_videos, fingerprint, samples
from registry.errors import ConfigError, DataError
from registry.plugins import Plugins, load_plugins
from registry.types import DetectorSpec, FitContext, FitReport, Sample, Video

__all__ = ["ARTEFACT_FILE", "fit"]

ARTEFACT_FILE = "artefact.safetensors"


def fit(config: FitConfig | None = None, /, **settings: Any) -> FitReport:
    """Fit `detector` on `backbone` with the real faces of `train` and write its artefact to `out`.

    Takes a FitConfig, its fields as keywords (the flags of `bench fit`), or both. Raises a
    BenchError that says what to change; an artefact that is there is kept unless `overwrite`.
    """
    config = replace(config or FitConfig(), **settings)
    plugins = load_plugins()
    spec = plugins.get("detector", config.detector)
    if not isinstance(spec, DetectorSpec) or spec.fit is None:
        fittable = [
            name
            for name, known in plugins.specs("detector").items()
            if isinstance(known, DetectorSpec) and known.fit is not None
        ]
        raise ConfigError(
            f"detector {config.detector!r} has nothing to fit; detectors that have:"
            f" {', '.join(fittable) or 'none'}"
        )
    options = resolve_options(
        None if spec.fit_options is None else spec.fit_options.load(), config.options
    )
    train_videos, val_videos = _videos(config, plugins)
    out = _open_folder(config)
    reader = build_reader(plugins, config)
    train, val = _samples(train_videos, reader, "train"), _samples(val_videos, reader, "val")
    context = FitContext(
        embedder=build_embedder(plugins, config),
        train=train,
        val=val,
        options=options,
        out=out,
        data_fingerprint=fingerprint([*train_videos, *val_videos]),
        datasets=tuple(sorted({video.dataset for video in [*train_videos, *val_videos]})),
        seed=config.seed,
        workers=config.workers,
        max_errors=config.max_errors,
        quiet=config.quiet,
    )
    (out / "config.yaml").write_text(as_yaml(config), encoding="utf-8")
    report: FitReport = guarded(f"fit of detector {spec.name!r}", spec.source, spec.fit, context)
    (out / "fit.json").write_text(json.dumps(_record(report), indent=1), encoding="utf-8")
    return report


def _videos(config: FitConfig, plugins: Plugins) -> tuple[list[Video], list[Video]]:
    if not config.train:
        raise ConfigError(
            "nothing to fit on; pass --train DIR (a manifest or folder with real faces), or"
            " --train toy to try it out"
        )
    train = [video for name in config.train for video in find_videos(name, "train", plugins)]
    val = [
        video for name in config.val or config.train for video in find_videos(name, "val", plugins)
    ]
    shared = sorted({_key(video) for video in train} & {_key(video) for video in val})
    if shared:
        raise DataError(
            f"train and val share {len(shared)} faces of the same person or video (first:"
            f" {'/'.join(shared[0])}); the val split must hold other people"
        )
    return train, val


def _key(video: Video) -> tuple[str, str]:
    return video.dataset, video.identity or video.id


def _samples(videos: Sequence[Video], reader: FaceReader, split: str) -> list[Sample]:
    found: list[Sample] = list(samples(videos, reader))
    if not found:
        raise DataError(
            f"the {split} split holds {len(videos)} videos and none is real (label 0);"
            " fitting learns from real faces only"
        )
    return found


def _open_folder(config: FitConfig) -> Path:
    name = f"{config.detector}_{(config.backbone or '').replace('/', '_')}"
    out = writable_folder(Path(config.out or f"runs/{name}"))
    artefact = out / ARTEFACT_FILE
    if artefact.exists() and not config.overwrite:
        raise ConfigError(
            f"{artefact} exists already; pass --overwrite to fit it again, or another --out"
        )
    return out


def _record(report: FitReport) -> dict[str, Any]:
    return {**asdict(report), "artefact": report.artefact.name}
