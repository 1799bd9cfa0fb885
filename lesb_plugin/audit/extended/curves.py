"""Deletion and insertion: how the score changes as pixels are replaced, the highest-ranked
first.

After Petsiuk et al., "RISE" (2018). Replacement pixels come from the pristine source, which is
evidence of nothing, or from the blurred face; never grey, which would itself be a forgery.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.faces import AuditFace
from lesb_plugin.audit.extended.study import Image, Map, Study
from lesb_plugin.audit.measures.controls import ORACLE, OWN, centre_map
from lesb_plugin.audit.rows.compared import mean_row, unmeasured
from lesb_plugin.audit.rows.map_rows import enlarged
from lesb_plugin.audit.rows.row import Aim, Row
from lesb_plugin.explainers.maps import build_cam
from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.explainers.perturbation import blurred
from registry import ConfigError

__all__ = ["curve_area", "curve_rows", "exchanged", "ranked"]

Array = NDArray[np.float64]
Order = NDArray[np.int64]

STEPS = 10  # tenths of the pixels
_GRID = (7, 7)  # of a random map beside part scores, which have no resolution
_GRADCAM = "gradcam"
_BASELINES = {
    "pristine": "pristine pixels",
    "blur": "blurred pixels",
}
_TITLES = {
    "deletion": "mean drop as {} replace the highest-ranked",
    "insertion": "mean rise as the highest-ranked replace {}",
}


def ranked(heat: Map, rng: np.random.Generator) -> Order:
    """Return indices of the pixels (H W,), the highest first; ties are in random order."""
    return np.lexsort((rng.random(heat.size), -heat.ravel()))


def exchanged(image: Image, other: Image, order: Order) -> Image:
    """Return (STEPS + 1, H, W, 3): the image with 0, 1/STEPS, ... and finally all pixels of the
    other.
    """
    out = np.repeat(image[None], STEPS + 1, axis=0)
    flat, source = out.reshape(STEPS + 1, -1, 3), other.reshape(-1, 3)
    for step in range(1, STEPS + 1):
        first = order[: round(len(order) * step / STEPS)]
        flat[step, first] = source[first]
    return out


def curve_area(scores: Array) -> Array:
    """Return area under curves (..., STEPS + 1) over the share of pixels exchanged, trapezoids;
    [0, 1].
    """
    return np.asarray((scores[..., 1:] + scores[..., :-1]).mean(axis=-1) / 2.0, np.float64)


def curve_rows(study: Study) -> list[Row]:
    """Deletion and insertion with both baselines; in units of the score, higher is better.

    Deletion: s(x) less the area under the deletion curve, the mean fall of the score of fake;
    insertion: the area under the insertion curve less s(baseline), its mean rise. Range [-1, 1]; an
    order that knows nothing gets what `random` gets. Controls are a random map of the explanation's
    resolution, GradCAM where the detector has gradients, the centre, and the changed pixels first.
    """
    values: dict[str, dict[str, Array]] = {}
    for row, by_key in _of_faces(study).items():
        for key, found in by_key.items():
            columns = values.setdefault(key, {})
            for who, value in found.items():
                columns.setdefault(who, study.column())[row] = value
    return [
        _row(study, kind, baseline, values.get(f"curves.{kind}_{baseline}"))
        for kind in _TITLES
        for baseline in _BASELINES
    ]


def _of_faces(study: Study) -> dict[int, dict[str, dict[str, float]]]:
    """Measure mean falls and rises by row of a face, by key and by who ranks the pixels."""
    heats = _gradcam(study)
    rng = study.rng("curves")
    turns = iter(study.fakes.tolist())  # one generator draws for all faces, in this order

    def drawn(row: int, face: AuditFace) -> dict[str, Order]:
        orders = {who: ranked(heat, rng) for who, heat in _heats(study, row, face, rng)}
        return orders | ({_GRADCAM: ranked(heats[row], rng)} if row in heats else {})

    def areas(row: int, face: AuditFace) -> dict[str, dict[str, float]]:
        while (turn := next(turns)) != row:
            drawn(turn, study.found.faces[turn])  # of another rank
        orders = drawn(row, face)
        return {
            f"curves.{key}_{baseline}": found
            for baseline, other in _baselines(face).items()
            for key, found in _areas(study, face, other, orders).items()
        }

    return study.each_fake(areas, "deletion and insertion")


def _row(study: Study, kind: str, baseline: str, values: Mapping[str, Array] | None) -> Row:
    key, title = f"curves.{kind}_{baseline}", _TITLES[kind].format(_BASELINES[baseline])
    if values is None:
        return unmeasured(key, title, "no fake has a known source")
    return mean_row(key, title, Aim("beats random map", above="random map"), values, study.draws)


def _areas(
    study: Study, face: AuditFace, other: Image, orders: Mapping[str, Order]
) -> dict[str, dict[str, float]]:
    """Return mean fall and rise for each ranking of the pixels, all scored together."""
    image = face.crop.image
    series = [
        exchanged(*pair, order)[1:-1]
        for order in orders.values()
        for pair in ((image, other), (other, image))
    ]
    ends = study.subject.of_images(face.crop, np.stack([image, other]))
    inner = study.subject.of_images(face.crop, np.concatenate(series))
    inner = inner.reshape(len(orders), 2, STEPS - 1)
    start = np.broadcast_to(ends, (len(orders), 2))[..., None]
    area = curve_area(np.concatenate([start, inner, start[:, ::-1]], axis=2))  # (orders, 2)
    return {
        "deletion": dict(zip(orders, ends[0] - area[:, 0], strict=True)),
        "insertion": dict(zip(orders, area[:, 1] - ends[1], strict=True)),
    }


def _baselines(face: AuditFace) -> dict[str, Image]:
    found = {"blur": blurred(face.crop)}
    return found if face.source is None else {"pristine": face.source.image, **found}


def _heats(
    study: Study, row: int, face: AuditFace, rng: np.random.Generator
) -> Iterator[tuple[str, Map]]:
    """Yield the rankings of a face's pixels, (S, S) each."""
    size, maps = face.parts.shape[1], study.found.reading.maps
    grid = _GRID if maps is None else maps.shape[1:]
    changed = face.parts[study.found.truth[row]].any(axis=0) if face.mask is None else face.mask
    yield OWN, study.heat(row)
    yield "random map", enlarged(rng.random(grid, np.float32), size)
    yield "centre", centre_map(size)
    yield ORACLE, changed.astype(np.float32)


def _gradcam(study: Study) -> dict[int, Map]:
    """Return maps (S, S) by row; none for a detector that torch cannot differentiate."""
    try:
        explain = build_cam(study.subject.inputs.detector, ExplainOptions(method="gradcam"))
        maps = study.read(explain, study.fakes, _GRADCAM).maps
    except ConfigError:
        return {}
    if maps is None:
        return {}
    size = study.found.faces[0].parts.shape[1]
    return {int(row): enlarged(heat, size) for row, heat in zip(study.fakes, maps, strict=True)}
