"""Part scores in the place of maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from green import NAMES, GreenDetector, collected, hulls, painted_faces
from numpy.typing import NDArray

from lesb_plugin.audit.collect import Collected
from lesb_plugin.audit.faces import AuditFace
from lesb_plugin.audit.intervals import Draws
from lesb_plugin.audit.map_rows import map_rows
from lesb_plugin.audit.painted import painted
from lesb_plugin.audit.row import Row
from registry import Crop, Scores


@pytest.fixture(scope="module")
def faces() -> list[AuditFace]:
    return painted_faces()


def rows_of(found: Collected) -> dict[str, Row]:
    rng = np.random.default_rng(1)
    draws = Draws((~found.real).astype(np.int64), found.identity, 200, rng)
    return {row.key: row for row in map_rows(found, lambda _: True, draws, rng)}


@pytest.fixture(scope="module")
def seeing(faces: list[AuditFace]) -> dict[str, Row]:
    return rows_of(collected(faces, GreenDetector()))


def test_part_scores_are_painted_into_their_parts(faces: list[AuditFace]) -> None:
    heat = painted(faces[0].parts, np.array([3.0, -1.0, 2.0]))
    assert (heat[faces[0].parts[0]] == 3.0).all()
    assert set(np.unique(heat)) == {-2.0, -1.0, 2.0, 3.0}
    assert (heat[~faces[0].parts.any(axis=0)] == -2.0).all()


def test_what_is_in_no_part_never_speaks_for_fake(faces: list[AuditFace]) -> None:
    heat = painted(faces[0].parts, np.array([9.0, 7.0, 8.0]))
    assert (heat[~faces[0].parts.any(axis=0)] == 0.0).all()


def test_part_scores_are_localised_as_maps_are(
    seeing: dict[str, Row], faces: list[AuditFace]
) -> None:
    for key in ("rank", "mass", "concentration", "pointing"):
        row = seeing[f"localisation.{key}"]
        assert row.title.endswith(", painted part scores")
        assert row.n == sum(face.fake for face in faces)
        assert set(row.controls) == {"oracle", "random", "constant part", "centre"}
        assert row.met is True, key
    # The highest part is the changed one, and a tenth of an inter-ocular distance around it.
    inside = [
        (face.mask & part).sum() / part.sum()
        for face in faces
        if face.truth is not None and face.truth.sum() == 1
        for part in face.parts[face.truth]
    ]
    singles = [face for face in faces if face.truth is None or face.truth.sum() == 1]
    pointing = rows_of(collected(singles, GreenDetector()))["localisation.pointing"]
    assert pointing.figure.value == pytest.approx(np.mean(inside))


def test_scores_that_are_the_same_for_all_parts_are_not(faces: list[AuditFace]) -> None:
    rows = rows_of(collected(faces, GreenDetector(blind=True)))
    single = [face for face in faces if face.truth is None or face.truth.sum() == 1]
    pointing = rows_of(collected(single, GreenDetector(blind=True)))["localisation.pointing"]
    assert pointing.figure.value < 0.5  # type: ignore[operator]
    assert pointing.met is False
    assert rows["equivariance"].figure.value == 0.0  # parts alike tell nothing


def test_painted_scores_have_no_place_outside(seeing: dict[str, Row]) -> None:
    row = seeing["outside"]
    assert (row.n, row.figure.value) == (0, None)
    assert "never on a border" in row.figure.reason


# --- moves ---------------------------------------------------------------------------------------


def test_parts_that_are_found_by_their_landmarks_stay_when_the_face_moves(
    seeing: dict[str, Row], faces: list[AuditFace]
) -> None:
    row = seeing["equivariance"]
    assert row.n == len(faces)
    assert seeing["equivariance.flip"].figure.value > 0.9  # type: ignore[operator]
    assert abs(row.controls["random"].value) < 0.3  # type: ignore[operator]


class FixedPlaces:
    """Looks for parts where the first face has them, wherever the face is."""

    def __init__(self, crop: Crop) -> None:
        self.masks = hulls(crop)

    def score(self, crops: Sequence[Crop]) -> Scores:
        means = [[float(crop.image[mask].mean()) for mask in self.masks] for crop in crops]
        columns: NDArray[np.float64] = 0.01 + 0.9 * np.array(means).T / 255
        return Scores(fake=columns.max(axis=0), regions=dict(zip(NAMES, columns, strict=True)))


def test_parts_that_are_looked_for_at_fixed_places_do_not(
    seeing: dict[str, Row], faces: list[AuditFace]
) -> None:
    fixed = rows_of(collected(faces, FixedPlaces(faces[0].crop)))
    for name in ("shift", "rotation"):
        own, other = (rows[f"equivariance.{name}"].figure.value for rows in (fixed, seeing))
        assert own < other, name  # type: ignore[operator]


def test_the_correlation_is_over_the_parts_of_a_face(faces: list[AuditFace]) -> None:
    found = collected(faces, GreenDetector())
    parts = found.reading.parts
    assert parts is not None
    reals = parts[found.real]

    def z(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return (scores - reals.mean(axis=0)) / np.where(
            reals.std(axis=0) > 1e-9, reals.std(axis=0), 1
        )

    moved = found.moved["rotation"].parts
    assert moved is not None
    fakes = [at for at, row in enumerate(found.moved_rows) if not found.real[row]]
    want = [np.corrcoef(z(parts)[found.moved_rows[at]], z(moved)[at])[0, 1] for at in fakes]
    only = replace(
        found, moved={"rotation": found.moved["rotation"]}, moved_rows=found.moved_rows[fakes]
    )
    only = replace(only, moved={"rotation": replace(found.moved["rotation"], parts=moved[fakes])})
    assert rows_of(only)["equivariance"].figure.value == pytest.approx(np.mean(want))


def test_a_part_that_leaves_the_image_does_not_count(faces: list[AuditFace]) -> None:
    found = collected(faces, GreenDetector())
    moved = dict(found.moved)
    parts = moved["scale"].parts
    assert parts is not None
    gone = parts.copy()
    gone[3, 1] = np.nan
    moved["scale"] = replace(moved["scale"], parts=gone)
    rows = rows_of(replace(found, moved=moved))
    assert rows["equivariance.scale"].n == rows["equivariance"].n == len(faces) - 1
    assert rows["equivariance.flip"].n == len(faces)


def test_one_part_has_no_order(faces: list[AuditFace]) -> None:
    found = collected(faces, GreenDetector())
    parts = found.reading.parts
    assert parts is not None
    one = replace(found, reading=replace(found.reading, parts=parts[:, :1]), names=("eyes",))
    one = replace(
        one,
        truth=found.truth[:, :1],
        faces=tuple(replace(face, parts=face.parts[:1]) for face in faces),
    )
    row = rows_of(one)["equivariance"]
    assert row.figure.value is None
    assert "two parts" in row.figure.reason
