from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from lesb_plugin.lesb.styled import styled_fakes
from lesb_plugin.lfd.artefact import load, save
from lesb_plugin.lfd.part_grid import part_weights
from lesb_plugin.lfd.presets import region_preset
from lesb_plugin.roi.dataset import PartFakes, PartViews
from lesb_plugin.roi.detector import build_roi
from lesb_plugin.roi.encoding import RoiEncoder
from lesb_plugin.roi.fit import fit_roi
from lesb_plugin.roi.fitted import load_fitted
from lesb_plugin.roi.localisation import localisation
from registry import (
    CalibratedDetector,
    ConfigError,
    DataError,
    DetectorContext,
    Embedder,
    Face,
    FitReport,
    checks,
    crop_face,
)
from registry.builtin.backbones import build_timm
from tests.shared.drawn_training import DrawnPerson, people
from tests.shared.textured import TextureBackbone, crops, detector, fit_context, texture_embedder


@pytest.fixture(scope="module")
def report(roi_report: FitReport) -> FitReport:
    return roi_report


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> list[PartViews]:
    """Pseudo-fakes of people that the fit has not seen."""
    folder = tmp_path_factory.mktemp("unseen")
    context = fit_context(folder, val=people(12, first=300), seed=5)
    style = str(folder / "style.yaml")
    fakes = styled_fakes(context, style, 6, "val", folder)
    items = PartFakes(fakes, region_preset(str(folder / "regions.yaml")))
    found = [items[i] for i in range(len(items))]
    return [item for item in found if isinstance(item, PartViews)]


@pytest.mark.slow
def test_the_bars_of_a_fit_are_numbered_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = {"train": people(8), "val": people(4, first=100)}
    fit_roi(replace(fit_context(tmp_path, **few), quiet=False))
    err = capsys.readouterr().err
    steps = ["reading train faces", "pseudo-fakes (train)", "reading val faces"]
    steps += ["pseudo-fakes (val)"]
    assert err.startswith(f"the fit of lesb_roi has 4 steps: {', '.join(steps)}\n")
    for number, step in enumerate(steps, 1):
        assert f"{number} of 4: {step}:" in err


@pytest.mark.slow
def test_equal_fits_give_equal_files(tmp_path: Path) -> None:
    found = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        out = tmp_path / name
        context = fit_context(tmp_path, out=out, train=people(8), val=people(4, first=100))
        found.append(fit_roi(context).artefact.read_bytes())
    assert found[0] == found[1]


def test_pairs_are_labelled_by_the_parts_that_differ(views: list[PartViews]) -> None:
    labels = np.concatenate([each.labels for each in views])
    families = np.concatenate([each.families for each in views])
    assert (labels[families == ""] == 0).all()
    assert (np.nan_to_num(labels[families != ""], nan=1).sum(axis=1) > 0).all()
    singles = labels[(families != "") & (labels.sum(axis=1) == 1)]
    assert (singles.sum(axis=0) > 3).all()  # every part was changed on its own


def test_what_a_pair_differs_in_lies_at_its_changed_part(views: list[PartViews]) -> None:
    """The landmarks are those of the crops, mirrored and turned as they are."""
    checked = 0
    for each in views:
        for at in range(2, len(each.images), 2):
            if not np.array_equal(each.labels[at], [0, 0, 1]):
                continue
            change = np.abs(each.images[at].astype(float) - each.images[at - 1]).sum(axis=2)
            rows, columns = np.nonzero(change > 20)
            centre = each.landmarks[at][48:60].mean(axis=0)
            assert_allclose([columns.mean(), rows.mean()], centre, atol=6)
            checked += 1
    assert checked > 3


@pytest.mark.slow
def test_a_fit_names_the_changed_part_of_unseen_faces(
    report: FitReport, views: list[PartViews]
) -> None:
    found = detector(report.artefact)
    rows = np.concatenate([found._encode(each.images, each.landmarks) for each in views])
    labels = np.concatenate([each.labels for each in views])
    families = np.concatenate([each.families for each in views])
    parts = np.stack(list(found.score_embeddings(rows).regions.values()))
    measured = localisation(parts, labels, parts[:, families == ""])
    assert measured.singles > 20
    assert measured.right_part > 0.9
    assert measured.redundancy < 0.2
    assert measured.part_auc.min() > 0.9


def test_a_sentence_stands_for_every_table(report: FitReport) -> None:
    assert len(report.findings) == len(report.tables) == 3
    assert "comes first" in report.findings[1]


def test_the_detector_keeps_the_contract(report: FitReport) -> None:
    checks.check_detector(detector(report.artefact), crops(4))


def test_scores_are_those_of_the_embeddings(report: FitReport) -> None:
    found, faces = detector(report.artefact), crops(3)
    direct, cached = found.score(faces), found.score_embeddings(found.embed(faces))
    assert_array_equal(direct.fake, cached.fake)
    assert_array_equal(direct.variants["head"], cached.variants["head"])
    for part in ("eyes", "nose", "mouth"):
        assert_array_equal(direct.regions[part], cached.regions[part])


def test_embeddings_are_not_taken_for_those_of_the_backbone_alone(report: FitReport) -> None:
    assert detector(report.artefact).encoder != texture_embedder().encoder


def test_heads_read_the_mean_of_their_part_alone(report: FitReport) -> None:
    found, (face,) = detector(report.artefact), crops(1)
    assert face.landmarks is not None
    (cells,) = found.embedder.with_map(face.image[None])[1]  # (C, h, w)
    parts = part_weights(face.landmarks, found.regions, len(face.image), cells.shape[1:])
    (encoded,) = found.embed([face])
    features = encoded[found.embedder.backbone.dim :].reshape(len(parts), -1)
    for part, weights in zip(features, parts, strict=True):
        mean = np.average(cells.reshape(len(cells), -1), axis=1, weights=weights.ravel())
        assert_allclose(part, mean, atol=1e-3)


def test_an_artefact_whose_heads_read_other_features_is_refused(
    report: FitReport, tmp_path: Path
) -> None:
    tensors, metadata = load(report.artefact)
    roi = {name: value for name, value in metadata["roi"].items() if name != "features"}
    path = save(tmp_path / "other.safetensors", tensors, {**metadata, "roi": roi})
    with pytest.raises(DataError, match=r"other features \(parts\).*fit it again"):
        load_fitted(path, texture_embedder().backbone)


def test_a_crop_without_landmarks_is_refused_with_what_gives_them(report: FitReport) -> None:
    bare = replace(crops(1)[0], landmarks=None, dataset="clips", video="a", frame=7)
    with pytest.raises(DataError, match=r"clips/a frame 7 has none.*--landmarks FILE.*--face"):
        detector(report.artefact).score([bare])


def test_a_crop_without_one_of_the_parts_has_no_scores(report: FitReport) -> None:
    whole, cut = crops(2)
    assert cut.landmarks is not None
    landmarks = cut.landmarks.copy()
    landmarks[48:68] += 200
    found = detector(report.artefact).embed([whole, replace(cut, landmarks=landmarks)])
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).any()  # the host makes an error row of it


def test_an_artefact_holds_all_of_the_model(report: FitReport) -> None:
    fitted = load_fitted(report.artefact, TextureBackbone())
    faces = crops(3)
    embedder = texture_embedder()
    found = detector(report.artefact, embedder)
    scores = fitted.model.scores_of(found.embed(faces), embedder)
    assert_array_equal(scores.fused, found.score(faces).fake)
    assert fitted.reals.parts.shape == (3, 8 * 5)  # each face as it is, and in four qualities
    assert found.val_sharpness is not None
    assert found.val_sharpness.shape == (8 * 5,)
    assert isinstance(found, CalibratedDetector)
    assert_array_equal(found.val_reals.fake, fitted.reals.fused)
    assert_array_equal(found.val_reals.regions["mouth"], fitted.reals.parts[2])
    json.dumps(found.fitted)  # plain data


def test_an_artefact_is_refused_by_another_backbone(report: FitReport) -> None:
    with pytest.raises(DataError, match=r"belongs to .*'texture' .* not to .*'other'"):
        detector(report.artefact, texture_embedder("other"))


def test_an_artefact_is_refused_at_another_precision(report: FitReport) -> None:
    embedder = Embedder(TextureBackbone(), precision="bfloat16")
    with pytest.raises(ConfigError, match="fitted at precision float32, not bfloat16"):
        detector(report.artefact, embedder)


def test_a_detector_without_an_artefact_says_what_it_needs() -> None:
    with pytest.raises(ConfigError, match="'lesb_roi' needs an artefact of `bench fit`"):
        build_roi(DetectorContext(embedder=texture_embedder(), options=None))


@dataclass(frozen=True)
class CutPerson(DrawnPerson):
    """A photograph that ends above the mouth, as the landmarks tell."""

    def load(self) -> tuple[NDArray[np.uint8], Face]:
        image, face = super().load()
        assert face.landmarks is not None
        landmarks = face.landmarks.copy()
        landmarks[48:68] += 400
        return image, replace(face, landmarks=landmarks)


@pytest.mark.slow
def test_a_face_without_one_of_the_parts_is_skipped_with_the_reason(tmp_path: Path) -> None:
    found = fit_roi(fit_context(tmp_path, train=[*people(6), CutPerson(90)], max_errors=1))
    (skipped,) = load(found.artefact)[1]["roi"]["skipped"]
    assert skipped["key"] == "drawn/90/0"
    assert "part 'mouth'" in skipped["reason"]
    with pytest.raises(DataError, match="part 'mouth'"):
        fit_roi(fit_context(tmp_path, train=[*people(6), CutPerson(90)], max_errors=0))


def test_a_fit_needs_faces_of_both_splits(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs at least 2 real faces .* got 14 and 1"):
        fit_roi(fit_context(tmp_path, val=people(1)))


def test_a_part_may_cover_the_crop_and_one_outside_of_it_has_no_features(tmp_path: Path) -> None:
    (face,) = crops(1)
    assert face.landmarks is not None
    file = tmp_path / "face.yaml"
    file.write_text("parts: {all_of_it: [[0-26]]}\n")
    encode = RoiEncoder(texture_embedder(), region_preset(str(file)))
    centre = face.landmarks[:27].mean(axis=0)
    points = [(face.landmarks - centre) * 20 + centre, face.landmarks + 10_000]
    images = np.stack([face.image, face.image])
    covering, outside = encode(images, points)[:, encode.embedder.backbone.dim :]
    (cells,) = encode.embedder.with_map(face.image[None])[1]
    assert_allclose(covering, cells.mean(axis=(1, 2)), rtol=1e-4)
    assert np.isnan(outside).all()
    assert encode.fault(images[:1], points[:1]) == ""
    assert "no pixel inside" in encode.fault(images[1:], points[1:])


@pytest.mark.slow
@pytest.mark.parametrize("model", ["test_efficientnet", "test_vit"])
def test_fit_and_score_run_on_networks_with_random_weights(tmp_path: Path, model: str) -> None:
    embedder = Embedder(build_timm(f"timm/{model}", "random", 0))
    quick = {"pseudo_fakes": 2}
    made = fit_roi(fit_context(tmp_path, embedder=embedder, train=people(6), options=quick))
    policy = embedder.backbone.crop
    faces = [crop_face(*person.load(), policy) for person in people(3, first=300)]
    scores = detector(made.artefact, embedder).score(faces)
    assert set(scores.regions) == {"eyes", "nose", "mouth"}
    for values in (scores.fake, *scores.regions.values()):
        assert values.shape == (3,)
        assert ((values >= 0) & (values <= 1)).all()
    other = Embedder(build_timm(f"timm/{model}", "random", 1))
    with pytest.raises(DataError, match=f"belongs to .*timm/{model}"):
        detector(made.artefact, other)
