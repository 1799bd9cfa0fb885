"""Part scores in the place of maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lesb_plugin.audit.evidence.collect import Collected, collect
from lesb_plugin.audit.evidence.faces import AuditFace
from lesb_plugin.audit.evidence.painted import painted
from lesb_plugin.audit.evidence.subject import Subject
from lesb_plugin.audit.measures.intervals import Draws
from lesb_plugin.audit.rows.map_rows import map_rows
from lesb_plugin.audit.rows.row import Row
from lesb_plugin.lfd.presets import region_preset
from registry import Crop, Scores
from tests.shared.green import NAMES, GreenDetector, hulls, inputs, painted_faces


class FixedPlaces:
    """The brightness where the first face has its parts, wherever a face has them."""

    def __init__(self, crop: Crop) -> None:
        self.masks = hulls(crop)

    def score(self, crops: Sequence[Crop]) -> Scores:
        means = [[float(crop.image[mask].mean()) for mask in self.masks] for crop in crops]
        columns = 0.01 + 0.9 * np.array(means).T / 255  # (K, n)
        return Scores(fake=columns.max(axis=0), regions=dict(zip(NAMES, columns, strict=True)))


@pytest.fixture(scope="module")
def faces() -> list[AuditFace]:
    return painted_faces()


@pytest.fixture(scope="module")
def singles(faces: list[AuditFace]) -> list[AuditFace]:
    """Reals, and fakes of one part."""
    return [face for face in faces if face.truth is None or face.truth.sum() == 1]


def found_of(faces: list[AuditFace], detector: Any) -> Collected:
    subject = Subject(inputs(detector), NAMES, 16, quiet=True)
    rng = np.random.default_rng(0)
    return collect(subject, faces, region_preset(), ("equivariance", "outside"), rng)


def rows_of(found: Collected) -> dict[str, Row]:
    rng = np.random.default_rng(1)
    draws = Draws((~found.real).astype(np.int64), found.identity, 200, rng)
    return {row.key: row for row in map_rows(found, lambda _: True, draws, rng)}


@pytest.fixture(scope="module")
def seeing(singles: list[AuditFace]) -> dict[str, Row]:
    return rows_of(found_of(singles, GreenDetector()))


@pytest.fixture(scope="module")
def blind(singles: list[AuditFace]) -> dict[str, Row]:
    return rows_of(found_of(singles, GreenDetector(blind=True)))


@pytest.fixture(scope="module")
def fixed(faces: list[AuditFace]) -> Collected:
    return found_of(faces, FixedPlaces(faces[0].crop))


def test_part_scores_are_painted_into_their_parts(faces: list[AuditFace]) -> None:
    heat = painted(faces[0].parts, np.array([3.0, -1.0, 2.0]))
    assert (heat[faces[0].parts[0]] == 3.0).all()
    assert set(np.unique(heat)) == {-2.0, -1.0, 2.0, 3.0}
    assert (heat[~faces[0].parts.any(axis=0)] == -2.0).all()


def test_what_is_in_no_part_never_speaks_for_fake(faces: list[AuditFace]) -> None:
    heat = painted(faces[0].parts, np.array([9.0, 7.0, 8.0]))
    assert (heat[~faces[0].parts.any(axis=0)] == 0.0).all()


def test_part_scores_are_localised_as_maps_are(
    seeing: dict[str, Row], singles: list[AuditFace]
) -> None:
    for key in ("rank", "mass", "concentration", "pointing"):
        row = seeing[f"localisation.{key}"]
        assert row.title.endswith(", painted")
        assert row.n == sum(face.fake for face in singles)
        assert set(row.controls) == {"oracle", "random", "constant part", "centre"}
        assert row.figure.value > row.controls["constant part"].value, key  # type: ignore[operator]
    # The highest part is the changed one, with a tenth of an inter-ocular distance around it.
    inside = [
        (face.mask & part).sum() / part.sum()
        for face in singles
        if face.truth is not None
        for part in face.parts[face.truth]
    ]
    assert seeing["localisation.pointing"].figure.value == pytest.approx(np.mean(inside))


def test_scores_that_are_the_same_for_all_parts_point_at_all_of_them(
    seeing: dict[str, Row], blind: dict[str, Row], singles: list[AuditFace]
) -> None:
    inside = [
        (face.mask & face.parts.any(axis=0)).sum() / face.parts.any(axis=0).sum()
        for face in singles
        if face.truth is not None
    ]
    row = blind["localisation.pointing"]
    assert row.figure.value == pytest.approx(np.mean(inside))
    assert row.figure.value < seeing["localisation.pointing"].figure.value  # type: ignore[operator]


def test_painted_scores_have_no_place_outside(seeing: dict[str, Row]) -> None:
    row = seeing["outside"]
    assert (row.n, row.figure.value) == (0, None)
    assert "never on a border" in row.figure.reason


# --- moves ---------------------------------------------------------------------------------------


def test_parts_that_are_found_by_their_landmarks_stay_when_the_face_moves(
    seeing: dict[str, Row], singles: list[AuditFace]
) -> None:
    """Reals have nothing green: their parts are alike, before and after, and do not count."""
    row = seeing["equivariance"]
    assert row.n == sum(face.fake for face in singles)
    assert row.figure.value > 0.9  # type: ignore[operator]
    assert abs(row.controls["random"].value) < 0.4  # type: ignore[operator]


def test_parts_that_are_looked_for_at_fixed_places_do_not(
    seeing: dict[str, Row], fixed: Collected
) -> None:
    rows = rows_of(fixed)
    for name in ("shift", "rotation"):
        own, other = (each[f"equivariance.{name}"].figure.value for each in (rows, seeing))
        assert own < other, name  # type: ignore[operator]


def test_the_correlation_is_over_the_parts_of_a_face(fixed: Collected) -> None:
    parts, moved = fixed.reading.parts, fixed.moved["rotation"].parts
    assert parts is not None
    assert moved is not None
    reals = parts[fixed.real]
    one, other = ((each - reals.mean(axis=0)) / reals.std(axis=0) for each in (parts, moved))
    want = [np.corrcoef(one[row], other[at])[0, 1] for at, row in enumerate(fixed.moved_rows)]
    assert rows_of(fixed)["equivariance.rotation"].figure.value == pytest.approx(np.mean(want))


def test_a_part_that_leaves_the_image_does_not_count(fixed: Collected) -> None:
    parts = fixed.moved["scale"].parts
    assert parts is not None
    gone = parts.copy()
    gone[3, 1] = np.nan
    moved = {**fixed.moved, "scale": replace(fixed.moved["scale"], parts=gone)}
    rows = rows_of(replace(fixed, moved=moved))
    assert rows["equivariance.scale"].n == rows["equivariance"].n == len(fixed.faces) - 1
    assert rows["equivariance.flip"].n == len(fixed.faces)


def test_scores_that_tell_no_part_from_another_say_nothing_of_moves(blind: dict[str, Row]) -> None:
    row = blind["equivariance"]
    assert row.figure.value is None
    assert "the same for all parts of a face" in row.figure.reason


def test_one_part_has_no_order(fixed: Collected) -> None:
    parts = fixed.reading.parts
    assert parts is not None
    one = replace(
        fixed,
        names=("eyes",),
        reading=replace(fixed.reading, parts=parts[:, :1]),
        truth=fixed.truth[:, :1],
        faces=tuple(replace(face, parts=face.parts[:1]) for face in fixed.faces),
    )
    row = rows_of(one)["equivariance"]
    assert row.figure.value is None
    assert "two parts" in row.figure.reason
