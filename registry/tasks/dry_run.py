"""`--dry-run`: make every check that comes before the work, and describe the work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from registry.contracts.embedder import Embedder
from registry.contracts.types import Video
from registry.data.needs import check_run
from registry.detectors.model import build_model
from registry.errors import guarded
from registry.faces.corruptions import conditions
from registry.faces.real_faces import find_splits
from registry.plugins.chosen import Chosen, choose
from registry.plugins.discovery import load_plugins
from registry.results.parts import Shard
from registry.scoring.chunks import cut
from registry.scoring.frames import choose_units
from registry.settings.tasks import EvalConfig, FitConfig
from registry.tasks.evaluate import find_job, run_folder
from registry.tasks.fit import artefact_folder, fit_context, fittable, options_of
from registry.tasks.fit_on import fit_config, fits_first

__all__ = ["Plan", "plan_evaluation", "plan_fit"]

_WHOLE = Shard()

Plan = list[tuple[str, str]]
"""What would be done, as pairs of what and how much."""


def plan_evaluation(config: EvalConfig, shard: Shard = _WHOLE) -> Plan:
    """Plan what `evaluate` would do: the model is loaded, the data listed, and no frame is decoded.

    Raises the BenchErrors that it would raise before its first frame. With `fit_on` only the data
    of the fit is listed. The frames are those of `shard`. Nothing is written but what `toy`
    draws, to the cache.
    """
    if len(conditions(config.corrupt)) > 1:  # the undamaged run comes first, and holds the others
        config = replace(config, corrupt=())
    found = find_job(config)
    config, chosen = found.config, found.chosen
    plan: Plan = [("detector", config.detector), *_backbone(chosen, config)]
    if fits_first(chosen, config):
        train, val = find_splits(replace(fit_config(config), quiet=True), found.plugins)
        plan.append(("fitted first on", _faces(train, val)))
    else:
        plan += _artefact(chosen, config)
    pieces = cut(choose_units(config, found.videos), config.chunk)
    frames = sum(len(pieces[index]) for index in shard.chunks(len(pieces)))
    out = run_folder(config, shard)
    return [*plan, *_sets(found.videos), ("frames", f"{frames:,}"), ("out", str(out))]


def plan_fit(config: FitConfig) -> Plan:
    """Plan what `fit` would do, as `plan_evaluation` does; the detector checks its options."""
    plugins = load_plugins()
    chosen = choose(plugins, config)
    check_run(chosen, config, plugins)
    spec = fittable(plugins, config.detector)
    options, out = options_of(spec, config), artefact_folder(config)
    train, val = find_splits(config, plugins)
    context = fit_context(config, chosen, (train, val), options, out)
    if spec.check_fit is not None:
        guarded(f"fit of detector {spec.name!r}", spec.source, spec.check_fit, context)
    plan: Plan = [("detector", config.detector), *_backbone(chosen, config)]
    plan += _loaded(context.embedder)
    return [*plan, ("learns from", _faces(train, val)), ("out", str(out))]


def _backbone(chosen: Chosen, config: EvalConfig | FitConfig) -> Iterator[tuple[str, str]]:
    if chosen.backbone is not None:
        wrapped = f" in wrapper {config.wrap}" if config.wrap else ""
        yield "backbone", f"{chosen.backbone.name}{wrapped}"


def _loaded(embedder: Embedder) -> Iterator[tuple[str, str]]:
    backbone = embedder.backbone
    yield "weights", f"{backbone.weights}, sha256 {backbone.weights_sha256[:12]}"
    yield "device", f"{embedder.device}, {embedder.backend}"


def _artefact(chosen: Chosen, config: EvalConfig) -> Iterator[tuple[str, str]]:
    """Build the model, so that an unsuitable file is an error now."""
    model = build_model(chosen, config)
    if model.embedder is not None:
        yield from _loaded(model.embedder)
    if model.artefact is not None:
        yield "artefact", str(model.artefact)


def _sets(videos: Sequence[Video]) -> Iterator[tuple[str, str]]:
    counts: dict[str, Counter[int]] = {}
    for video in videos:
        counts.setdefault(video.dataset, Counter())[video.label] += 1
    for name, labels in counts.items():
        yield f"data set {name}", f"{labels[0]:,} real and {labels[1]:,} fake videos"


def _faces(train: Iterable[Video], val: Iterable[Video]) -> str:
    """Count the real images and videos in both splits."""
    reals = [sum(video.label == 0 for video in videos) for videos in (train, val)]
    return f"{reals[0]:,} real images or videos, {reals[1]:,} to validate on"
