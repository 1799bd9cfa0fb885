"""How rare false alarms of the shipped artefacts are in each class of quality, on new people.

Half of the people whose reals an artefact stores take the part of the reference, the other half
that of people who ask. Several pictures are of one face and scores of them are alike, so that
faces are drawn, not pictures, and faces are counted for the standard error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit

from lesb_plugin.lfd.artefact import load
from lesb_plugin.weights.shipped import shipped_artefact
from registry import QualityClasses, by_quality, conformal_p

SPLITS, LEVEL = 40, 0.05


@dataclass(frozen=True)
class Stored:
    """Scores (n,), sharpness (n,) and faces (n,) of the reals that an artefact stores."""

    scores: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    face: NDArray[np.int64]

    @property
    def faces(self) -> int:
        return int(self.face.max()) + 1


def stored(detector: str) -> Stored:
    """Read an artefact: `lesb` lists all faces as they are and then their other qualities, face by
    face; `lesb_roi` all pictures of a face, then those of the next.
    """
    tensors, record = load(shipped_artefact(detector))
    name = "roi" if detector == "lesb_roi" else "lesb"
    fused = tensors[f"{name}.val_reals.fused"]
    scores = fused if fused.ndim == 1 else fused[record["lesb"]["fusions"].index("mean")]
    count = len(scores)
    of_each = {"lesb": 4, "lesb_roi": 5}[detector]
    faces = count // of_each
    assert faces * of_each == count
    alone = np.arange(count) // of_each
    clean_first = np.concatenate([np.arange(faces), np.repeat(np.arange(faces), of_each - 1)])
    return Stored(
        scores=np.asarray(scores, np.float64),
        sharpness=np.asarray(tensors[f"{name}.val_reals.sharpness"], np.float64),
        face=clean_first if detector == "lesb" else alone,
    )


def rates(found: Stored, shift: float = 0.0) -> list[tuple[float, int]]:
    """Return false alarms of each class, softest first, and how many faces have pictures in it.

    The logits of those who ask are higher by `shift` than they were.
    """
    alarms: dict[int, list[NDArray[np.bool_]]] = {}
    people: dict[int, set[int]] = {}
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(found.faces)
        chosen = np.isin(found.face, order[: found.faces // 2])
        asked = expit(logit(found.scores[~chosen]) + shift)
        reference, sharp = found.scores[chosen], found.sharpness[chosen]
        classes = QualityClasses.of(sharp)
        for rows, like in by_quality(found.sharpness[~chosen], sharp):
            number = int(classes.of_faces(found.sharpness[~chosen][rows[:1]])[0])
            flagged = conformal_p(asked[rows], reference[like]) <= LEVEL
            alarms.setdefault(number, []).append(flagged)
            people.setdefault(number, set()).update(found.face[~chosen][rows].tolist())
    return [
        (float(np.concatenate(alarms[each]).mean()), len(people[each])) for each in sorted(alarms)
    ]


def allowed(faces: int) -> float:
    """Return the share of false alarms plus two standard errors of independent faces."""
    return LEVEL + 2 * float(np.sqrt(LEVEL * (1 - LEVEL) / faces))


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["lesb", "lesb_roi"])
def test_pictures_of_a_face_score_alike(detector: str) -> None:
    """If rows went to the wrong faces, both halves would have pictures of the same people."""
    found = stored(detector)
    logits = logit(found.scores)

    def between(face: NDArray[np.int64]) -> float:
        sums, sizes = np.bincount(face, logits), np.bincount(face)
        return float((sums / sizes).var() / logits.var())

    mixed = np.random.default_rng(0).permutation(found.face)
    assert between(found.face) > between(mixed) + 0.15


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["lesb", "lesb_roi"])
def test_false_alarms_of_new_people_are_as_rare_as_said_in_every_class(detector: str) -> None:
    found = rates(stored(detector))
    assert len(found) == 5
    for rate, faces in found:
        assert rate <= allowed(faces), found
    assert np.mean([rate for rate, _ in found]) > 0.03  # nor rare because nothing is ever flagged
    shifted = rates(stored(detector), shift=1.0)
    assert all(rate > allowed(faces) for rate, faces in shifted), shifted
