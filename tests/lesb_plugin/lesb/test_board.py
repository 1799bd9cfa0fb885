"""What TensorBoard shows of a fit, against what can be computed without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

from lesb_plugin.drawing.tensorboard import POINTS, board_in, chosen, grid
from lesb_plugin.lesb.dataset import PseudoFakes
from lesb_plugin.lesb.embedding import Embedded, embed_faces
from lesb_plugin.lesb.fit import fit_lesb
from lesb_plugin.lesb.fitted import FittedLesb, load_fitted
from lesb_plugin.lfd.presets import psi_preset, region_preset
from lesb_plugin.lfd.variants import VariantDataset, Variants
from lesb_plugin.pseudo_fakes.blend_style import load_style
from registry import DataError, FitContext
from tests.shared.event_files import curve, image, names, points
from tests.shared.planted import planted_samples
from tests.shared.planted_lesb import crops, fit_context, fit_options, planted_embedder

PARTS = ("eyes", "nose", "mouth")


def context_of(folder: Path, *, tensorboard: bool) -> FitContext:
    return fit_context(
        folder,
        planted_embedder(grid=8),
        train=planted_samples(6),
        val=planted_samples(4, first=100),
        rank=4,
        ranks=(4, 6),
        epochs=3,
        pseudo_fakes=3,
        variants=4,
        control_seeds=2,
        tensorboard=tensorboard,
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board")
    fit_lesb(context_of(folder, tensorboard=True))
    return folder


@pytest.fixture(scope="module")
def fitted(run: Path) -> FittedLesb:
    return load_fitted(run / "artefact.safetensors", planted_embedder(grid=8).backbone)


@pytest.fixture(scope="module")
def variants(run: Path) -> list[Variants]:
    options = fit_options(run)
    regions, psi = region_preset(options.regions), psi_preset(options.psi)
    policy = planted_embedder(grid=8).backbone.crop
    data = VariantDataset(planted_samples(6), regions, psi, policy, 4, seed=0)
    return [each for each in map(data.__getitem__, range(6)) if isinstance(each, Variants)]


@pytest.fixture(scope="module")
def val(run: Path) -> Embedded:
    style = load_style(str(run / "style.yaml")).for_validation()
    embedder = planted_embedder(grid=8)
    fakes = PseudoFakes(planted_samples(4, first=100), embedder.backbone.crop, style, 3, "val")
    return embed_faces(embedder, fakes, workers=0, max_errors=0, quiet=True)


@pytest.mark.slow
def test_the_spectrum_is_that_of_the_covariance_within_faces(
    run: Path, variants: list[Variants]
) -> None:
    embedder = planted_embedder(grid=8)
    for k, part in enumerate(PARTS):
        embedded = np.stack([embedder(each.images[k]) for each in variants]).astype(np.float64)
        centred = (embedded - embedded.mean(axis=1, keepdims=True)).reshape(-1, embedded.shape[2])
        values = np.linalg.eigvalsh(centred.T @ centred / (6 * (4 - 1)))[::-1]
        steps, drawn = curve(run, f"spectrum/{part}")
        assert steps == list(range(1, len(values) + 1))
        assert_allclose(drawn, np.maximum(values, 0), rtol=1e-4, atol=1e-6 * values[0])
        _, explained = curve(run, f"explained/{part}")
        share = np.cumsum(values)[: len(explained)] / values.sum()
        assert_allclose(explained, share, atol=1e-4)


@pytest.mark.slow
def test_curves_of_heads_seeds_and_ranks_are_those_of_the_record(
    run: Path, fitted: FittedLesb
) -> None:
    for k, part in enumerate(PARTS):
        steps, aucs = curve(run, f"heads_auc/{part}")
        assert steps == [1, 2, 3]
        assert aucs.max() == pytest.approx(fitted.record["val_auc"][0]["parts"][k])
        assert (curve(run, f"heads_loss/{part}")[1] > 0).all()
        seeds, shown = curve(run, f"val_auc_random/{part}")
        assert seeds == [0, 1]
        expected = [each["random_parts"][k] for each in fitted.record["val_auc"]]
        assert_allclose(shown, expected, rtol=1e-6)
    ranks, aucs = curve(run, "val_auc_by_rank/fused")
    assert dict(zip(map(str, ranks), aucs, strict=True)) == pytest.approx(
        {str(rank): value for rank, value in fitted.record["val_auc_by_rank"].items()}
    )


def test_the_projector_keeps_the_distances_between_projections_of_all_parts(
    run: Path, fitted: FittedLesb, val: Embedded
) -> None:
    vectors, labels = points(run, "subspaces")
    projected = []
    for part in PARTS:
        basis = fitted.lfd.bases[part].astype(np.float64)
        projected.append((val.pairs - fitted.lfd.mean) @ basis @ basis.T)
    expected = np.concatenate(projected)
    assert_allclose(cdist(vectors, vectors), cdist(expected, expected), atol=1e-3)
    assert [each["part"] for each in labels] == [part for part in PARTS for _ in val.pairs]
    assert [each["method"] for each in labels] == ["real", "sbi"] * (len(expected) // 2)


def test_masks_and_augmentations_are_those_that_the_fit_has_seen(
    run: Path, variants: list[Variants]
) -> None:
    shown = variants[:4]
    rows = [[each.clean, *each.images[:, 0]] for each in shown]
    assert_array_equal(image(run, "augmentations"), grid(rows))
    masks = image(run, "masks")
    size = len(shown[0].clean)
    for row, each in enumerate(shown):
        for k in range(len(PARTS)):
            cell = masks[row * size : (row + 1) * size, (k + 1) * size : (k + 2) * size]
            changed = (each.images[k, 0] != each.clean).any(axis=2)
            assert changed.any()
            assert (cell[changed] > 0).all()


def test_pairs_show_where_a_fake_differs(run: Path, val: Embedded) -> None:
    sheet, size = image(run, "pairs"), len(val.examples[0].clean)
    assert sheet.shape == (4 * size, 3 * size, 3)
    real, fake = val.examples[1].pairs[0]
    row = sheet[size : 2 * size]
    assert_array_equal(row[:, :size], real)
    assert_array_equal(row[:, size : 2 * size], fake)
    differs = np.abs(fake.astype(int) - real).max(axis=2)
    expected = 255 * differs / differs.max()
    assert_allclose(row[:, 2 * size :, 0], expected, atol=1)


def test_overlays_colour_the_fakes_for_every_part_and_the_face(run: Path, val: Embedded) -> None:
    sheet, size = image(run, "overlays"), len(val.examples[0].clean)
    assert sheet.shape == (4 * size, (1 + len(PARTS) + 1) * size, 3)
    cells = sheet.reshape(4, size, 5, size, 3).transpose(0, 2, 1, 3, 4)
    for row, each in zip(cells, val.examples, strict=True):
        assert_array_equal(row[0], each.pairs[0, 1])
    assert all((cells[:, column] != cells[:, 0]).any() for column in range(1, 5))


def test_a_fit_writes_nothing_for_tensorboard_unless_it_is_asked_to(tmp_path: Path) -> None:
    quiet = replace(context_of(tmp_path, tensorboard=False), train=planted_samples(6))
    fit_lesb(quiet)
    assert not (tmp_path / "tensorboard").exists()


@pytest.mark.slow
def test_a_second_fit_into_the_folder_leaves_nothing_of_the_first(
    run: Path, tmp_path: Path
) -> None:
    (tmp_path / "tensorboard").mkdir()
    (tmp_path / "tensorboard" / "events.out.tfevents.1.old").write_bytes(b"")
    fit_lesb(context_of(tmp_path, tensorboard=True))
    assert not (tmp_path / "tensorboard" / "events.out.tfevents.1.old").exists()
    assert names(tmp_path, "scalars") == names(run, "scalars")


def test_the_projector_gets_so_many_points_and_no_more() -> None:
    rows = chosen(10 * POINTS, POINTS, seed=3)
    assert len(set(rows.tolist())) == POINTS
    assert (np.diff(rows) > 0).all()
    assert_array_equal(rows, chosen(10 * POINTS, POINTS, seed=3))
    assert (rows != chosen(10 * POINTS, POINTS, seed=4)).any()
    assert_array_equal(chosen(5, POINTS, seed=3), range(5))


def test_large_cells_are_made_smaller() -> None:
    crop = crops(planted_samples(1))[0].image
    sheet = grid([[crop, crop[..., 0]]], side=16)
    assert sheet.shape == (16, 32, 3)
    assert abs(float(sheet[:, :16].mean()) - float(crop.mean())) < 2


def test_the_board_of_a_refused_run_goes_again_and_that_of_an_interrupted_one_stays(
    tmp_path: Path,
) -> None:
    for error, kept in ((DataError("too many failed"), False), (KeyboardInterrupt(), True)):
        with pytest.raises(type(error)), board_in(tmp_path, wanted=True):
            raise error
        assert (tmp_path / "tensorboard").exists() == kept
