"""What a fit of LESB reports, and what its artefact records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from lesb_plugin.lesb.embedding import Embedded
from lesb_plugin.lesb.fit_notes import probe_note, skipped_notes
from lesb_plugin.lesb.options import LesbFitOptions
from lesb_plugin.lesb.probe import Probe
from lesb_plugin.lesb.runs import SeedRun
from lesb_plugin.pseudo_fakes.pairs import load_recipe
from lesb_plugin.pseudo_fakes.style import Style
from registry import (
    FitContext,
    package_versions,
)

__all__ = ["Outcome", "auc_table", "notes", "rank_tables", "record"]

Table = tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]
PACKAGES = ("lesb-plugin", "numpy", "torch", "scikit-learn", "opencv-python-headless")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was trained, and on what; `head_auc` is that of the backbone's own head or the probe.

    The logits of the heads that ship were lowered by `lowered`, those of `runs` were not.
    """

    parts: tuple[str, ...]
    runs: tuple[SeedRun, ...]
    train: Embedded
    val: Embedded
    probe: Probe | None
    head_auc: float
    lowered: float = 0.0

    @property
    def head(self) -> str:
        return "own" if self.probe is None else "probe"


def record(
    detector: str, context: FitContext, options: LesbFitOptions, style: Style, outcome: Outcome
) -> dict[str, Any]:
    """Return what was fitted and its origin, as plain data for JSON."""
    splits = {"train": outcome.train, "val": outcome.val}
    return {
        "detector": detector,
        "head": outcome.head,
        "options": asdict(options),
        "style": asdict(style if options.style is None else load_recipe(options.style)),
        "datasets": list(context.datasets),
        "data_fingerprint": context.data_fingerprint,
        "seed": context.seed,
        "shipped_seed": outcome.runs[0].seed,
        "val_auc": [_aucs(run) for run in outcome.runs],
        "val_auc_head": outcome.head_auc,
        "lowered": outcome.lowered,
        "faces": {name: len(split.clean) for name, split in splits.items()},
        "skipped": [asdict(each) for split in splits.values() for each in split.skipped],
        "versions": package_versions(PACKAGES),
    }


def _aucs(run: SeedRun) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "parts": run.local.auc.tolist(),
        "fused": run.local.fused,
        "random_parts": run.random.auc.tolist(),
        "random_fused": run.random.fused,
    }


def auc_table(outcome: Outcome) -> Table:
    """Return validation AUCs next to those of random subspaces: mean and spread over the seeds."""
    runs = outcome.runs
    rows = [
        (
            part,
            _spread([float(run.local.auc[k]) for run in runs]),
            _spread([float(run.random.auc[k]) for run in runs]),
        )
        for k, part in enumerate(outcome.parts)
    ]
    local, random = [run.local.fused for run in runs], [run.random.fused for run in runs]
    rows.append(("mean of parts", _spread(local), _spread(random)))
    rows.append((f"head ({outcome.head})", f"{outcome.head_auc:.3f}", ""))
    seeds = f", {len(runs)} seeds" if len(runs) > 1 else ""
    title = f"LESB: validation AUC on pseudo-fakes{seeds}"
    return title, ("scores of", "local subspace", "random subspace"), tuple(rows)


def rank_tables(by_rank: Mapping[int, float], chosen: int) -> tuple[Table, ...]:
    """Return a table of the ranks to choose from; none without a choice."""
    if len(by_rank) < 2:
        return ()
    rows = tuple(
        (str(rank), f"{auc:.4f}", "kept" if rank == chosen else "") for rank, auc in by_rank.items()
    )
    return (("LESB: validation AUC of the fused scores by rank", ("rank", "AUC", ""), rows),)


def _spread(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def notes(outcome: Outcome) -> tuple[str, ...]:
    """Return what a reader of the table must know, in sentences."""
    train, val, runs = outcome.train, outcome.val, outcome.runs
    found = [f"{len(train.clean)} faces to train on, {len(val.clean)} to validate on"]
    if len(runs) > 1:
        found.append(
            f"the artefact has the heads of seed {runs[0].seed}; the other seeds show the spread"
        )
    if outcome.lowered:
        found.append(
            f"the 0.5 threshold is recalibrated (logits moved by {-outcome.lowered:+.2f}),"
            " so that the requested share of val's distorted reals scores above it"
        )
    return (*found, *probe_note(outcome.probe), *skipped_notes(train.skipped, val.skipped))
