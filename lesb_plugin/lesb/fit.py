"""Fitting LESB: local subspaces, a head per part on pseudo-fakes, scores to compare with."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from lesb_plugin.lesb.blend import Style
from lesb_plugin.lesb.dataset import PseudoFakes
from lesb_plugin.lesb.embedding import Embedded, embed_faces
from lesb_plugin.lesb.fitted import FittedLesb, ValReals, head_logits
from lesb_plugin.lesb.heads import HeadLaw, Heads, auc
from lesb_plugin.lesb.options import LesbFitOptions
from lesb_plugin.lesb.probe import Probe, fit_probe
from lesb_plugin.lesb.runs import Run, train_runs
from lesb_plugin.lfd.artefact import Lfd
from lesb_plugin.lfd.diagnostics import tables
from lesb_plugin.lfd.fit import fit_lfd
from lesb_plugin.lfd.presets import psi_preset, region_preset
from registry import ConfigError, DataError, FitContext, FitReport, load_yaml

__all__ = ["ARTEFACT", "fit_lesb"]

ARTEFACT = "artefact.safetensors"
FEWEST = 2  # faces of a split, below which nothing can be told

Array = NDArray[np.float64]
Table = tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]


def fit_lesb(context: FitContext) -> FitReport:
    """Fit LFD and LESB on real faces and write one artefact; BenchErrors say what to change."""
    options: LesbFitOptions = context.options or LesbFitOptions()
    style = _style(options.blend)
    _check_faces(context)
    lfd = _fit_lfd(context, options)
    train = _embed(context, options, style, "train")
    val = _embed(context, options, style.for_validation(), "val")
    seeds = range(context.seed, context.seed + options.control_seeds)
    runs = train_runs(lfd, train, val, _law(options), seeds, quiet=context.quiet)
    probe = None
    if context.embedder.logits(val.clean[:1]) is None:
        probe = fit_probe(train.pairs, train.labels, val.pairs, val.labels)
    head_auc = auc(val.labels, head_logits(context.embedder, probe, val.pairs))
    fitted = FittedLesb(
        lfd=lfd,
        heads=runs[0].local.heads,
        probe=probe,
        reals=_reals(
            lfd, runs[0].local.heads, head_logits(context.embedder, probe, val.clean), val
        ),
        record=_record(context, options, style, runs, train, val, head_auc, probe),
    )
    path = fitted.save(context.out / ARTEFACT)
    table = _auc_table(lfd.parts, runs, head_auc, fitted.record["head"])
    return FitReport(
        artefact=path,
        tables=(table, *tables(lfd.diagnostics)),
        notes=_notes(runs, train, val, probe),
    )


# --- configuration and data --------------------------------------------------------------------


def _style(name_or_path: str) -> Style:
    try:
        return Style.from_mapping(load_yaml("blend", name_or_path))
    except ValueError as error:
        raise ConfigError(f"blend {name_or_path!r}: {error}") from error


def _check_faces(context: FitContext) -> None:
    if min(len(context.train), len(context.val)) < FEWEST:
        raise DataError(
            f"LESB needs {FEWEST} or more real faces to train on and as many to validate on, "
            f"got {len(context.train)} and {len(context.val)}; add data with --train and --val"
        )


def _fit_lfd(context: FitContext, options: LesbFitOptions) -> Lfd:
    return fit_lfd(
        context.embedder,
        context.train,
        region_preset(options.regions),
        psi_preset(options.psi),
        images=options.images,
        variants=options.variants,
        rank=options.rank,
        reference=options.reference,
        seed=context.seed,
        workers=context.workers,
        max_errors=context.max_errors,
        data_fingerprint=context.data_fingerprint,
        quiet=context.quiet,
    )


def _embed(context: FitContext, options: LesbFitOptions, style: Style, purpose: str) -> Embedded:
    dataset = PseudoFakes(
        samples=context.train if purpose == "train" else context.val,
        crop=context.embedder.backbone.crop,
        style=style,
        draws=options.pseudo_fakes,
        purpose=purpose,
        seed=context.seed,
    )
    return embed_faces(
        context.embedder,
        dataset,
        workers=context.workers,
        max_errors=context.max_errors,
        quiet=context.quiet,
    )


def _law(options: LesbFitOptions) -> HeadLaw:
    return HeadLaw(
        hidden=options.hidden,
        dropout=options.dropout,
        learning_rate=options.learning_rate,
        batch=options.batch,
        epochs=options.epochs,
        patience=options.patience,
    )


def _reals(lfd: Lfd, heads: Heads, head: Array, val: Embedded) -> ValReals:
    local = lfd.project(val.clean)
    parts = expit(heads.logits(np.stack([local[part] for part in lfd.parts])))
    return ValReals.of(parts, expit(head))


# --- what is kept and shown -------------------------------------------------------------------


def _record(
    context: FitContext,
    options: LesbFitOptions,
    style: Style,
    runs: Sequence[Run],
    train: Embedded,
    val: Embedded,
    head_auc: float,
    probe: Probe | None,
) -> dict[str, Any]:
    return {
        "head": "own" if probe is None else "probe",
        "options": asdict(options),
        "style": asdict(style),
        "datasets": list(context.datasets),
        "data_fingerprint": context.data_fingerprint,
        "seed": context.seed,
        "shipped_seed": runs[0].seed,
        "val_auc": [_aucs(run) for run in runs],
        "val_auc_head": head_auc,
        "faces": {"train": len(train.clean), "val": len(val.clean)},
        "skipped": [asdict(each) for split in (train, val) for each in split.skipped],
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("lesb-plugin", "numpy", "torch", "scikit-learn", "opencv-python-headless")
        },
    }


def _aucs(run: Run) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "parts": run.local.auc.tolist(),
        "fused": run.local.fused,
        "random_parts": run.random.auc.tolist(),
        "random_fused": run.random.fused,
    }


def _auc_table(parts: Sequence[str], runs: Sequence[Run], head_auc: float, kind: str) -> Table:
    rows = []
    for k, part in enumerate(parts):
        pairs = [(float(run.local.auc[k]), float(run.random.auc[k])) for run in runs]
        rows.append((part, *(_spread(column) for column in zip(*pairs, strict=True))))
    fused = [(run.local.fused, run.random.fused) for run in runs]
    rows.append(("mean of parts", *(_spread(column) for column in zip(*fused, strict=True))))
    rows.append((f"head ({kind})", f"{head_auc:.3f}", ""))
    title = "LESB: validation AUC on pseudo-fakes" + (
        f", {len(runs)} seeds" if len(runs) > 1 else ""
    )
    return title, ("scores of", "local subspace", "random subspace"), tuple(rows)


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def _notes(
    runs: Sequence[Run], train: Embedded, val: Embedded, probe: Probe | None
) -> tuple[str, ...]:
    notes = [f"{len(train.clean)} faces to train on, {len(val.clean)} to validate on"]
    if len(runs) > 1:
        notes.append(f"the artefact holds the heads of seed {runs[0].seed}; the others show spread")
    if probe is not None:
        notes.append(
            "head: probe, a linear head on the whole embedding, as the weights have no fake/real "
            f"head (C = {probe.strength:g})"
        )
    for name, split in (("train", train), ("val", val)):
        if split.skipped:
            first = split.skipped[0]
            notes.append(
                f"{len(split.skipped)} faces of {name} could not be used; the first: {first.key}: "
                f"{first.reason}"
            )
    return tuple(notes)
