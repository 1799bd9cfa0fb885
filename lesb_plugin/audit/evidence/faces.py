"""The faces of an audit: what was changed in each, and its pristine source if known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.truth import (
    changed_parts,
    clicked_parts,
    covered_parts,
    group_of,
    wide_masks,
)
from lesb_plugin.lfd.regions import RegionSet
from registry import (
    AuditInputs,
    Crop,
    DataError,
    Face,
    Frame,
    Video,
    crop_face,
    crop_mask,
    map_shared,
)

__all__ = ["AuditFace", "FaceSet", "read_faces"]

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AuditFace:
    """One face. `truth` (K,) says which parts were changed, None where nobody knows, `perceived`
    (K,) which parts people took to be changed, None where nobody said.

    `parts` (K, S, S) are the masks of the parts, `mask` (S, S) that of the changed pixels; `source`
    is the same face before the change, in the same pixels.
    """

    crop: Crop
    fake: bool
    identity: str
    parts: Flags
    method: str = ""
    group: str = ""
    truth: Flags | None = None
    perceived: Flags | None = None
    mask: Flags | None = None
    source: Crop | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceSet:
    """The faces that could be read, and why others could not."""

    faces: tuple[AuditFace, ...]
    failed: tuple[str, ...] = ()


def read_faces(
    inputs: AuditInputs,
    regions: RegionSet,
    limit: int | None,
    max_errors: float,
    *,
    reals_only: bool,
    quiet: bool,
) -> FaceSet:
    """Return every frame's main face, or those of as many evenly chosen identities as `limit`
    allows.
    """
    given = [each for each in inputs.frames if each[0].label == 0 or not reals_only]
    if not given:
        raise DataError("the data has no real face to edit")
    frames = _chosen(given, limit)
    sources = _sources(frames)

    def read(frame: tuple[Video, Frame]) -> AuditFace | str:
        try:
            return _read(inputs, regions, *frame, sources)
        except (DataError, ValueError) as error:  # ValueError: a part lies outside of the crop
            return f"{frame[1].path}: {error}"

    found = map_shared(read, frames, "reading faces", unit="face", quiet=quiet)
    faces = [each for each in found if isinstance(each, AuditFace)]
    failed = [each for each in found if isinstance(each, str)]
    allowed = max_errors * len(frames) if max_errors < 1 else max_errors
    if len(failed) > allowed:
        raise DataError(
            f"{len(failed)} of {len(frames)} faces cannot be used, more than --max-errors"
            f" {max_errors:g} allows; the first: {failed[0]}"
        )
    return FaceSet(faces=tuple(faces), failed=tuple(failed))


def _chosen(
    frames: Sequence[tuple[Video, Frame]], limit: int | None
) -> Sequence[tuple[Video, Frame]]:
    if limit is None or limit >= len(frames):
        return frames
    faces = Counter(_identity(video) for video, _ in frames)
    people = sorted(faces)

    def spread_people(count: int) -> set[str]:
        return {people[at] for at in np.linspace(0, len(people) - 1, count).astype(int)}

    def fits(count: int) -> bool:
        return sum(faces[person] for person in spread_people(count)) <= limit

    count = max(2, limit * len(people) // len(frames))  # as many as if all had as many faces
    while count > 2 and not fits(count):
        count -= 1
    while count < len(people) and fits(count + 1):
        count += 1
    chosen = spread_people(count)
    return [(video, frame) for video, frame in frames if _identity(video) in chosen]


def _identity(video: Video) -> str:
    return f"{video.dataset}/{video.identity or video.id}"


def _sources(frames: Sequence[tuple[Video, Frame]]) -> Mapping[str, Frame]:
    """Return the one real image of an identity; identities with several have no source."""
    found: dict[str, list[Frame]] = {}
    for video, frame in frames:
        if video.label == 0 and video.identity:
            found.setdefault(_identity(video), []).append(frame)
    return {identity: reals[0] for identity, reals in found.items() if len(reals) == 1}


def _read(
    inputs: AuditInputs,
    regions: RegionSet,
    video: Video,
    frame: Frame,
    sources: Mapping[str, Frame],
) -> AuditFace:
    image, face = inputs.reader.read_one(frame)
    crop = crop_face(image, face, inputs.crop)
    if crop.landmarks is None:
        raise DataError("no landmarks, and so no parts; name a landmarker with --landmarker")
    parts = wide_masks(crop.landmarks, regions, inputs.crop.size)
    if video.label == 0:
        return AuditFace(crop=crop, fake=False, identity=_identity(video), parts=parts)
    mask = None if frame.mask is None else crop_mask(frame.mask, image, face, inputs.crop)
    truth = None
    if video.region:
        truth = changed_parts(video.region, regions.names)
    elif mask is not None:
        truth = covered_parts(mask, parts)
    source = sources.get(_identity(video))
    return AuditFace(
        crop=crop,
        fake=True,
        identity=_identity(video),
        parts=parts,
        method=video.method,
        group=group_of(video.method),
        truth=truth,
        perceived=_perceived(video, frame, image, face, regions),
        mask=mask if mask is not None and mask.any() and not mask.all() else None,
        source=None if source is None else _source(source, image, face, inputs),
    )


def _perceived(
    video: Video, frame: Frame, image: NDArray[np.uint8], face: Face, regions: RegionSet
) -> Flags | None:
    """Return what people took to be changed: clicked parts, else named ones, or None."""
    if frame.clicks and face.landmarks is not None:
        places = np.array(frame.clicks) * image.shape[1::-1]  # (n, 2) pixels
        clicked = clicked_parts(places, face.landmarks, regions)
        return clicked if clicked.any() else None
    if not video.perceived:
        return None
    return changed_parts(video.perceived, regions.names, "perceived")


def _source(frame: Frame, image: NDArray[np.uint8], face: Face, inputs: AuditInputs) -> Crop | None:
    """Return the real image cropped like the fake; None if the two do not coincide."""
    real, _ = inputs.reader.read_one(frame)
    return crop_face(real, face, inputs.crop) if real.shape == image.shape else None
