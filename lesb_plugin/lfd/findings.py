"""Explain the tables of a fitted LFD in plain words: a sentence for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["findings"]

_SAME = 0.5  # overlap from which two subspaces hold mostly the same directions
_LOCAL = 0.1  # share of variance by which a part's own subspace must lead the others'
_MOST = 0.9


def findings(diagnostics: Mapping[str, Any]) -> tuple[str, ...]:
    """Give a sentence for each table of `diagnostics.tables`, in their order."""
    found = [
        _of_overlap(diagnostics) if diagnostics["angles"] else "",
        _of_leakage(diagnostics["leakage"]),
        _of_curves(diagnostics["explained"]),
    ]
    if diagnostics["alignment"] is not None:
        found.append(_of_alignment(diagnostics["alignment"]))
    if "own_share" in diagnostics:
        found.append(_of_own_shares(diagnostics["own_share"]))
    return tuple(filter(None, found))


def _of_overlap(diagnostics: Mapping[str, Any]) -> str:
    found = float(np.mean(list(diagnostics["overlap"].values())))
    random = diagnostics["random"]["overlap"]["mean"]
    figures = f"(overlap {found:.3f}, of random subspaces {random:.3f})"
    if found >= _SAME:
        return f"The parts' subspaces share most of their directions {figures}."
    if found > 2 * random:
        return f"The parts' subspaces share more directions than random ones do {figures}."
    return f"The parts' subspaces differ about as much as random ones do {figures}."


def _of_leakage(leakage: Mapping[str, Mapping[str, float]]) -> str:
    own = float(np.mean([shares[part] for part, shares in leakage.items()]))
    others = [v for part, shares in leakage.items() for name, v in shares.items() if name != part]
    if not others:
        return f"The subspace holds {own:.3f} of its part's variance."
    other = float(np.mean(others))
    figures = f"A part's own subspace holds {own:.3f} of its variance, another part's {other:.3f}"
    local = own - other >= _LOCAL
    return f"{figures}: the subspaces are {'local' if local else 'hardly local'} here."


def _of_curves(curves: Mapping[str, Sequence[float]]) -> str:
    values = [np.asarray(curve) for curve in curves.values()]
    if all(curve[-1] >= _MOST for curve in values):
        needed = max(int(np.argmax(curve >= _MOST)) + 1 for curve in values)
        hold = "directions hold" if needed > 1 else "direction holds"
        return f"{needed} {hold} 90 % of each part's variance."
    least, most = (float(f([curve[-1] for curve in values])) for f in (min, max))
    share = f"{least:.2f}" if most - least < 0.005 else f"{least:.2f} to {most:.2f}"
    return f"The {len(values[0])} kept directions hold {share} of a part's variance."


def _of_alignment(found: Mapping[str, Any]) -> str:
    parts = float(np.mean(list(found["parts"].values())))
    random, spread = found["random"]["mean"], found["random"]["spread"]
    more = "more" if parts > random + 2 * spread else "no more"
    return (
        f"The head's direction lies {more} in the parts' subspaces than in random ones"
        f" ({parts:.3f} and {random:.3f})."
    )


def _of_own_shares(shares: Mapping[str, Sequence[float]]) -> str:
    leading = float(np.mean([curve[0] for curve in shares.values()]))
    return (
        f"Along a part's leading direction, {leading:.2f} of the variance is the part's own"
        f" ({1 / len(shares):.2f} if it were shared equally)."
    )
