"""Fitting LESB: local subspaces, a head per part on pseudo-fakes, scores to compare with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit

from lesb_plugin.lesb.blend import Style
from lesb_plugin.lesb.dataset import PseudoFakes
from lesb_plugin.lesb.embedding import Embedded, embed_faces
from lesb_plugin.lesb.fitted import FittedLesb, ValReals, head_logits
from lesb_plugin.lesb.heads import HeadLaw, Heads, auc
from lesb_plugin.lesb.options import LesbFitOptions
from lesb_plugin.lesb.probe import Probe, fit_probe
from lesb_plugin.lesb.runs import train_runs
from lesb_plugin.lesb.summary import Outcome, auc_table, notes, record
from lesb_plugin.lfd.artefact import Lfd
from lesb_plugin.lfd.diagnostics import alignment, tables
from lesb_plugin.lfd.fit import fit_lfd
from lesb_plugin.lfd.presets import psi_preset, region_preset
from registry import ConfigError, DataError, Embedder, FitContext, FitReport, load_yaml

__all__ = ["ARTEFACT", "fit_lesb"]

ARTEFACT = "artefact.safetensors"
FEWEST = 2  # faces of a split, below which nothing can be told


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
    probe = _probe(context.embedder, train, val)
    lfd = _aligned(lfd, probe, context.seed)
    head_auc = auc(val.labels, head_logits(context.embedder, probe, val.pairs))
    outcome = Outcome(lfd.parts, tuple(runs), train, val, probe, head_auc)
    fitted = FittedLesb(
        lfd=lfd,
        heads=runs[0].local.heads,
        probe=probe,
        reals=_reals(lfd, runs[0].local.heads, probe, context.embedder, val),
        record=record(context, options, style, outcome),
    )
    path = fitted.save(context.out / ARTEFACT)
    found = (auc_table(outcome), *tables(lfd.diagnostics))
    return FitReport(artefact=path, tables=found, notes=notes(outcome))


def _aligned(lfd: Lfd, probe: Probe | None, seed: int) -> Lfd:
    """Diagnostics with the share of the probe's direction that the parts hold, if there is one."""
    if probe is None:
        return lfd
    bases = {part: basis.astype(np.float64) for part, basis in lfd.bases.items()}
    found = alignment(bases, probe.weight, seed)
    return replace(lfd, diagnostics={**lfd.diagnostics, "alignment": found})


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


def _probe(embedder: Embedder, train: Embedded, val: Embedded) -> Probe | None:
    """None where the backbone's weights have a fake/real head of their own."""
    if embedder.logits(val.clean[:1]) is not None:
        return None
    return fit_probe(train.pairs, train.labels, val.pairs, val.labels)


def _reals(
    lfd: Lfd, heads: Heads, probe: Probe | None, embedder: Embedder, val: Embedded
) -> ValReals:
    local = lfd.project(val.clean)
    parts = expit(heads.logits(np.stack([local[part] for part in lfd.parts])))
    return ValReals.of(parts, expit(head_logits(embedder, probe, val.clean)))
