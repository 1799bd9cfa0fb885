"""Run the detector and the explainer over the faces and their changed copies, once each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.faces import AuditFace
from lesb_plugin.audit.evidence.subject import Reading, Subject
from lesb_plugin.audit.evidence.subspaces import RandomSubspaces
from lesb_plugin.audit.evidence.truth import wide_masks
from lesb_plugin.audit.measures.controls import EDGES, OWN, SUBSPACES, centre_map, part_edges
from lesb_plugin.audit.measures.equivariance import MOVES, move_image, move_points
from lesb_plugin.lfd.regions import RegionSet
from lesb_plugin.pseudo_fakes.distort import compress
from registry import Crop, DataError, Scores, this_rank

__all__ = ["PERTURBATIONS", "Collected", "collect", "spread"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Image = NDArray[np.uint8]

_STABILITY_FACES, _MOVED_FACES, _COST_FACES = 64, 32, 16


def _resized(image: Image, factor: float) -> Image:
    size = image.shape[0]
    side = round(size * factor)
    return np.asarray(cv2.resize(cv2.resize(image, (side, side)), (size, size)), np.uint8)


PERTURBATIONS: Mapping[str, Callable[[Image], Image]] = {
    "JPEG 60": lambda image: compress(image, 60),
    "JPEG 80": lambda image: compress(image, 80),
    "JPEG 95": lambda image: compress(image, 95),
    "resized -5 %": lambda image: _resized(image, 0.95),
    "resized +5 %": lambda image: _resized(image, 1.05),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Collected:
    """Everything that is measured from, of n faces with K parts named `names`.

    `truth` (n, K) is all False for reals and for fakes of which nobody `known` (n,) what changed,
    `perceived` (n, K) for all faces of which nobody said what people take to be changed.
    `restored` and `inserted` (n, K) are how much the score of fake falls where pristine pixels are
    put back into a part, and rises where the changed ones are put into the source; NaN without one.
    `perturbed` are part scores (m, K) of the faces `perturbed_rows` by perturbation, for each of
    those whose scores of all faces (n, K) are `still`; `moved` is what is said of the faces
    `moved_rows` when they are moved, by move. `subspaces` are scores (n, K) of random subspaces and
    `subspaces_again` those of others; `val_reals` those of the reals that the detector was fitted
    with, of which `val_sharpness` (m,) is known or not.
    """

    names: tuple[str, ...]
    faces: tuple[AuditFace, ...]
    real: Flags
    truth: Flags
    known: Flags
    perceived: Flags
    identity: NDArray[np.int64]
    areas: Array
    centrality: Array
    reading: Reading
    restored: Array
    inserted: Array
    perturbed_rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    still: Mapping[str, Array] = field(default_factory=dict)
    perturbed: Mapping[str, Mapping[str, Array]] = field(default_factory=dict)
    moved_rows: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    moved: Mapping[str, Reading] = field(default_factory=dict)
    subspaces: Array | None = None
    subspaces_again: Array | None = None
    val_reals: Scores | None = None
    val_sharpness: Array | None = None
    cost: float | None = None

    @property
    def single(self) -> Flags:
        """Return fakes with one part changed."""
        return np.asarray(self.known & (self.truth.sum(axis=1) == 1))

    @property
    def judged(self) -> Flags:
        """Return fakes of which people said what they take to be changed."""
        return np.asarray(self.perceived.any(axis=1))

    @property
    def whole(self) -> Flags:
        """Return fakes with every part changed."""
        return np.asarray(self.known & self.truth.all(axis=1))

    @property
    def alone(self) -> list[tuple[int, int]]:
        """Return for each part in how many fakes, and of how many people, it alone was changed."""
        rows = self.single[:, None] & self.truth  # (n, K)
        return [(int(each.sum()), len(np.unique(self.identity[each]))) for each in rows.T]


def collect(
    subject: Subject,
    faces: Sequence[AuditFace],
    regions: RegionSet,
    wanted: Collection[str],
    rng: np.random.Generator,
) -> Collected:
    """All that the rows `wanted` need; DataError without reals, fakes or a known change."""
    found = _facts(faces, subject)
    if "restore" in wanted:
        found = replace(found, restored=_exchanged(subject, found, "restored"))
    if "insert" in wanted:
        found = replace(found, inserted=_exchanged(subject, found, "inserted"))
    if found.reading.parts is not None:
        drawn = subject.random_subspaces(rng)
        found = replace(found, val_reals=subject.val_reals(), val_sharpness=subject.val_sharpness())
        found = _with_subspaces(found, subject, drawn, rng)
        if "stability" in wanted:
            found = _with_perturbed(subject, found, drawn)
    if _rows_of_moves(found.reading) & set(wanted):
        rows = spread(np.arange(len(faces)), _MOVED_FACES)
        found = replace(found, moved_rows=rows, moved=_moved(subject, found, rows, regions))
    if "cost" in wanted and this_rank().first:
        some = [faces[row].crop for row in spread(np.arange(len(faces)), _COST_FACES)]
        found = replace(found, cost=subject.cost(some))
    return found


def _rows_of_moves(reading: Reading) -> frozenset[str]:
    """Part scores have no place, so only maps can lie outside."""
    if reading.maps is not None:
        return frozenset(("equivariance", "outside"))
    return frozenset(() if reading.parts is None else ("equivariance",))


def _stacked(each: Sequence[Flags | None], nothing: Flags) -> Flags:
    """Return (n, K) of flags (K,), `nothing` where there are none."""
    return np.stack([nothing if flags is None else flags for flags in each])


def _facts(faces: Sequence[AuditFace], subject: Subject) -> Collected:
    real = np.array([not face.fake for face in faces], np.bool_)
    known = np.array([face.truth is not None and bool(face.truth.any()) for face in faces])
    for there, what in ((real, "real face"), (~real, "fake"), (known, "fake with a known region")):
        if not there.any():
            raise DataError(
                f"the data has no {what}; an audit needs reals, and fakes whose changed"
                " parts are known (columns region or mask of a manifest), or"
                " --make-edits, which makes them from real faces"
            )
    nothing = np.zeros(len(subject.names), np.bool_)
    empty = np.full((len(faces), len(subject.names)), np.nan)
    masks = [face.parts for face in faces]
    centre = centre_map(faces[0].parts.shape[1])
    crops = [face.crop for face in faces]
    return Collected(
        names=subject.names,
        faces=tuple(faces),
        real=real,
        truth=_stacked([face.truth for face in faces], nothing),
        known=known,
        perceived=_stacked([face.perceived for face in faces], nothing),
        identity=np.unique([face.identity for face in faces], return_inverse=True)[1],
        areas=np.array([mask.mean(axis=(1, 2)) for mask in masks]),
        centrality=np.array([[centre[part].mean() for part in mask] for mask in masks], np.float64),
        reading=subject.read(crops, masks, "explaining"),
        restored=empty,
        inserted=empty,
    )


def spread(rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Choose at most `count` of them, evenly spread."""
    if len(rows) <= count:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, count).astype(int)])


def _exchanged(subject: Subject, found: Collected, label: str) -> Array:
    """Return (n, K): s(x) - s(x with x0's part k), or for "inserted" s(x0 with x's part k) -
    s(x0).
    """
    out = np.full(found.truth.shape, np.nan)
    pairs = [
        (row, face.crop, face.source)
        for row, face in enumerate(found.faces)
        if face.source is not None and found.known[row]
    ]
    if not pairs:
        return out
    back = label == "restored"
    bases = [crop if back else source for _, crop, source in pairs]
    mixed = [
        _patched(base, source if back else crop, mask)
        for base, (row, crop, source) in zip(bases, pairs, strict=True)
        for mask in found.faces[row].parts
    ]
    rows = np.array([row for row, _, _ in pairs])
    scores = subject.fakes(mixed, label).reshape(len(pairs), -1)
    plain = found.reading.fake[rows] if back else subject.fakes(bases, "sources")
    out[rows] = plain[:, None] - scores if back else scores - plain[:, None]
    return out


def _patched(base: Crop, patch: Crop, mask: Flags) -> Crop:
    return replace(base, image=np.where(mask[..., None], patch.image, base.image))


def _with_subspaces(
    found: Collected, subject: Subject, drawn: RandomSubspaces | None, rng: np.random.Generator
) -> Collected:
    """Return scores of the `drawn` subspaces, and of as many others from a separate generator."""
    embeddings = found.reading.embeddings
    again = None if drawn is None else subject.random_subspaces(rng.spawn(1)[0])
    if drawn is None or again is None or embeddings is None:
        return found
    return replace(found, subspaces=drawn(embeddings), subspaces_again=again(embeddings))


def _with_perturbed(subject: Subject, found: Collected, drawn: RandomSubspaces | None) -> Collected:
    """Return part scores of the explanation and of controls, before and after each perturbation."""
    assert found.reading.parts is not None  # noqa: S101 - asked of part scores only
    rows = spread(np.flatnonzero(found.known), _STABILITY_FACES)
    masks = [found.faces[row].parts for row in rows]
    edges = np.stack([part_edges(face.crop.image, face.parts) for face in found.faces])
    still = {OWN: found.reading.parts, EDGES: edges}
    if found.subspaces is not None:
        still[SUBSPACES] = found.subspaces
    perturbed: dict[str, dict[str, Array]] = {who: {} for who in still}
    for name, change in PERTURBATIONS.items():
        crops = [found.faces[row].crop for row in rows]
        changed = [replace(crop, image=change(crop.image)) for crop in crops]
        reading = subject.read(changed, masks, name)
        nothing = np.full((len(rows), len(found.names)), np.nan)
        perturbed[OWN][name] = nothing if reading.parts is None else reading.parts
        pairs = zip(changed, masks, strict=True)
        perturbed[EDGES][name] = np.stack([part_edges(crop.image, mask) for crop, mask in pairs])
        if SUBSPACES in still and drawn is not None and reading.embeddings is not None:
            perturbed[SUBSPACES][name] = drawn(reading.embeddings)
    return replace(found, perturbed_rows=rows, still=still, perturbed=perturbed)


def _masks(points: NDArray[np.float32], regions: RegionSet, size: int) -> Flags:
    """Return (K, S, S); empty for a part outside the image, which has a map but no mean."""
    try:
        return wide_masks(points, regions, size)
    except ValueError:
        return np.zeros((len(regions.parts), size, size), np.bool_)


def _moved(
    subject: Subject, found: Collected, rows: NDArray[np.int64], regions: RegionSet
) -> dict[str, Reading]:
    """Return the readings of the moved faces, by move."""
    out = {}
    size = found.faces[0].parts.shape[1]
    for name, move in MOVES.items():
        crops, masks = [], []
        for row in rows:
            crop = found.faces[row].crop
            points = move_points(cast(NDArray[np.float32], crop.landmarks), move, size)
            image = cast(Image, move_image(crop.image, move))
            crops.append(replace(crop, image=image, landmarks=points))
            masks.append(_masks(points, regions, size))
        out[name] = subject.read(crops, masks, name)
    return out
