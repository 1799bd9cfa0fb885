"""The rows about maps: do they lie on the changed pixels, and move with the image?

For an explanation without maps the part scores are used, painted into their parts where a row
needs pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.collect import Collected
from lesb_plugin.audit.evidence.painted import painted
from lesb_plugin.audit.measures import localisation
from lesb_plugin.audit.measures.agreement import alike, pearson
from lesb_plugin.audit.measures.controls import OWN, centre_map, commonest, map_controls
from lesb_plugin.audit.measures.equivariance import MOVES, border_share, in_corner, same_map
from lesb_plugin.audit.measures.intervals import Draws
from lesb_plugin.audit.measures.naming import on_scale, standardised
from lesb_plugin.audit.rows.compared import mean_row, unmeasured
from lesb_plugin.audit.rows.row import Aim, Row, at_least, at_most, rarely

__all__ = ["enlarged", "map_rows"]

Array = NDArray[np.float64]
Map = NDArray[np.float32]
_ABOVE = Aim("beats constant part", above="constant part")
_LOCALISATION: tuple[tuple[str, str, Callable[[Map, NDArray[np.bool_]], float], Aim], ...] = (
    ("rank", "relevance rank in the mask", localisation.relevance_rank, at_least(0.6)),
    ("mass", "relevance mass in the mask", localisation.relevance_mass, _ABOVE),
    (
        "concentration",
        "mass in the mask over its share of area",
        localisation.concentration,
        _ABOVE,
    ),
    ("pointing", "pointing game", localisation.pointing, _ABOVE),
)
_NO_PLACE = unmeasured(
    "outside", "mass outside the face", "part scores lie in their parts, never on a border"
)


def map_rows(
    found: Collected, wanted: Callable[[str], bool], draws: Draws, rng: np.random.Generator
) -> list[Row]:
    """Return rows of the keys `wanted`; none for an explanation without maps and part scores."""
    maps, parts = found.reading.maps, found.reading.parts
    if maps is None and parts is None:
        return []
    rows = [*_localised(found, _heats(found, rng), draws)] if wanted("localisation") else []
    if wanted("equivariance"):
        rows += _moving(found, draws, rng)
    if wanted("outside"):
        rows += [_NO_PLACE] if maps is None else _outside(found, maps, draws)
    return rows


def enlarged(heat: Map, size: int) -> Map:
    """Return a map (h, w) in the pixels of its crop, (S, S)."""
    return np.asarray(cv2.resize(heat, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)


@dataclass(frozen=True, slots=True)
class _Heats:
    """Pixels (S, S) of an explanation, and of noise, by face."""

    own: Callable[[int], Map]
    noise: Callable[[int], Map]
    what: str = ""


def _heats(found: Collected, rng: np.random.Generator) -> _Heats:
    """Return maps, or part scores painted into their parts, and noise of the same resolution."""
    maps, parts = found.reading.maps, found.reading.parts
    masks = [face.parts for face in found.faces]
    if maps is not None:
        grid, size = maps.shape[1:], masks[0].shape[1]
        return _Heats(
            own=lambda row: enlarged(maps[row], size),
            noise=lambda _: enlarged(rng.random(grid, np.float32), size),
        )
    assert parts is not None  # noqa: S101 - an explanation has parts or maps
    z = standardised(parts, found.real)
    return _Heats(
        own=lambda row: painted(masks[row], z[row]),
        noise=lambda row: painted(masks[row], rng.standard_normal(z[row].shape)),
        what=", painted",
    )


def _localised(found: Collected, heat_of: _Heats, draws: Draws) -> Iterator[Row]:
    named = commonest(found.truth)
    values: dict[str, dict[str, Array]] = {key: {} for key, *_ in _LOCALISATION}
    for row, face in enumerate(found.faces):
        if face.mask is None or not found.known[row]:
            continue
        heats = {OWN: heat_of.own(row)}
        heats |= map_controls(face.mask, face.parts[named], heat_of.noise(row))
        for key, _, measure, _ in _LOCALISATION:
            for who, heat in heats.items():
                column = values[key].setdefault(who, np.full(len(found.faces), np.nan))
                column[row] = measure(heat, face.mask)
    for key, title, _, aim in _LOCALISATION:
        if values[key]:
            yield mean_row(f"localisation.{key}", title + heat_of.what, aim, values[key], draws)


def _moving(found: Collected, draws: Draws, rng: np.random.Generator) -> list[Row]:
    maps, parts = found.reading.maps, found.reading.parts
    if maps is not None:
        return _moving_maps(found, maps, draws, rng)
    return [] if parts is None else _moving_parts(found, parts, draws, rng)


def _moving_maps(found: Collected, maps: Map, draws: Draws, rng: np.random.Generator) -> list[Row]:
    """Average over faces, for each move and for all."""
    size = found.faces[0].parts.shape[1]
    still = centre_map(size)
    by_move: dict[str, dict[str, Array]] = {}
    for name, moved in _moved_maps(found):
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
    return _rows_of_moves(by_move, "map moves with the image (Pearson)", draws)


def _rows_of_moves(
    by_move: Mapping[str, Mapping[str, Array]], title: str, draws: Draws
) -> list[Row]:
    """Return one row for all moves and one for each, from values (n,) by explanation."""
    if not by_move:
        return []
    whole = {
        who: np.mean([columns[who] for columns in by_move.values()], axis=0)
        for who in next(iter(by_move.values()))
    }
    rows = [mean_row("equivariance", title, at_least(0.8), whole, draws)]
    rows += [
        mean_row(f"equivariance.{name}", f"the same, {name}", Aim(), columns, draws)
        for name, columns in by_move.items()
    ]
    return [row for row in rows if row.n]


def _moved_maps(found: Collected) -> list[tuple[str, Map]]:
    """Return maps (m, h, w) of the moved faces by move."""
    return [
        (name, reading.maps) for name, reading in found.moved.items() if reading.maps is not None
    ]


def _moving_parts(
    found: Collected, parts: Array, draws: Draws, rng: np.random.Generator
) -> list[Row]:
    """Compare the parts' scores of moved faces, for each move and for all; the mean over faces.

    Pearson correlation over the parts of a face, of their z in the image and their z in the moved
    image. Range [-1, 1], higher is better, 0 for scores that have nothing to do with each other and
    where the parts of one of the two are alike; 1 also for scores that are the same on every face,
    for it asks how steady they are and not whether they are right. A face does not count whose
    parts are alike in both, or of which a move takes a part out of the image.
    """
    title = "Pearson of part scores, image moved"
    rows = found.moved_rows
    z = standardised(parts, found.real)[rows]
    if z.shape[1] < 2:
        return [unmeasured("equivariance", title, "a correlation needs two parts or more")]
    by_move: dict[str, dict[str, Array]] = {}
    for name, reading in found.moved.items():
        columns = {who: np.full(len(found.faces), np.nan) for who in (OWN, "random")}
        scores = np.full(z.shape, np.nan) if reading.parts is None else reading.parts
        moved = np.where(np.isnan(scores), np.nan, on_scale(parts, scores, found.real))
        columns[OWN][rows] = np.where(alike(z) & alike(moved), np.nan, pearson(z, moved))
        columns["random"][rows] = pearson(*rng.standard_normal((2, *z.shape)))
        by_move[name] = columns
    silent = unmeasured("equivariance", title, "the scores are the same for all parts of a face")
    return _rows_of_moves(by_move, title, draws) or [silent]


def _outside(found: Collected, maps: Map, draws: Draws) -> list[Row]:
    size = found.faces[0].parts.shape[1]
    moves = _moved_maps(found)
    mass = np.full((max(1, len(moves)), len(found.faces)), np.nan)
    corner = np.array([in_corner(heat) for heat in maps])
    for index, (name, moved) in enumerate(moves):
        for at, row in enumerate(found.moved_rows):
            mass[index, row] = border_share(enlarged(moved[at], size), MOVES[name])
    adds_border = ~np.isnan(mass).all(axis=1)
    rows = []
    if adds_border.any():
        share = {OWN: mass[adds_border].mean(axis=0)}
        title = "border mass added by a shift, over the border's area"
        rows.append(mean_row("outside.mass", title, at_most(0.1), share, draws, higher=False))
    title = "map has its maximum in a corner"
    rows.append(mean_row("outside.corner", title, rarely(0.02), {OWN: corner}, draws, higher=False))
    return rows
