"""Make fakes of the real faces of an audit, so that every change and its source are known."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.edits import FAMILIES, KINDS, Canvas, edited, matched_masks
from lesb_plugin.audit.evidence.faces import AuditFace
from registry import DataError, map_shared

__all__ = ["with_edits"]

_SEVERAL = 0.25  # share of edits that change more than one part
_STRENGTHS = (0.25, 0.5, 0.75, 1.0)
_TRIES = 4


def with_edits(
    faces: Sequence[AuditFace], per_face: int, seed: int, *, quiet: bool
) -> tuple[AuditFace, ...]:
    """Return the real faces among `faces`, and `per_face` edits of each.

    Families, strengths and single parts take turns; every draw depends on (seed, face, edit) alone.
    """
    reals = [face for face in faces if not face.fake]
    if len({face.identity for face in reals}) < 2:
        raise DataError("--make-edits needs real faces of at least two people")

    def edits(at: int) -> list[AuditFace]:
        donor = _donor(reals, at)
        return [_edit(reals[at], donor, (seed, at, turn), at * per_face + turn)
                for turn in range(per_face)]  # fmt: skip

    edited = map_shared(edits, range(len(reals)), "making edits", unit="face", quiet=quiet)
    return (*reals, *itertools.chain.from_iterable(edited))


def _donor(reals: Sequence[AuditFace], at: int) -> AuditFace:
    """Return the next face of another person."""
    rest = [*reals[at + 1 :], *reals[:at]]
    return next(face for face in rest if face.identity != reals[at].identity)


def _edit(face: AuditFace, donor: AuditFace, seed: tuple[int, int, int], turn: int) -> AuditFace:
    rng = np.random.default_rng(seed)
    families = list(FAMILIES)
    masks = matched_masks(face.parts)
    truth = _parts(len(masks), turn, rng)
    mask = np.asarray(masks[truth].any(axis=0))
    canvas = _canvas(face, donor)
    for attempt in range(_TRIES):
        family = families[(turn + attempt) % len(families)]
        strength = _STRENGTHS[int(rng.integers(len(_STRENGTHS)))]
        try:
            image = edited(canvas, mask, family, strength, rng)
        except ValueError:
            continue
        return AuditFace(
            crop=replace(face.crop, image=image, video=f"{face.crop.video}#{turn}"),
            fake=True,
            identity=face.identity,
            parts=face.parts,
            method=family,
            group=KINDS[family],
            truth=truth,
            mask=mask,
            source=face.crop,
        )
    raise DataError(f"{_TRIES} edits in a row changed nothing in the face of {face.identity}")


def _parts(count: int, turn: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return (K,) changed parts: one, which takes turns, or in a quarter of the edits several."""
    truth = np.zeros(count, np.bool_)
    truth[(turn // len(FAMILIES) + turn) % count] = True
    if count > 1 and rng.random() < _SEVERAL:
        others = np.flatnonzero(~truth)
        truth[rng.choice(others, int(rng.integers(1, len(others) + 1)), replace=False)] = True
    return truth


def _canvas(face: AuditFace, donor: AuditFace) -> Canvas:
    own, other = face.crop.landmarks, donor.crop.landmarks
    assert own is not None  # noqa: S101 - faces without landmarks have no parts and are left out
    assert other is not None  # noqa: S101
    points = min(len(own), len(other))
    return Canvas(
        image=face.crop.image,
        landmarks=own[:points],
        donor=donor.crop.image,
        donor_landmarks=other[:points],
    )
