"""The three figures: maps of every head, faces by outcome, fakes by data set or manipulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.drawing.overlay import Style, colour_bar, overlay, region_fill
from lesb_plugin.explainers.masks import NoPartsError
from lesb_plugin.explainers.polygons import part_polygons
from lesb_plugin.figure.face_choice import (
    By,
    Outcome,
    by_group,
    by_outcome,
    spread,
    strongest,
)
from lesb_plugin.figure.sheet import Bar, Sheet, SheetRow, Tile
from lesb_plugin.lfd.regions import RegionSet
from registry import (
    ConfigError,
    Crop,
    DataError,
    Explanation,
    FinishedRun,
    ScoredFace,
    progress,
    traits_of,
)

__all__ = ["Scale", "datasets_sheet", "outcomes_sheet", "parts_sheet"]

Scale: TypeAlias = Literal["all", "head"]

_FACE = "face"  # the target that is the whole face
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
    explainer: str | None = None,
    options: Mapping[str, Any] | None = None,
    scale: Scale = "all",
    limit: float | None = None,
    quiet: bool = False,
) -> Sheet:
    """Lay out Figure 5: the photo and the map of every part's head and of the face.

    Maps are those of `explainer`, by default of the detector's own.
    The ends of the colour scale are `limit`, or the largest value of all maps, or of the head's own
    maps with scale "head".
    """
    fakes = any(face.label for face in run.faces)
    candidates = [face for face in run.faces if face.label or not fakes]
    chosen = strongest(sorted(candidates, key=lambda face: -face.score), count)
    crops = _crops(run, chosen, quiet=quiet)
    explainer = explainer or traits_of(run.detector).explained_by
    found = run.explainer(explainer, options or {})(list(crops.values()))
    largest = _largest(found, explainer)
    limits = {name: limit or max(largest.values()) for name in largest}
    if scale == "head" and limit is None:
        limits = largest
    rows = tuple(
        SheetRow(
            _label(face, run.name),
            (
                Tile(crop.image, aspect=run.aspect(crop)),
                *(
                    _mapped(crop, run.aspect(crop), each.maps.get(name), limits[name], style)
                    for name in limits
                ),
            ),
        )
        for (face, crop), each in zip(crops.items(), found, strict=True)
    )
    kind = "fakes" if fakes else "reals, as no fake has a score"
    note = " ".join(
        (
            (
                f"{explainer} of the logits of {run.name}'s heads, signed: where there is no"
                " colour there is no evidence."
            ),
            f"The faces are the highest-scored {kind}, one per video. Largest value by head:",
            ", ".join(f"{name} {top:.3g}" for name, top in largest.items()) + ".",
            *dict.fromkeys(each.note for each in found if each.note),
            run.part_words,
        )
    ).rstrip()
    columns = ("Photo", *(name.capitalize() for name in limits))
    return Sheet(rows, _map_bar(style, limits), note, columns)


def outcomes_sheet(
    run: FinishedRun,
    regions: RegionSet,
    *,
    count: int,
    style: Style,
    threshold: float = 0.5,
    quiet: bool = False,
) -> Sheet:
    """Lay out Figure 6: the most confident faces of every outcome, parts in their scores'
    colours.
    """
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
            SheetRow(
                f"{outcome}: {title}\n{meaning}\n{number:,} face{'s' * (number != 1)}",
                tuple(filled[face] for face in faces),
                f"none: {_nobody(run, outcome, threshold)}",
            )
        )
    note = (
        f"Parts are coloured by their scores from {run.name}; a face is called fake from a"
        f" score of {threshold:g}. Each outcome shows the faces furthest from that, one"
        " per video."
    )
    return Sheet(tuple(rows), _part_bar(style), f"{note} {run.part_words}".rstrip())


def datasets_sheet(
    run: FinishedRun,
    regions: RegionSet,
    *,
    count: int,
    style: Style,
    by: By = "method",
    quiet: bool = False,
) -> Sheet:
    """Lay out Figure 7: a row of fakes for every manipulation or data set, over the range of
    scores.
    """
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
        rows.append(SheetRow(label, tuple(filled[face] for face in faces)))
    note = (
        f"Fakes, with parts coloured by their scores from {run.name}. Each row is spread"
        " evenly over the ranks of the score, highest left, one face per video; means are"
        " over all faces of the row."
    )
    return Sheet(tuple(rows), _part_bar(style), f"{note} {run.part_words}".rstrip())


# --- what they share ---------------------------------------------------------------------------


def _check_parts(run: FinishedRun, regions: RegionSet) -> None:
    if not run.faces:
        raise DataError(
            f"the run in {run.folder} has no face with a score; there is nothing to draw"
        )
    if not run.parts:
        raise ConfigError(
            f"the run in {run.folder} has no part scores to colour: detector {run.name!r}"
            " gives none; evaluate one that does, such as lesb or lesb_roi"
        )
    unknown = [part for part in run.parts if part not in regions.names]
    if unknown:
        raise ConfigError(
            f"the run scores the part {unknown[0]!r}, and the regions have only"
            f" {', '.join(regions.names)}; name the file that it was fitted with by"
            " --regions"
        )


def _crops(run: FinishedRun, faces: Sequence[ScoredFace], *, quiet: bool) -> dict[ScoredFace, Crop]:
    if not faces:
        raise DataError(
            f"the run in {run.folder} has no face with a score; there is nothing to draw"
        )
    return {
        face: run.crop(face) for face in progress(faces, "reading faces", unit="face", quiet=quiet)
    }


def _filled(
    run: FinishedRun, regions: RegionSet, faces: Sequence[ScoredFace], style: Style, quiet: bool
) -> dict[ScoredFace, Tile]:
    """Return the tile of every face: its parts filled, its scores under it."""
    found = {}
    for face, crop in _crops(run, faces, quiet=quiet).items():
        try:
            polygons = part_polygons(crop, regions)
        except NoPartsError as error:
            raise DataError(f"{face.path}: {error}") from error
        image = region_fill(crop.image, polygons, face.parts, style)
        caption = f"score {face.score:.2f}\n{_parts_text(face.parts)}"
        found[face] = Tile(image, caption, run.aspect(crop))
    return found


def _mapped(
    crop: Crop, aspect: float, heat: NDArray[np.float32] | None, scale: float, style: Style
) -> Tile:
    if heat is None:
        return Tile(crop.image, "no map", aspect)
    return Tile(overlay(crop.image, heat, limit=scale, style=style), aspect=aspect)


def _largest(found: Sequence[Explanation], explainer: str) -> dict[str, float]:
    """Return the largest magnitude in the maps of every target, the face's last as in Figure 5."""
    largest: dict[str, float] = {}
    for each in found:
        for name, heat in each.maps.items():
            largest[name] = max(largest.get(name, 0.0), float(np.abs(heat).max()))
    if not largest:
        why = "; ".join(dict.fromkeys(each.note for each in found if each.note))
        raise ConfigError(
            f"explainer {explainer!r} gives no maps{f' ({why})' if why else ''};"
            " cam, occlusion_grid and rollout do"
        )
    return dict(sorted(largest.items(), key=lambda item: item[0] == _FACE))


def _label(face: ScoredFace, detector: str) -> str:
    kind = f"fake, {face.method}" if face.method else ("fake" if face.label else "real")
    return f"{kind}\n{detector} {face.score:.2f}\n{face.dataset}/{face.video}"


def _parts_text(parts: Mapping[str, float]) -> str:
    return ", ".join(f"{name}\u00a0{value:.2f}" for name, value in parts.items())


def _nobody(run: FinishedRun, outcome: Outcome, threshold: float) -> str:
    kind = "fake" if outcome in {"TP", "FN"} else "real"
    if not any(bool(face.label) == (kind == "fake") for face in run.faces):
        return f"the run has no {kind} face"
    side = f"{threshold:g} or more" if outcome in {"TP", "FP"} else f"less than {threshold:g}"
    return f"no {kind} face scores {side}"


def _map_bar(style: Style, limits: Mapping[str, float]) -> Bar:
    ends = {f"{each:.3g}" for each in limits.values()}
    end = ends.pop() if len(ends) == 1 else "largest for the head"
    return Bar(colour_bar(style, signed=True), f"-{end}, real", f"{end}, fake", "value of the map")


def _part_bar(style: Style) -> Bar:
    return Bar(colour_bar(style), "0 real", "1 fake", "score of the part")
