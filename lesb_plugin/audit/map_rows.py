"""The rows about maps: do they lie on what was changed, and move with the image?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit import localisation
from lesb_plugin.audit.collect import Collected
from lesb_plugin.audit.compared import mean_row
from lesb_plugin.audit.controls import OWN, centre_map, commonest, map_controls
from lesb_plugin.audit.equivariance import MOVES, border_share, in_corner, same_map
from lesb_plugin.audit.intervals import Draws
from lesb_plugin.audit.row import Aim, Row, at_least, at_most

__all__ = ["enlarged", "map_rows"]

Array = NDArray[np.float64]
Map = NDArray[np.float32]
_ABOVE = Aim("beats constant part", above="constant part")
_LOCALISATION: tuple[tuple[str, str, Callable[[Map, NDArray[np.bool_]], float], Aim], ...] = (
    ("rank", "relevance rank in the mask", localisation.relevance_rank, at_least(0.6)),
    ("mass", "relevance mass in the mask", localisation.relevance_mass, _ABOVE),
    ("concentration", "mass over the mask's area", localisation.concentration, _ABOVE),
    ("pointing", "pointing game", localisation.pointing, _ABOVE),
)


def map_rows(
    found: Collected, wanted: Callable[[str], bool], draws: Draws, rng: np.random.Generator
) -> list[Row]:
    """Rows of the keys that are `wanted`; none for an explanation without maps."""
    maps = found.reading.maps
    if maps is None:
        return []
    rows = [*_localised(found, maps, draws, rng)] if wanted("localisation") else []
    if wanted("equivariance"):
        rows += _moving(found, maps, draws, rng)
    if wanted("outside"):
        rows += _outside(found, maps, draws)
    return [row for row in rows if row.n]


def enlarged(heat: Map, size: int) -> Map:
    """A map (h, w) in the pixels of its crop, (S, S)."""
    return np.asarray(cv2.resize(heat, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)


def _localised(
    found: Collected, maps: Map, draws: Draws, rng: np.random.Generator
) -> Iterator[Row]:
    named = commonest(found.truth)
    values: dict[str, dict[str, Array]] = {key: {} for key, *_ in _LOCALISATION}
    for row, face in enumerate(found.faces):
        if face.mask is None or not found.known[row]:
            continue
        heats = {OWN: enlarged(maps[row], len(face.mask))}
        heats |= map_controls(face.mask, face.parts[named], maps.shape[1:], rng)
        for key, _, measure, _ in _LOCALISATION:
            for who, heat in heats.items():
                column = values[key].setdefault(who, np.full(len(found.faces), np.nan))
                column[row] = measure(heat, face.mask)
    for key, title, _, aim in _LOCALISATION:
        if values[key]:
            yield mean_row(f"localisation.{key}", title, aim, values[key], draws)


def _moving(found: Collected, maps: Map, draws: Draws, rng: np.random.Generator) -> list[Row]:
    """Of each move and of all: the mean over faces."""
    size = found.faces[0].parts.shape[1]
    still = centre_map(size)
    by_move: dict[str, dict[str, Array]] = {}
    for name, moved in found.moved.items():
        columns = {who: np.full(len(found.faces), np.nan) for who in (OWN, "random", "centre")}
        for at, row in enumerate(found.moved_rows):
            noise = [enlarged(rng.random(maps.shape[1:], np.float32), size) for _ in range(2)]
            pairs = {
                OWN: (enlarged(maps[row], size), enlarged(moved[at], size)),
                "random": (noise[0], noise[1]),
                "centre": (still, still),
            }
            for who, (before, after) in pairs.items():
                columns[who][row] = same_map(before, after, MOVES[name])
        by_move[name] = columns
    if not by_move:
        return []
    whole = {
        who: np.mean([columns[who] for columns in by_move.values()], axis=0)
        for who in (OWN, "random", "centre")
    }
    title = "map moves with the image (Pearson)"
    rows = [mean_row("equivariance", title, at_least(0.8), whole, draws)]
    rows += [
        mean_row(f"equivariance.{name}", f"the same, {name}", Aim(), columns, draws)
        for name, columns in by_move.items()
    ]
    return rows


def _outside(found: Collected, maps: Map, draws: Draws) -> list[Row]:
    size = found.faces[0].parts.shape[1]
    mass = np.full((max(1, len(found.moved)), len(found.faces)), np.nan)
    corner = np.array([in_corner(heat) for heat in maps])
    for index, (name, moved) in enumerate(found.moved.items()):
        for at, row in enumerate(found.moved_rows):
            mass[index, row] = border_share(enlarged(moved[at], size), MOVES[name])
    adds_border = ~np.isnan(mass).all(axis=1)
    rows = []
    if adds_border.any():
        share = {OWN: mass[adds_border].mean(axis=0)}
        title = "mass on the border a move adds, over its area"
        rows.append(mean_row("outside.mass", title, at_most(0.1), share, draws, higher=False))
    title = "map has its maximum in a corner"
    rows.append(
        mean_row("outside.corner", title, at_most(0.02), {OWN: corner}, draws, higher=False)
    )
    return rows
