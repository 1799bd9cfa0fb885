"""The three figures: maps of every head, faces by outcome, fakes by data set or manipulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.explain.figure.choice import (
    By,
    Outcome,
    by_group,
    by_outcome,
    spread,
    strongest,
)
from lesb_plugin.explain.figure.sheet import Bar, Row, Sheet, Tile
from lesb_plugin.explain.masks import NoPartsError
from lesb_plugin.explain.overlay import Style, colour_bar, overlay, region_fill
from lesb_plugin.explain.polygons import part_polygons
from lesb_plugin.lfd.regions import RegionSet
from registry import ConfigError, Crop, DataError, Explanation, FinishedRun, ScoredFace, progress

__all__ = ["datasets_sheet", "outcomes_sheet", "parts_sheet"]

_FACE = "face"  # the target that is the whole face; it comes last, as in Figure 5
_TITLES: Mapping[Outcome, tuple[str, str]] = {
    "TP": ("true positives", "fake, called fake"),
    "FN": ("false negatives", "fake, called real"),
    "TN": ("true negatives", "real, called real"),
    "FP": ("false positives", "real, called fake"),
}


def parts_sheet(
    run: FinishedRun,
    *,
    count: int,
    style: Style,
    explainer: str = "cam",
    options: Mapping[str, Any] | None = None,
    limit: float | None = None,
    quiet: bool = False,
) -> Sheet:
    """Figure 5: the photo and the map of every part's head and of the face, on one scale."""
    fakes = any(face.label for face in run.faces)
    shown = [face for face in run.faces if face.label or not fakes]
    chosen = strongest(sorted(shown, key=lambda face: -face.score), count)
    crops = _crops(run, chosen, quiet=quiet)
    found = run.explainer(explainer, options or {})(list(crops.values()))
    names = _targets(found, explainer)
    scale = limit or max(float(np.abs(heat).max()) for each in found for heat in each.maps.values())
    rows = []
    for (face, crop), each in zip(crops.items(), found, strict=True):
        tiles = [_mapped(crop.image, each.maps.get(name), scale, style) for name in names]
        rows.append(Row(_label(face, run.name), (Tile(crop.image), *tiles)))
    ends = (f"-{scale:.3g}, real", f"{scale:.3g}, fake")
    bar = Bar(colour_bar(style, signed=True), *ends, "value of the map")
    note = (
        f"{explainer} of the logits of {run.name}'s heads, signed, on one scale for all maps:"
        " what has no colour says nothing. The faces are the highest-scored"
        f" {'fakes' if fakes else 'reals, for the run has no fakes'}, one of a video."
        + "".join(f" {text}" for text in dict.fromkeys(each.note for each in found if each.note))
    )
    return Sheet(tuple(rows), bar, note, ("Photo", *(name.capitalize() for name in names)))


def outcomes_sheet(
    run: FinishedRun,
    regions: RegionSet,
    *,
    count: int,
    style: Style,
    threshold: float = 0.5,
    quiet: bool = False,
) -> Sheet:
    """Figure 6: the most confident faces of every outcome, their parts in the scores' colours."""
    _check_parts(run, regions)
    outcomes = by_outcome(run.faces, threshold)
    chosen = {outcome: strongest(each, count) for outcome, each in outcomes.items()}
    filled = _filled(
        run, regions, [face for each in chosen.values() for face in each], style, quiet
    )
    rows = []
    for outcome, faces in chosen.items():
        title, meaning = _TITLES[outcome]
        number = len(outcomes[outcome])
        rows.append(
            Row(
                f"{outcome}: {title}\n{meaning}\n{number:,} face{'s' * (number != 1)}",
                tuple(filled[face] for face in faces),
                f"none: {_nobody(run, outcome, threshold)}",
            )
        )
    note = (
        f"Parts in the colour of their scores by {run.name}; a face is called fake from a score of"
        f" {threshold:g} on. Of every outcome the faces furthest from that, one of a video."
    )
    return Sheet(tuple(rows), _part_bar(style), note)


def datasets_sheet(
    run: FinishedRun,
    regions: RegionSet,
    *,
    count: int,
    style: Style,
    by: By = "method",
    quiet: bool = False,
) -> Sheet:
    """Figure 7: a row of fakes for every manipulation or data set, of all heights of the score."""
    _check_parts(run, regions)
    groups = by_group(run.faces, by)
    if not groups:
        raise DataError(
            f"the run in {run.folder} has no fake with a score, and the figure shows fakes"
        )
    chosen = {key: spread(each, count) for key, each in groups.items()}
    filled = _filled(
        run, regions, [face for each in chosen.values() for face in each], style, quiet
    )
    several = len({dataset for dataset, _ in groups}) > 1
    rows = []
    for (dataset, method), faces in chosen.items():
        every = groups[dataset, method]
        means = {part: float(np.mean([face.parts[part] for face in every])) for part in run.parts}
        name = "\n".join(filter(None, (dataset if several or not method else "", method)))
        label = f"{name}\n{len(every):,} faces\nmean {_parts_text(means)}"
        rows.append(Row(label, tuple(filled[face] for face in faces)))
    note = (
        f"Fakes, parts in the colour of their scores by {run.name}. Of every row, evenly spread"
        " over the ranks of the score, highest left, one of a video; means are over all its faces."
    )
    return Sheet(tuple(rows), _part_bar(style), note)


# --- what they share ---------------------------------------------------------------------------


def _check_parts(run: FinishedRun, regions: RegionSet) -> None:
    if not run.faces:
        raise DataError(f"the run in {run.folder} has no face with a score; nothing can be shown")
    if not run.parts:
        raise ConfigError(
            f"the run in {run.folder} has no scores of parts to colour: detector {run.name!r} gives"
            " none; evaluate one that does, such as lesb or lesb_roi"
        )
    unknown = [part for part in run.parts if part not in regions.names]
    if unknown:
        raise ConfigError(
            f"the run scores the part {unknown[0]!r}, and the regions have only"
            f" {', '.join(regions.names)}; name the file that it was fitted with by --regions"
        )


def _crops(run: FinishedRun, faces: Sequence[ScoredFace], *, quiet: bool) -> dict[ScoredFace, Crop]:
    if not faces:
        raise DataError(f"the run in {run.folder} has no face with a score; nothing can be shown")
    return {
        face: run.crop(face) for face in progress(faces, "reading faces", unit="face", quiet=quiet)
    }


def _filled(
    run: FinishedRun, regions: RegionSet, faces: Sequence[ScoredFace], style: Style, quiet: bool
) -> dict[ScoredFace, Tile]:
    """The tile of every face: its parts filled, its scores under it."""
    found = {}
    for face, crop in _crops(run, faces, quiet=quiet).items():
        try:
            polygons = part_polygons(crop, regions)
        except NoPartsError as error:
            raise DataError(f"{face.path}: {error}") from error
        image = region_fill(crop.image, polygons, face.parts, style)
        caption = f"score {face.score:.2f}\n{_parts_text(face.parts)}"
        found[face] = Tile(image, caption)
    return found


def _mapped(
    image: NDArray[np.uint8], heat: NDArray[np.float32] | None, scale: float, style: Style
) -> Tile:
    if heat is None:
        return Tile(image, "no map")
    return Tile(overlay(image, heat, limit=scale, style=style))


def _targets(found: Sequence[Explanation], explainer: str) -> list[str]:
    names = list(dict.fromkeys(name for each in found for name in each.maps))
    if not names:
        why = "; ".join(dict.fromkeys(each.note for each in found if each.note))
        raise ConfigError(
            f"explainer {explainer!r} gives no maps{f' ({why})' if why else ''};"
            " cam, occlusion_grid and rollout do"
        )
    return sorted(names, key=lambda name: name == _FACE)


def _label(face: ScoredFace, detector: str) -> str:
    kind = f"fake, {face.method}" if face.method else ("fake" if face.label else "real")
    return f"{kind}\n{detector} {face.score:.2f}\n{face.dataset}/{face.video}"


def _parts_text(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in parts.items())


def _nobody(run: FinishedRun, outcome: Outcome, threshold: float) -> str:
    kind = "fake" if outcome in {"TP", "FN"} else "real"
    if not any(bool(face.label) == (kind == "fake") for face in run.faces):
        return f"the run has no {kind} face"
    side = f"{threshold:g} or more" if outcome in {"TP", "FP"} else f"less than {threshold:g}"
    return f"no {kind} face scores {side}"


def _part_bar(style: Style) -> Bar:
    return Bar(colour_bar(style), "0 real", "1 fake", "score of the part")
