"""Compare with other explainers: what they say about the same faces and the same detector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.extended.naming_row import naming_row
from lesb_plugin.audit.extended.study import Map, Study
from lesb_plugin.audit.measures import localisation
from lesb_plugin.audit.measures.controls import CONSTANT, OWN, map_controls
from lesb_plugin.audit.measures.naming import standardised
from lesb_plugin.audit.rows.compared import mean_row, unmeasured
from lesb_plugin.audit.rows.digits import number
from lesb_plugin.audit.rows.map_rows import enlarged
from lesb_plugin.audit.rows.row import Aim, Row
from lesb_plugin.explainers.cam import METHODS
from lesb_plugin.explainers.maps import build_cam
from lesb_plugin.explainers.occlusion import build_occlusion
from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.explainers.rollout import build_rollout
from lesb_plugin.explainers.shapley import build_shapley
from lesb_plugin.explainers.tokens import transformer_blocks
from registry import ConfigError, Detector, DifferentiableDetector, Explain

__all__ = ["method_rows", "rivals"]

Array = NDArray[np.float64]
Build = Callable[[Detector, ExplainOptions], Explain]
_NO_GRADIENT = "torch cannot differentiate this detector's logits (registry.DifferentiableDetector)"


def method_rows(study: Study) -> list[Row]:
    """Return "right part first" for each method, and for maps their relevance rank in the mask.

    Part scores of a method with maps are the maps' means inside of the parts, as with --explainer;
    all are measured by what the method says of reals. Definitions: `naming_row`, and
    `localisation.relevance_rank`, both in [0, 1], higher is better. The column `explanation` is
    what is audited, on the same faces.
    """
    detector = study.subject.inputs.detector
    rows = [row for name, build in _methods(detector) for row in _rows(study, name, build)]
    if not isinstance(detector, DifferentiableDetector):
        rows.append(unmeasured("methods.cam", _title("CAM methods"), _NO_GRADIENT))
    return rows


def rivals(rows: Sequence[Row]) -> str:
    """Return a sentence on methods that name the right part as well as the explanation; "" if
    none.
    """
    named = [row for row in rows if row.key.startswith("methods.") and OWN in row.controls]
    named = [row for row in named if not row.key.endswith(".rank")]
    own = next((row.controls[OWN].value for row in named), None)
    better = [
        f"{row.key.removeprefix('methods.')} ({number(row.figure.value)})"
        for row in named
        if own is not None and row.figure.value is not None and row.figure.value >= own
    ]
    if not better:
        return ""
    return (
        f"The explanation ({number(own)} on {named[0].n} fakes) names the right part no"
        f" better than {', '.join(better)}."
    )


def _methods(detector: Detector) -> Iterator[tuple[str, Build]]:
    if isinstance(detector, DifferentiableDetector):
        for name in METHODS:
            yield name, _cam(name)
        if transformer_blocks(detector.embedder.backbone):
            yield "rollout", build_rollout
    yield "occlusion", build_occlusion
    yield "shapley", build_shapley


def _cam(method: str) -> Build:
    def build(detector: Detector, options: ExplainOptions) -> Explain:
        chosen = ExplainOptions(method=method, regions=options.regions)  # type: ignore[arg-type]
        return build_cam(detector, chosen)

    return build


def _title(name: str) -> str:
    return f"right part first, {name}"


def _rows(study: Study, name: str, build: Build) -> Iterator[Row]:
    key = f"methods.{name}"
    rows = np.concatenate([study.fakes, study.reals])
    try:
        options = ExplainOptions(regions=study.config.regions)
        explain = build(study.subject.inputs.detector, options)
        reading = study.read(explain, rows, name)
    except ConfigError as error:
        yield unmeasured(key, _title(name), str(error))
        return
    if reading.parts is None:
        yield unmeasured(key, _title(name), "it gives nothing for these faces")
    else:
        z = standardised(reading.parts, study.found.real[rows])
        yield naming_row(study, key, _title(name), rows, z)
    if reading.maps is not None:
        yield _rank(study, name, reading.maps[: len(study.fakes)])


def _rank(study: Study, name: str, maps: Map) -> Row:
    key, title = f"methods.{name}.rank", f"relevance rank in the mask, {name}"
    values: dict[str, Array] = {}
    rng = study.rng(key)
    for row, heat in zip(study.fakes, maps, strict=True):
        face = study.found.faces[row]
        if face.mask is None:
            continue
        size = len(face.mask)
        part = face.parts[study.found.truth.sum(axis=0).argmax()]
        noise = enlarged(rng.random(maps.shape[1:], np.float32), size)
        heats = {OWN: enlarged(heat, size)} | map_controls(face.mask, part, noise)
        for who, each in heats.items():
            column = values.setdefault(who, study.column())
            column[row] = localisation.relevance_rank(each, face.mask)
    if not values:
        return unmeasured(key, title, "no fake has a mask of the changed pixels")
    return mean_row(key, title, Aim(f"beats {CONSTANT}", above=CONSTANT), values, study.draws)
