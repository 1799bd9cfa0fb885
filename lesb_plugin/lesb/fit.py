"""Fit LESB: local subspaces, a head per part on pseudo-fakes, scores to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from lesb_plugin.drawing.tensorboard import Board, board_in
from lesb_plugin.lesb.board import show_fit, show_pairs, show_subspaces, show_variants
from lesb_plugin.lesb.dataset import PseudoFakes
from lesb_plugin.lesb.detector import LesbDetector
from lesb_plugin.lesb.embedding import Embedded, check_faces, embed_faces
from lesb_plugin.lesb.findings import findings
from lesb_plugin.lesb.fitted import LESB, FittedLesb, ValReals, head_logits
from lesb_plugin.lesb.heads import HeadRecipe, Heads, auc
from lesb_plugin.lesb.options import LesbFitOptions, LesbOptions
from lesb_plugin.lesb.probe import Probe, fit_probe
from lesb_plugin.lesb.runs import train_heads_of, train_runs
from lesb_plugin.lesb.styled import QUALITIES, StyledFakes, reading_label, styled_fakes
from lesb_plugin.lesb.summary import Outcome, auc_table, notes, rank_tables, record
from lesb_plugin.lesb.threshold import logit_of_half, moved
from lesb_plugin.lfd.artefact import Lfd
from lesb_plugin.lfd.diagnostics import alignment, tables
from lesb_plugin.lfd.fit import LocalStatistics, Method, Principal, check_ranks, collect_lfd
from lesb_plugin.lfd.presets import psi_preset, region_preset
from lesb_plugin.lfd.subspace import too_few_directions
from lesb_plugin.pseudo_fakes.blend import Style
from lesb_plugin.pseudo_fakes.blend_style import load_style
from lesb_plugin.pseudo_fakes.pairs import load_recipe
from registry import (
    ConfigError,
    Embedder,
    FitContext,
    FitReport,
    numbered_steps,
    progress,
    scratch_folder,
)

__all__ = ["ARTEFACT", "check_lesb", "fit_as", "fit_lesb"]

ARTEFACT = "artefact.safetensors"


def check_lesb(context: FitContext) -> None:
    """Raise the BenchErrors of a fit of `lesb` or `lesb_gep` that need no embedding."""
    options: LesbFitOptions = context.options or LesbFitOptions()
    _check(context, options)
    check_ranks(
        _ranks(options),
        context.embedder.backbone.dim,
        min(options.images, len(context.train)),
        options.variants,
        options.reference,
    )


def fit_lesb(context: FitContext) -> FitReport:
    """Fit LFD and LESB on real faces and write one artefact; BenchErrors say what to change."""
    return fit_as(LESB, context, context.options or LesbFitOptions(), lambda _: Principal())


def fit_as(
    detector: str,
    context: FitContext,
    options: LesbFitOptions,
    method_of: Callable[[Embedded], Method],
) -> FitReport:
    """Fit as `fit_lesb` does, for a detector whose subspaces come from `method_of` the train
    split.
    """
    style = _check(context, options)
    with numbered_steps(f"the fit of {detector}", _steps(options), quiet=context.quiet):
        collected = _collect_lfd(context, options)
        ranks, left_out = supported(_ranks(options), collected.directions())
        # Only now that the ranks are known to be right does the board of an earlier fit give way.
        with board_in(context.out, wanted=context.tensorboard) as board:
            show_variants(board, context, options)
            report = _fit(detector, context, options, style, collected, ranks, method_of, board)
    return replace(report, notes=(*left_out, *report.notes))


def _steps(options: LesbFitOptions) -> list[str]:
    """Return the labels of the bars, in their order."""
    splits = [
        label
        for split in ("train", "val")
        for label in ([reading_label(split)] * bool(options.style) + [f"pseudo-fakes ({split})"])
    ]
    return ["LFD", *splits, *["ranks"] * bool(options.ranks), "heads"]


def _fit(
    detector: str,
    context: FitContext,
    options: LesbFitOptions,
    style: Style,
    collected: LocalStatistics,
    ranks: Sequence[int],
    method_of: Callable[[Embedded], Method],
    board: Board,
) -> FitReport:
    train = _embed(context, options, style, "train")
    val = _embed(context, options, style.for_validation(), "val")
    if train is None or val is None:  # the first rank has all of it
        return FitReport(artefact=context.out / ARTEFACT)
    collected = replace(collected, method=method_of(train))
    by_rank = _by_rank(context, options, ranks, collected, train, val) if options.ranks else {}
    lfd = collected.at(max(by_rank, key=by_rank.__getitem__) if by_rank else options.rank)
    seeds = range(context.seed, context.seed + options.control_seeds)
    runs = train_runs(lfd, train, val, _recipe(options), seeds, quiet=context.quiet)
    probe = _probe(context.embedder, train, val)
    lfd = _aligned(lfd, probe, context.seed)
    head_auc = auc(val.labels, head_logits(context.embedder, probe, val.pairs))
    heads, by = _flagging(options.flagged, lfd, runs[0].local.heads, val)
    outcome = Outcome(lfd.parts, tuple(runs), train, val, probe, head_auc, by)
    fitted = FittedLesb(
        lfd=lfd,
        heads=heads,
        probe=probe,
        reals=_reals(lfd, heads, probe, context.embedder, val, styled=options.style is not None),
        record={**record(detector, context, options, style, outcome), "val_auc_by_rank": by_rank},
    )
    path = fitted.save(context.out / ARTEFACT)
    show_fit(board, outcome, lfd, by_rank)
    show_subspaces(board, lfd, val, context.seed)
    show_pairs(board, val, LesbDetector(context.embedder, fitted, LesbOptions()))
    found = (auc_table(outcome), *rank_tables(by_rank, lfd.rank), *tables(lfd.diagnostics))
    words = findings(outcome, by_rank, lfd.rank, lfd.diagnostics)
    return FitReport(artefact=path, tables=found, notes=notes(outcome), findings=words)


def _flagging(flagged: float, lfd: Lfd, heads: Heads, val: Embedded) -> tuple[Heads, float]:
    """Return heads that call a share of val's reals fake, and by how much their logits were
    lowered.
    """
    if not flagged:
        return heads, 0.0
    by = logit_of_half(_part_logits(lfd, heads, val.pairs[val.labels == 0]), flagged)
    return moved(heads, by), by


def _aligned(lfd: Lfd, probe: Probe | None, seed: int) -> Lfd:
    """Diagnostics with the share of the probe's direction that the parts hold, if there is one."""
    if probe is None:
        return lfd
    bases = {part: basis.astype(np.float64) for part, basis in lfd.bases.items()}
    found = alignment(bases, probe.weight, seed)
    return replace(lfd, diagnostics={**lfd.diagnostics, "alignment": found})


# --- configuration and data --------------------------------------------------------------------


def _check(context: FitContext, options: LesbFitOptions) -> Style:
    """Return the recipe of self-blends; raise errors that can be found before the long work."""
    if options.style is not None:
        load_recipe(options.style)
        if options.blend != LesbFitOptions().blend:
            raise ConfigError(
                f"--blend {options.blend} is a recipe for self-blends only, and --style"
                f" {options.style} brings its own (its key 'blend'); omit one of the two"
            )
    style = load_style(options.blend)
    region_preset(options.regions)
    psi_preset(options.psi)
    check_faces("LESB", context)
    return style


def _ranks(options: LesbFitOptions) -> tuple[int, ...]:
    return options.ranks or (options.rank,)


def _collect_lfd(context: FitContext, options: LesbFitOptions) -> LocalStatistics:
    return collect_lfd(
        context.embedder,
        context.train,
        region_preset(options.regions),
        psi_preset(options.psi),
        images=options.images,
        variants=options.variants,
        ranks=_ranks(options),
        reference=options.reference,
        seed=context.seed,
        workers=context.workers,
        max_errors=context.max_errors,
        data_fingerprint=context.data_fingerprint,
        quiet=context.quiet,
        pieces=context.pieces,
    )


def supported(
    ranks: Sequence[int], directions: Mapping[str, int]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Return the ranks that every part supports, and a sentence for each that is left out.

    `directions` are those in which the variants of a part differ. A ConfigError, before
    pseudo-fakes are made, if no rank is left.
    """
    part = min(directions, key=directions.__getitem__)
    fewest = directions[part]
    usable = tuple(rank for rank in ranks if rank <= fewest)
    if not usable:
        asked = f"rank {ranks[0]}" if len(ranks) == 1 else f"ranks {', '.join(map(str, ranks))}"
        raise ConfigError(too_few_directions(asked, f"the variants of {part!r}", fewest))
    left_out = tuple(
        f"rank {rank} is skipped: the variants of {part!r} differ in only {fewest} directions"
        for rank in ranks
        if rank > fewest
    )
    return usable, left_out


def _by_rank(
    context: FitContext,
    options: LesbFitOptions,
    ranks: Sequence[int],
    collected: LocalStatistics,
    train: Embedded,
    val: Embedded,
) -> dict[int, float]:
    """Return the validation AUC of the fused scores at each candidate rank."""
    found = {}
    for rank in progress(ranks, "ranks", total=len(ranks), unit="rank", quiet=context.quiet):
        heads = train_heads_of(collected.at(rank), train, val, _recipe(options), context.seed)
        found[rank] = heads.fused
    return found


def _embed(
    context: FitContext, options: LesbFitOptions, style: Style, purpose: str
) -> Embedded | None:
    with scratch_folder("fit") as scratch:
        if options.style is None:
            dataset: PseudoFakes | StyledFakes = PseudoFakes(
                samples=context.train if purpose == "train" else context.val,
                crop=context.embedder.backbone.crop,
                style=style,
                draws=options.pseudo_fakes,
                purpose=purpose,
                seed=context.seed,
            )
        else:
            dataset = styled_fakes(context, options.style, options.pseudo_fakes, purpose, scratch)
        return embed_faces(
            context.embedder,
            dataset,
            workers=context.workers,
            max_errors=context.max_errors,
            quiet=context.quiet,
            pieces=context.pieces,
        )


def _recipe(options: LesbFitOptions) -> HeadRecipe:
    return HeadRecipe(
        hidden=options.hidden,
        dropout=options.dropout,
        learning_rate=options.learning_rate,
        batch=options.batch,
        epochs=options.epochs,
        patience=options.patience,
    )


def _probe(embedder: Embedder, train: Embedded, val: Embedded) -> Probe | None:
    """Fit a probe; None if the backbone's weights have a fake/real head of their own."""
    if embedder.logits(val.clean[:1]) is not None:
        return None
    return fit_probe(train.pairs, train.labels, val.pairs, val.labels)


def _reals(
    lfd: Lfd,
    heads: Heads,
    probe: Probe | None,
    embedder: Embedder,
    val: Embedded,
    *,
    styled: bool,
) -> ValReals:
    embeddings, quality = reals_of(val, QUALITIES if styled else 0)
    parts = expit(_part_logits(lfd, heads, embeddings))
    return ValReals.of(parts, expit(head_logits(embedder, probe, embeddings)), quality)


def reals_of(
    val: Embedded, qualities: int
) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
    """Choose the unchanged faces, and of each face the reals of its first `qualities` pairs.

    Embeddings (m, d) and their sharpness (m,), None where it was not measured.
    """
    faces, dim = val.clean.shape
    reals = val.pairs.reshape(faces, -1, 2, dim)[:, :qualities, 0]
    embeddings = np.concatenate([val.clean, reals.reshape(-1, dim)])
    if val.sharpness is None:
        return embeddings, None
    own, pairs = val.sharpness[:, 0], val.sharpness[:, 1:].reshape(faces, -1, 2)
    quality = np.concatenate([own, pairs[:, :qualities, 0].ravel()])
    return embeddings, quality.astype(np.float64)


def _part_logits(lfd: Lfd, heads: Heads, embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (K, n) of embeddings (n, d)."""
    local = lfd.project(embeddings)
    return heads.logits(np.stack([local[part] for part in lfd.parts]))
