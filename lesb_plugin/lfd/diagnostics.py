"""Is "local" meaningful? Overlap and leakage between parts, against random subspaces."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from lesb_plugin.lfd.subspace import Scatter

__all__ = [
    "alignment",
    "captured",
    "diagnose",
    "overlap",
    "principal_angles",
    "random_subspace",
    "tables",
]

Matrix = NDArray[np.float64]
Table = tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]
RANDOM_DRAWS = 3


def random_subspace(dim: int, rank: int, rng: np.random.Generator) -> Matrix:
    """Return an orthonormal basis (d, r), uniform over all r-dimensional subspaces."""
    basis: Matrix = np.linalg.qr(rng.standard_normal((dim, rank)))[0]
    return basis


def principal_angles(one: Matrix, other: Matrix) -> Matrix:
    """Return angles between two subspaces in degrees, (r,), ascending."""
    angles: Matrix = np.rad2deg(scipy.linalg.subspace_angles(one, other))[::-1]
    return angles


def overlap(one: Matrix, other: Matrix) -> float:
    """Return mean squared cosine of the principal angles: 1 if equal, about r/d if random."""
    return float(np.square(one.T @ other).sum() / min(one.shape[1], other.shape[1]))


def captured(within: Matrix, basis: Matrix) -> float:
    """Return share of a scatter's variance that lies in a subspace: tr(V^T S V) / tr(S)."""
    return float(np.einsum("dr,dr->", basis, within @ basis) / np.trace(within))


def alignment(bases: Mapping[str, Matrix], direction: Matrix, seed: int) -> dict[str, Any]:
    """Return |V_k^T w| / |w| per part for a head's direction w (d,), and the same for random
    subspaces.
    """
    unit = direction / np.linalg.norm(direction)
    dim, rank = next(iter(bases.values())).shape
    return {
        "parts": {part: float(np.linalg.norm(basis.T @ unit)) for part, basis in bases.items()},
        "random": _spread([float(np.linalg.norm(r.T @ unit)) for r in _random(dim, rank, seed)]),
    }


def diagnose(
    scatters: Mapping[str, Scatter],
    bases: Mapping[str, NDArray[np.floating[Any]]],
    head_direction: Matrix | None,
    seed: int,
) -> dict[str, Any]:
    """Compute all diagnostics of a fitted LFD, as plain data for JSON.

    `angles` (degrees) and `overlap` by pair of parts; `leakage[j][k]`, the share of part j's
    variance in part k's subspace; `explained[j]`, the cumulative share of its own leading
    directions, 1 to r; `alignment` with the head (None where it has no direction); `random`, the
    control: mean and spread over subspaces of the same rank drawn with three seeds.
    """
    within = {part: scatter.within for part, scatter in scatters.items()}
    exact = {part: basis.astype(np.float64) for part, basis in bases.items()}
    dim, rank = next(iter(exact.values())).shape
    controls = _random(dim, rank, seed)
    pairs = list(itertools.combinations(exact, 2))
    return {
        "dim": dim,
        "rank": rank,
        "angles": {
            f"{a}/{b}": principal_angles(exact[a], exact[b]).round(3).tolist() for a, b in pairs
        },
        "overlap": {f"{a}/{b}": overlap(exact[a], exact[b]) for a, b in pairs},
        "leakage": {
            j: {k: captured(matrix, basis) for k, basis in exact.items()}
            for j, matrix in within.items()
        },
        "explained": {part: _explained(within[part], exact[part]) for part in exact},
        "alignment": None if head_direction is None else alignment(exact, head_direction, seed),
        "random": {
            "draws": RANDOM_DRAWS,
            "overlap": _spread([overlap(a, b) for a, b in itertools.combinations(controls, 2)]),
            "captured": {
                part: _spread([captured(matrix, control) for control in controls])
                for part, matrix in within.items()
            },
        },
    }


def _random(dim: int, rank: int, seed: int) -> list[Matrix]:
    return [
        random_subspace(dim, rank, np.random.default_rng([seed, draw]))
        for draw in range(RANDOM_DRAWS)
    ]


def _spread(values: Sequence[float]) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "spread": float(np.std(values, ddof=1))}


def _explained(within: Matrix, basis: Matrix) -> list[float]:
    shares = np.einsum("dr,dr->r", basis, within @ basis) / np.trace(within)
    curve: list[float] = shares.cumsum().round(6).tolist()
    return curve


# --- for people ------------------------------------------------------------------------------


def tables(diagnostics: Mapping[str, Any]) -> tuple[Table, ...]:
    """Return the diagnostics as (title, header, rows), ready to print."""
    found = [
        _overlap_table(diagnostics),
        _leakage_table(diagnostics),
        _explained_table(diagnostics),
    ]
    if diagnostics["alignment"] is not None:
        found.append(_alignment_table(diagnostics["alignment"]))
    if "own_share" in diagnostics:
        found.append(_own_table(diagnostics["own_share"]))
    return tuple(table for table in found if table[2])


def _overlap_table(diagnostics: Mapping[str, Any]) -> Table:
    rows = []
    for pair, angles in diagnostics["angles"].items():
        quartiles = (f"{np.quantile(angles, q):.1f}" for q in (0.0, 0.5, 1.0))
        rows.append((pair, *quartiles, f"{diagnostics['overlap'][pair]:.3f}"))
    if rows:
        rows.append(("random", "", "", "", _text(diagnostics["random"]["overlap"])))
    header = ("parts", "smallest angle", "median", "largest", "overlap")
    return "LFD: principal angles between parts (degrees)", header, tuple(rows)


def _leakage_table(diagnostics: Mapping[str, Any]) -> Table:
    leakage = diagnostics["leakage"]
    rows = [
        (
            part,
            *(f"{share:.3f}" for share in shares.values()),
            _text(diagnostics["random"]["captured"][part]),
        )
        for part, shares in leakage.items()
    ]
    header = ("variance of", *(f"in {part}" for part in leakage), "in random")
    return "LFD: leakage, share of a part's variance in each subspace", header, tuple(rows)


def _explained_table(diagnostics: Mapping[str, Any]) -> Table:
    return _curves_table("LFD: explained variance by rank", diagnostics["explained"])


def _own_table(shares: Mapping[str, Sequence[float]]) -> Table:
    """`shares[part]` as `lesb_plugin.gep.subspace` computes them."""
    alike = 1.0 / len(shares)
    return _curves_table(f"LFD: own share by direction ({alike:.3f}: shared, 1: own)", shares)


def _curves_table(title: str, curves: Mapping[str, Sequence[float]]) -> Table:
    """Return a row per part, its curve (r,) at the powers of 2 and at r."""
    rank = len(next(iter(curves.values())))
    ranks = [r for r in (1, 2, 4, 8, 16, 32, 64, 128, 256) if r < rank] + [rank]
    rows = [(part, *(f"{curve[r - 1]:.3f}" for r in ranks)) for part, curve in curves.items()]
    return title, ("part", *(str(r) for r in ranks)), tuple(rows)


def _alignment_table(found: Mapping[str, Any]) -> Table:
    rows = [(part, f"{value:.3f}") for part, value in found["parts"].items()]
    rows.append(("random", _text(found["random"])))
    return "LFD: alignment with the head's direction", ("part", "|V^T w| / |w|"), tuple(rows)


def _text(value: Mapping[str, float]) -> str:
    return f"{value['mean']:.3f} ± {value['spread']:.3f}"
