"""Rows and controls of detectors of which it is known what they see."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit
from scipy.stats import beta, kendalltau

from lesb_plugin.audit.evidence.collect import PERTURBATIONS, Collected
from lesb_plugin.audit.evidence.faces import AuditFace
from lesb_plugin.audit.evidence.truth import wide_masks
from lesb_plugin.audit.measures.controls import EDGES, PART_CONTROLS, SHUFFLED
from lesb_plugin.audit.measures.equivariance import MOVES, move_points
from lesb_plugin.audit.measures.intervals import Draws, Figure
from lesb_plugin.audit.rows.map_rows import map_rows
from lesb_plugin.audit.rows.part_rows import part_rows
from lesb_plugin.audit.rows.row import Aim, Row, at_least
from lesb_plugin.audit.rows.standing import called_out
from lesb_plugin.lfd.presets import region_preset
from registry import ConfigError, Crop, DataError, Explanation, Scores, sharpness
from tests.shared.green import NAMES, SIZE, GreenDetector, collected, green_map, painted_faces

Explain = Callable[[Sequence[Crop]], list[Explanation]]


@pytest.fixture(scope="module")
def faces() -> list[AuditFace]:
    return painted_faces()


def rows_of(found: Collected, draws: int = 200) -> dict[str, Row]:
    rng = np.random.default_rng(1)
    drawn = Draws((~found.real).astype(np.int64), found.identity, draws, rng)
    rows = [row for make in (part_rows, map_rows) for row in make(found, _everything, drawn, rng)]
    return {row.key: row for row in rows}


def _everything(_key: str) -> bool:
    return True


@pytest.fixture(scope="module")
def seeing(faces: list[AuditFace]) -> dict[str, Row]:
    return rows_of(collected(faces, GreenDetector()))


@pytest.fixture(scope="module")
def blind(faces: list[AuditFace]) -> dict[str, Row]:
    return rows_of(collected(faces, GreenDetector(blind=True)))


@pytest.mark.slow
def test_a_detector_that_sees_parts_names_them(seeing: dict[str, Row]) -> None:
    for key in ("right_part", "right_part.paint", "auc_matrix.diagonal"):
        assert seeing[key].figure.value == 1.0, key
    assert seeing["right_part"].met is seeing["right_part.paint"].met is True
    assert seeing["auc_matrix.diagonal"].undecided.startswith("a part has only 4 fakes of 4 people")
    assert seeing["right_part"].n == 10
    assert seeing["auc_matrix.selectivity"].figure.value == 0.5
    assert seeing["agreement.auc"].figure.value == 1.0


@pytest.mark.slow
def test_what_it_scores_is_what_moves_it(
    seeing: dict[str, Row], blind: dict[str, Row], faces: list[AuditFace]
) -> None:
    assert seeing["restore"].n == seeing["insert"].n == 20
    for key in ("restore", "insert"):
        assert seeing[key].figure.low > 0.2, key  # type: ignore[operator]
        assert blind[key].figure.value == 0.0, key
    found = collected(faces, GreenDetector())
    single = found.single
    np.testing.assert_array_equal(
        found.restored[single].argmax(axis=1), found.truth[single].argmax(axis=1)
    )
    np.testing.assert_array_equal(
        found.inserted[single].argmax(axis=1), found.truth[single].argmax(axis=1)
    )


@pytest.mark.slow
def test_restoring_is_captums_ablation_with_the_source_as_baseline(faces: list[AuditFace]) -> None:
    """The fall of the score when one part is replaced, part by part, computed the long way."""
    face = faces[1]
    found = collected(faces, GreenDetector())
    for k, part in enumerate(face.parts):
        image = face.crop.image.copy()
        image[part] = face.source.image[part]  # type: ignore[union-attr]
        scores = GreenDetector().score([face.crop, replace(face.crop, image=image)]).fake
        assert found.restored[1, k] == pytest.approx(scores[0] - scores[1])


@pytest.mark.slow
def test_a_detector_that_says_the_same_of_all_parts_is_at_chance(blind: dict[str, Row]) -> None:
    assert blind["right_part"].figure.value == pytest.approx(1 / 3)
    assert blind["right_part"].met is False
    assert blind["auc_matrix.selectivity"].figure.value == 0.0
    assert blind["redundancy.single_part"].figure.value == pytest.approx(1.0)
    said = called_out(blind["right_part"])
    assert said.startswith("right part first (0.333) is no better than")
    assert "constant part (0.333)" in said
    assert "oracle" not in said


@pytest.mark.slow
def test_every_compared_row_has_every_control(seeing: dict[str, Row]) -> None:
    assert set(seeing["right_part"].controls) == set(PART_CONTROLS)
    assert seeing["right_part"].controls["oracle"].value == 1.0
    assert seeing["right_part"].controls["constant part"].value == pytest.approx(1 / 3)
    assert seeing["several_parts"].controls["oracle"].value == 1.0
    assert seeing["restore"].controls["oracle"].value == 1.0
    assert called_out(seeing["right_part"]) == ""


@pytest.mark.slow
def test_agreement_is_with_what_people_perceive_where_they_were_asked(
    faces: list[AuditFace], seeing: dict[str, Row]
) -> None:
    """Of every fake of one part people name another one: the detector sees what they do not."""
    single = [
        at for at, face in enumerate(faces) if face.truth is not None and face.truth.sum() == 1
    ]
    asked = [
        replace(face, perceived=np.roll(face.truth, 1)) if at in single and face.truth is not None
        else face
        for at, face in enumerate(faces)
    ]  # fmt: skip
    rows = rows_of(collected(asked, GreenDetector()))
    assert "changed" in seeing["agreement.auc"].title
    assert "perceived" in rows["agreement.auc"].title
    assert "perceived parts" in rows["agreement.kappa"].title
    # One part is raised, another named, of three: Cohen's kappa is -1/2. Unchanged parts all score
    # .01, so a named part ties with the one other and loses to the one changed: AUC 1/4.
    assert rows["agreement.kappa"].figure.value == pytest.approx(-0.5)
    assert rows["agreement.auc"].figure.value == pytest.approx(0.25)
    for key in ("agreement.kappa", "agreement.auc"):
        assert rows[key].n == len(single) < seeing[key].n
        assert rows[key].controls["oracle"].value == 1.0
    assert rows["right_part"].figure == seeing["right_part"].figure
    assert rows["several_parts"].figure.value == seeing["several_parts"].figure.value


@pytest.mark.slow
@pytest.mark.parametrize("detector", [GreenDetector(), GreenDetector(blind=True)])
def test_sets_of_parts_are_compared_with_always_naming_the_eyes(
    faces: list[AuditFace], detector: GreenDetector
) -> None:
    """Of 10 fakes with one part changed 4 have the eyes', of 10 others all three parts."""
    rows = rows_of(collected(faces, detector), draws=0)
    jaccard = (4 * 1 + 6 * 0 + 10 * 1 / 3) / 20
    assert rows["several_parts"].controls["constant part"].value == pytest.approx(jaccard)
    # Of 60 parts 14 are named and changed, 6 named only, 26 changed only, 14 neither.
    chance = (20 * 40 + 40 * 20) / 60**2
    kappa = ((14 + 14) / 60 - chance) / (1 - chance)
    assert rows["agreement.kappa"].controls["constant part"].value == pytest.approx(kappa)


def test_parts_are_stable_where_edits_outlive_compression(seeing: dict[str, Row]) -> None:
    row = seeing["stability"]
    assert row.n == 20
    assert row.figure.value > 0.5  # type: ignore[operator]
    assert set(row.controls) == {EDGES, SHUFFLED}
    assert abs(row.controls[SHUFFLED].value) < 0.3  # type: ignore[operator]


@pytest.mark.slow
def test_the_order_of_edges_in_the_parts_is_measured_by_scipy(faces: list[AuditFace]) -> None:
    """Before and after, face by face, in standard deviations of the reals' edges."""

    def edges(image: NDArray[np.uint8], part: NDArray[np.bool_]) -> float:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(float)
        slopes = [cv2.Sobel(grey, cv2.CV_64F, *order) for order in ((1, 0), (0, 1))]
        return float(np.sqrt(slopes[0] ** 2 + slopes[1] ** 2)[part].mean())

    def of(image: NDArray[np.uint8], face: AuditFace) -> list[float]:
        return [edges(image, part) for part in face.parts]

    reals = np.array([of(face.crop.image, face) for face in faces if not face.fake])
    taus = []
    for face in (face for face in faces if face.fake):
        before = (of(face.crop.image, face) - reals.mean(axis=0)) / reals.std(axis=0)
        for change in PERTURBATIONS.values():
            after = (of(change(face.crop.image), face) - reals.mean(axis=0)) / reals.std(axis=0)
            taus.append(kendalltau(before, after).statistic)
    row = rows_of(collected(faces, GreenDetector()), draws=0)["stability"]
    assert row.controls[EDGES].value == pytest.approx(np.mean(taus))


def test_redundancy_is_compared_with_what_was_changed(seeing: dict[str, Row]) -> None:
    """By hand: 4, 3 and 3 of 10 faces have the eyes, the nose and the mouth changed."""
    share = np.array([0.4, 0.3, 0.3])
    pairs = [(0, 1), (0, 2), (1, 2)]
    spread = np.sqrt(share * (1 - share))
    want = np.mean([-share[i] * share[j] / (spread[i] * spread[j]) for i, j in pairs])
    controls = seeing["redundancy.single_part"].controls
    assert controls["oracle"].value == pytest.approx(want)
    assert set(controls) == {"oracle"}
    assert seeing["redundancy.whole_face"].controls == {}


# --- reals ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_reals_are_held_against_the_reals_of_the_fit(faces: list[AuditFace]) -> None:
    found = collected(faces, GreenDetector())
    assert found.reading.parts is not None
    odds = np.random.default_rng(3).normal(size=(400, 3))
    val = Scores(fake=odds[:, 0], regions=dict(zip(NAMES, expit(odds).T, strict=True)))
    parts = found.reading.parts.copy()
    parts[found.real] = 0.0
    parts[np.flatnonzero(found.real)[7], 1] = 9.0
    given = replace(found, reading=replace(found.reading, parts=parts), val_reals=val)
    row = rows_of(given, draws=0)["no_part_on_real"]
    assert (row.n, row.figure.value) == (10, 0.1)
    # Clopper and Pearson, from the beta distribution: 1 of 10.
    assert row.figure.low == pytest.approx(beta.ppf(0.025, 1, 10))
    assert row.figure.high == pytest.approx(beta.ppf(0.975, 2, 9))
    assert row.undecided == "10 faces are too few (at least 20)"
    assert replace(row, n=20, people=20).met is True
    assert row.title.endswith("of val's reals")
    assert "the 400 val reals of the artefact" in row.to_json()["reason"]


@pytest.mark.slow
def test_without_reals_of_the_fit_they_are_held_against_each_other(faces: list[AuditFace]) -> None:
    row = rows_of(collected(faces, GreenDetector()))["no_part_on_real"]
    assert row.title.endswith("of other reals")
    assert row.controls == {}
    assert row.figure.low is not None


def says(found: Collected, fake: Sequence[float], parts: Sequence[Sequence[float]]) -> Collected:
    """The same faces with other scores, of a detector whose val reals score up to .2."""
    low = np.linspace(0.01, 0.2, 99)
    val = Scores(fake=low, regions=dict.fromkeys(NAMES, low))
    reading = replace(found.reading, fake=np.array(fake), parts=logit(np.array(parts)))
    return replace(found, reading=reading, val_reals=val)


@pytest.mark.slow
def test_rows_on_reports_count_what_would_be_singled_out(faces: list[AuditFace]) -> None:
    """Three faces of a person: a real, one with the part `number % 3` changed, one with all."""
    found = collected(faces, GreenDetector())
    low = [0.1, 0.1, 0.1]
    fake = np.where(found.real, 0.1, 0.9).tolist()
    parts = [
        [0.9, 0.9, 0.9] if truth.all() else np.where(truth, 0.9, 0.1).tolist()
        for truth in found.truth
    ]
    single, whole, real = (np.flatnonzero(each) for each in (found.single, found.whole, found.real))
    parts[single[0]] = np.roll(parts[single[0]], 1).tolist()  # a wrong part
    parts[single[1]] = low  # none, though the face counts as manipulated
    fake[single[2]] = 0.1  # the face passes for real
    parts[whole[0]] = [0.9, 0.1, 0.1]
    fake[real[0]], parts[real[0]] = 0.9, [0.1, 0.9, 0.1]
    rows = rows_of(says(found, fake, parts), draws=50)
    counts = len(single), len(whole), len(real)
    assert counts == (10, 10, 10)
    right = rows["reports.right"]
    assert (right.n, right.figure.value) == (8, pytest.approx(7 / 8))
    named = found.truth[np.delete(single, [1, 2])]
    assert right.controls["constant part"].value == pytest.approx(named.mean(axis=0).max())
    assert (right.aim.above, right.higher_is_better) == ("constant part", True)
    for key, value, aim in (("singled", 0.8, ""), ("whole", 0.1, ""), ("real", 0.1, "<= 0.05")):
        row = rows[f"reports.{key}"]
        assert (row.n, row.figure.value, row.aim.text) == (10, pytest.approx(value), aim)
        assert row.higher_is_better is (key == "singled")
    assert rows["reports.real"].undecided == "10 faces are too few (at least 20)"
    assert replace(rows["reports.real"], n=20).met is False


@pytest.mark.slow
def test_a_report_singles_out_nothing_where_several_parts_are_unusual(
    faces: list[AuditFace],
) -> None:
    found = collected(faces, GreenDetector())
    parts = np.tile([0.99, 0.5, 0.1], (len(faces), 1))  # eyes far ahead, but the nose as well
    rows = rows_of(says(found, [0.9] * len(faces), parts.tolist()))
    assert "reports.right" not in rows
    assert [rows[f"reports.{key}"].figure.value for key in ("singled", "whole", "real")] == [0] * 3


@pytest.mark.slow
def test_reports_are_counted_among_reals_of_like_sharpness(faces: list[AuditFace]) -> None:
    found = collected(faces, GreenDetector())
    parts = np.where(found.truth, 0.9, 0.1)
    alike = says(found, np.where(found.real, 0.1, 0.9).tolist(), parts.tolist())
    assert alike.val_reals is not None
    low, high = alike.val_reals.fake, np.linspace(0.95, 0.99, 99)
    both = np.concatenate([low, high])
    val = Scores(fake=both, regions=dict.fromkeys(NAMES, both))
    quality = np.array([sharpness(face.crop.image) for face in faces])
    own, other = (np.linspace(*ends, 99) for ends in ((quality.min(), quality.max()), (1e6, 2e6)))
    near = replace(alike, val_reals=val, val_sharpness=np.concatenate([own, other]))
    assert rows_of(near)["reports.singled"].figure.value == pytest.approx(1.0)
    far = replace(alike, val_reals=val, val_sharpness=np.concatenate([other, 2 * other]))
    assert rows_of(far)["reports.singled"].figure.value == 0.0


@pytest.mark.slow
def test_without_val_reals_there_are_no_rows_on_reports(faces: list[AuditFace]) -> None:
    assert not [key for key in rows_of(collected(faces, GreenDetector())) if "reports" in key]


@pytest.mark.slow
def test_maps_on_the_change_are_localised_and_move_with_it(faces: list[AuditFace]) -> None:
    rows = rows_of(collected(faces, GreenDetector(), green_map))
    assert rows["right_part"].figure.value == 1.0  # by the mean of the map in each part
    assert rows["localisation.rank"].figure.value > 0.6  # type: ignore[operator]
    assert rows["localisation.pointing"].figure.value == 1.0
    assert rows["localisation.mass"].controls["oracle"].value == 1.0
    assert rows["localisation.mass"].met is True
    assert rows["equivariance.flip"].figure.value > 0.9  # type: ignore[operator]
    assert rows["outside.mass"].figure.value == pytest.approx(0.0, abs=0.02)
    assert rows["outside.corner"].undecided == "30 faces are too few (at least 50)"
    assert replace(rows["outside.corner"], n=50).met is True


def test_a_part_that_a_move_takes_out_of_the_image_costs_no_audit(faces: list[AuditFace]) -> None:
    """A face at the lower edge: the move that shifts it down leaves no mouth."""

    class Even:
        def score(self, crops: Sequence[Crop]) -> Scores:
            return Scores(fake=np.full(len(crops), 0.5), regions={})

    at, fake = next((at, face) for at, face in enumerate(faces) if face.fake)
    landmarks = fake.crop.landmarks
    assert landmarks is not None
    lower = landmarks + np.array([0, SIZE - 1 - landmarks[48:68, 1].min()], np.float32)
    with pytest.raises(ValueError, match="part 'mouth' has no pixel"):
        wide_masks(move_points(lower, MOVES["shift"], SIZE), region_preset(), SIZE)
    edge = [*faces]
    edge[at] = replace(fake, crop=replace(fake.crop, landmarks=lower))
    rows = rows_of(collected(edge, Even(), green_map))
    assert rows["equivariance.shift"].n == sum(face.fake for face in faces)


@pytest.mark.slow
def test_an_explainer_that_says_nothing_names_no_part(faces: list[AuditFace]) -> None:
    def mute(crops: Sequence[Crop]) -> list[Explanation]:
        return [Explanation(regions={"eyes": 1.0} if at % 2 else {}) for at in range(len(crops))]

    found = collected(faces, GreenDetector(), mute)
    assert rows_of(found)["right_part"].figure.value == pytest.approx(1 / 3)
    silent = collected(faces, GreenDetector(), lambda crops: [Explanation() for _ in crops])
    assert silent.reading.parts is None
    assert rows_of(silent) == {}


@pytest.mark.slow
def test_an_explainers_regions_are_taken_before_its_maps(faces: list[AuditFace]) -> None:
    def both(crops: Sequence[Crop]) -> list[Explanation]:
        return [replace(each, regions={"nose": 2.0}) for each in green_map(crops)]

    parts = collected(faces, GreenDetector(), both).reading.parts
    assert parts is not None
    np.testing.assert_array_equal(parts[0], [np.nan, 2.0, np.nan])


def test_a_detector_without_parts_needs_an_explainer(faces: list[AuditFace]) -> None:
    class Plain:
        def score(self, crops: Sequence[Crop]) -> Scores:
            return Scores(fake=np.zeros(len(crops)))

    with pytest.raises(
        ConfigError, match=r"does not score 'eyes'; it scores no parts.*--explainer"
    ):
        collected(faces, Plain())


def test_data_without_known_changes_is_refused(faces: list[AuditFace]) -> None:
    unknown = [replace(face, truth=None) for face in faces]
    with pytest.raises(DataError, match=r"no fake with a known region.*--make-edits"):
        collected(unknown, GreenDetector())


# --- controls, intervals and aims ------------------------------------------------------------


def test_an_interval_is_of_identities() -> None:
    fake = np.tile([0, 1], 200).astype(np.int64)
    values = np.repeat(np.random.default_rng(0).normal(size=20), 20)
    rng = np.random.default_rng(1)
    widths = []
    for identity in (np.repeat(np.arange(20), 20), np.arange(400)):
        figure = Draws(fake, identity, 500, rng).figure(lambda w: w @ values / w.sum(axis=1))
        assert figure.value == pytest.approx(values.mean())
        widths.append(figure.high - figure.low)  # type: ignore[operator]
    assert widths[0] > 3 * widths[1]  # 20 people, not 400 faces


def test_no_draws_no_interval() -> None:
    draws = Draws(np.array([0, 1]), np.array([0, 1]), 0, np.random.default_rng(0))
    figure = draws.figure(lambda weights: weights[:, 0])
    assert (figure.value, figure.low, figure.high) == (1.0, None, None)


@pytest.mark.parametrize(
    ("aim", "met"),
    [
        (at_least(0.5), True),
        (at_least(0.7), False),
        (Aim(most=0.5), False),
        (Aim(contains=0.45), True),
        (Aim(contains=0.9), False),
        (Aim(above="random"), True),
        (Aim(above="absent"), None),
        (Aim(), None),
    ],
)
def test_aims(aim: Aim, met: bool | None) -> None:
    assert aim.reached(Figure(0.6, 0.4, 0.8), {"random": Figure(0.3)}) is met
    assert aim.reached(Figure(), {}) is None


def row_of(figure: Figure, aim: Aim, controls: dict[str, Figure]) -> Row:
    return Row(key="a", title="a figure", n=30, figure=figure, aim=aim, controls=controls)


def test_the_control_that_a_row_beats_is_not_called_out() -> None:
    controls = {"chance": Figure(0.4, 0.2, 0.6), "centre": Figure(0.4, 0.2, 0.6)}
    row = row_of(Figure(0.8, 0.5, 1.0), Aim("beats chance", above="chance"), controls)
    assert row.met
    assert called_out(row) == "a figure (0.800) is not clearly better than centre (0.400)."
    missed = replace(row, figure=Figure(0.8, 0.4, 1.0))
    assert not missed.met
    assert "chance (0.400)" in called_out(missed)


@pytest.mark.parametrize(
    ("higher_is_better", "said"),
    [
        (
            True,
            "no better than more (0.700) and same (0.500) and not clearly better than less (0.3",
        ),
        (False, "no better than less (0.300) and same (0.500) and not clearly better than more (0"),
    ],
)
def test_of_overlapping_intervals_the_value_decides_what_is_said(
    higher_is_better: bool, said: str
) -> None:
    values = {"same": 0.5, "less": 0.3, "more": 0.7}
    controls = {name: Figure(value, 0.0, 1.0) for name, value in values.items()}
    row = row_of(Figure(0.5, 0.2, 0.8), Aim(), controls)
    assert said in called_out(replace(row, higher_is_better=higher_is_better))


def test_a_better_control_is_called_out_too_and_rows_are_plain_json() -> None:
    controls = {"centre": Figure(0.6, 0.5, 0.7), "oracle": Figure(0.2, 0.1, 0.3)}
    row = row_of(Figure(0.2, 0.1, 0.3), at_least(0.5), controls)
    assert called_out(row) == "a figure (0.200) is worse than centre (0.600)."
    assert json.loads(json.dumps(row.to_json()))["met"] is False
