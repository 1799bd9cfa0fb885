"""`fit`: real faces in, a fitted artefact out. Each detector defines how it is fitted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from registry.backbones.build import build_embedder
from registry.contracts.detector import FitContext, FitReport
from registry.contracts.types import Video
from registry.data.index import data_fingerprint
from registry.errors import ConfigError, guarded
from registry.faces.reader import build_reader
from registry.faces.real_faces import find_splits, real_samples
from registry.files import write_text
from registry.leftovers import is_unfinished, unfinished_name
from registry.owner import owned_folder
from registry.plugins.chosen import Chosen, choose
from registry.plugins.discovery import Plugins, load_plugins
from registry.plugins.specs import DetectorSpec
from registry.ranks import first_goes_first, of_first, this_rank
from registry.results.fit_report import artefact_in, checked_report, write_report
from registry.settings.load import as_yaml, resolve_options
from registry.settings.tasks import FitConfig
from registry.tasks.fit_pieces import with_pieces

__all__ = ["artefact_folder", "fit", "fit_context", "fit_here", "fittable", "options_of"]

_MARK = "bench-fit"  # in the name of an empty file that is there while a fit is


def fit(config: FitConfig | None = None, /, **settings: Any) -> FitReport:
    """Fit `detector` on `backbone` with the real faces of `train` and write its artefact to `out`.

    Takes a FitConfig, its fields as keywords (the flags of `bench fit`), or both. Raises a
    BenchError that says what to change; an existing artefact is kept unless `overwrite`.

    Processes of one torchrun share the work of a detector with `fit_shares`, and return the
    same; other detectors are refused there.
    """
    config = replace(config or FitConfig(), **settings)
    plugins = load_plugins()
    spec = fittable(plugins, config.detector)
    count = this_rank().count
    if count > 1 and not spec.fit_shares:
        sharing = (each.name for each in _all_fittable(plugins) if each.fit_shares)
        raise ConfigError(
            f"a fit of detector {spec.name!r} runs in one process, and torchrun has started"
            f" {count}; start it without torchrun (processes can share fits of"
            f" {', '.join(sharing) or 'no detector'})"
        )
    report = fit_here(spec, plugins, replace(config, quiet=config.quiet or not this_rank().first))
    return of_first(report)


def _all_fittable(plugins: Plugins) -> list[DetectorSpec]:
    known = plugins.specs("detector").values()
    return [each for each in known if isinstance(each, DetectorSpec) and each.fit is not None]


def fittable(plugins: Plugins, name: str) -> DetectorSpec:
    """Return the detector of a name; a ConfigError if it has nothing to fit."""
    spec = plugins.get("detector", name)
    if isinstance(spec, DetectorSpec) and spec.fit is not None:
        return spec
    names = ", ".join(each.name for each in _all_fittable(plugins))
    raise ConfigError(
        f"detector {name!r} has nothing to fit; detectors that can be fitted: {names or 'none'}"
    )


def options_of(spec: DetectorSpec, config: FitConfig) -> Any:
    """Return the detector's own options for its fit; a ConfigError for a value out of range."""
    return resolve_options(spec.fit_options, config.options)


def fit_here(spec: DetectorSpec, plugins: Plugins, config: FitConfig) -> FitReport:
    """Fit in this process, or in all ranks if the detector shares the work."""
    assert spec.fit is not None  # noqa: S101 - `fittable` has seen to it
    options = options_of(spec, config)
    chosen = choose(plugins, config)
    with first_goes_first() if spec.fit_shares else nullcontext():
        splits = find_splits(config, plugins)
    out, what = artefact_folder(config), f"fit of detector {spec.name!r}"
    if not this_rank().first:
        with with_pieces(spec, fit_context(config, chosen, splits, options, out)) as context:
            return guarded(what, spec.source, spec.fit, context)
    with (
        owned_folder(out),
        _marked(artefact_folder(config)),  # again: another may have fitted here in the meantime
        with_pieces(spec, fit_context(config, chosen, splits, options, out)) as context,
    ):
        found = guarded(what, spec.source, spec.fit, context)
        report = checked_report(found, out, f"{what} of package {spec.source or 'unknown'!r}")
        write_text(out / "config.yaml", as_yaml(config))  # of what is there
        write_report(report, out)
    return report


def fit_context(
    config: FitConfig,
    chosen: Chosen,
    splits: tuple[list[Video], list[Video]],
    options: Any,
    out: Path,
) -> FitContext:
    """Load the backbone and list the real faces: what a detector's fit starts from."""
    reader = build_reader(chosen.faces, config)
    train, val = (
        real_samples(videos, reader, split)
        for videos, split in zip(splits, ("train", "val"), strict=True)
    )
    videos = [*splits[0], *splits[1]]
    return FitContext(
        embedder=build_embedder(chosen, config),
        train=train,
        val=val,
        options=options,
        out=out,
        data_fingerprint=data_fingerprint(videos),
        datasets=tuple(sorted({video.dataset for video in videos})),
        seed=config.seed,
        workers=config.workers,
        max_errors=config.max_errors,
        quiet=config.quiet,
        tensorboard=config.tensorboard and this_rank().first,
    )


def artefact_folder(config: FitConfig) -> Path:
    """Choose where the artefact goes; a ConfigError if one is already there."""
    name = f"{config.detector}_{(config.backbone or '').replace('/', '_')}"
    out = Path(config.out or f"runs/{name}")
    artefact = artefact_in(out)
    if artefact.exists() and not (config.overwrite or _is_half_done(out)):
        raise ConfigError(
            f"{artefact} already exists; pass --overwrite to fit it again, or another --out"
        )
    return out


@contextmanager
def _marked(out: Path) -> Iterator[None]:
    """Mark a fit with a file that stays if it ends, even killed, between artefact and report."""
    mark = out / unfinished_name(_MARK)
    mark.touch()
    try:
        yield
    except BaseException:
        if not _is_half_done(out):
            _unmark(out)
        raise
    _unmark(out)


def _unmark(out: Path) -> None:
    for mark in _marks(out):
        mark.unlink(missing_ok=True)


def _marks(out: Path) -> list[Path]:
    return [path for path in out.glob(f".{_MARK}.*") if is_unfinished(path.name)]


def _is_half_done(out: Path) -> bool:
    """Say whether the artefact is from an unfinished fit, so that the next one may replace it.

    An artefact older than the mark is complete, from an earlier fit.
    """
    artefact, marks = artefact_in(out), _marks(out)
    if not (marks and artefact.exists()):
        return False
    return artefact.stat().st_mtime_ns >= min(mark.stat().st_mtime_ns for mark in marks)
