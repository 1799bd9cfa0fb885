"""Explain the tables of a fit of LESB in plain words: a sentence for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lesb_plugin.lesb.summary import Outcome
from lesb_plugin.lfd.findings import findings as findings_of_lfd

__all__ = ["findings"]

_CLEAR = 0.005  # of AUC: less is not worth a word


def findings(
    outcome: Outcome, by_rank: Mapping[int, float], chosen: int, diagnostics: Mapping[str, Any]
) -> tuple[str, ...]:
    """Give a sentence for each table that a fit prints, in their order."""
    ranks = (_of_ranks(by_rank, chosen),) if len(by_rank) > 1 else ()
    return (_of_aucs(outcome), *ranks, *findings_of_lfd(diagnostics))


def _of_aucs(outcome: Outcome) -> str:
    """Compare local with random subspaces: better only if clearly so with every seed."""
    gains = np.array([run.local.fused - run.random.fused for run in outcome.runs])
    local, random = (
        float(np.mean([getattr(run, kind).fused for run in outcome.runs]))
        for kind in ("local", "random")
    )
    if (gains > 0).all() and gains.mean() >= _CLEAR:
        how = "better than"
    elif (gains < 0).all() and gains.mean() <= -_CLEAR:
        how = "worse than"
    else:
        how = "no better than"
    return (
        f"Local subspaces are {how} random ones here (mean of parts {local:.3f} and"
        f" {random:.3f}); the head alone reaches {outcome.head_auc:.3f}."
    )


def _of_ranks(by_rank: Mapping[int, float], chosen: int) -> str:
    span = max(by_rank.values()) - min(by_rank.values())
    matter = "hardly matters" if span < _CLEAR else "matters"
    return f"Rank {chosen} does best on val; the rank {matter} here (AUC differs by {span:.4f})."
