"""`lesb_gep`, fitted on drawn faces."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesb_plugin.export.source import load_source
from lesb_plugin.gep.detector import build_gep
from lesb_plugin.gep.fit import Contrastive, fit_gep
from lesb_plugin.gep.options import GepFitOptions
from lesb_plugin.gep.subspace import Weights
from lesb_plugin.lesb.detector import build_lesb
from lesb_plugin.lesb.embedding import Embedded
from lesb_plugin.lesb.fit import fit_lesb
from lesb_plugin.lesb.fitted import load_fitted
from lesb_plugin.lesb.options import LesbOptions
from lesb_plugin.lfd.artefact import load, save
from registry import (
    ConfigError,
    DataError,
    DetectorContext,
    Embedder,
    FitContext,
    FitReport,
    lazy,
    load_yaml,
)
from registry.builtin.backbones import build_timm
from registry.checks import check_light_import, check_options
from registry.settings.load import resolve_options
from tests.shared.planted import PlantedBackbone, planted_samples
from tests.shared.planted_lesb import crops, fit_context, planted_embedder
from tests.shared.random_lesb import BACKBONE
from tests.shared.random_lesb import backbone as random_backbone
from tests.shared.random_lesb import fitted as random_lesb

QUICK = {"rank": 4, "epochs": 2, "pseudo_fakes": 2, "variants": 4}


def quick(folder: Path, embedder: Embedder | None = None, **changes: Any) -> FitContext:
    """Few faces, on a coarse grid; options are those of `lesb_gep`."""
    folder.mkdir(exist_ok=True)
    few = {"train": planted_samples(8), "val": planted_samples(4, first=100)}
    own = {name: changes.pop(name) for name in ("identity", "noise") if name in changes}
    embedder = embedder or planted_embedder(grid=8)
    context = fit_context(folder, embedder, **{**QUICK, **few, **changes})
    return dataclasses.replace(
        context, options=GepFitOptions(**dataclasses.asdict(context.options), **own)
    )


def context_of(artefact: Path, embedder: Embedder | None = None) -> DetectorContext:
    embedder = embedder or planted_embedder(grid=8)
    return DetectorContext(embedder=embedder, options=LesbOptions(fusion="vote"), artefact=artefact)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> FitReport:
    return fit_gep(quick(tmp_path_factory.mktemp("gep"), ranks=(2, 4)))


@pytest.fixture(scope="module")
def lesb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The paper's, of the same faces."""
    folder, few = tmp_path_factory.mktemp("lesb"), planted_samples(8)
    return fit_lesb(fit_context(folder, planted_embedder(grid=8), train=few, **QUICK)).artefact


# --- what a fit leaves behind ----------------------------------------------------------------


@pytest.mark.slow
def test_the_report_shows_each_parts_own_share_by_direction(report: FitReport) -> None:
    (table,) = [each for each in report.tables if "own share" in each[0]]
    title, header, rows = table
    assert "(0.333: shared, 1: own)" in title
    assert [row[0] for row in rows] == ["eyes", "nose", "mouth"]
    lfd = load_fitted(report.artefact, planted_embedder(grid=8).backbone).lfd
    assert header == ("part", "1", "2", *(("4",) if lfd.rank == 4 else ()))
    for part, *cells in rows:
        shares = lfd.diagnostics["own_share"][part]
        assert len(shares) == lfd.rank
        assert shares == sorted(shares, reverse=True)
        assert cells == [f"{shares[int(r) - 1]:.3f}" for r in header[1:]]
        assert 0.9 < shares[0] <= 1  # of parts that share no cell


@pytest.mark.slow
def test_the_paper_has_no_such_table(lesb: Path) -> None:
    assert "own_share" not in load(lesb)[1]["lfd"]["diagnostics"]


@pytest.mark.slow
def test_the_artefact_says_how_its_subspaces_were_made(report: FitReport, lesb: Path) -> None:
    metadata, paper = load(report.artefact)[1], load(lesb)[1]
    assert metadata["lfd"]["provenance"]["subspaces"] == {
        "method": "contrastive", "identity": 1.0, "noise": 0.1, "ridge": 1e-3,
    }  # fmt: skip
    assert paper["lfd"]["provenance"]["subspaces"] == {"method": "principal"}
    assert metadata["lesb"]["detector"] == "lesb_gep"
    assert metadata["lesb"]["options"]["noise"] == 0.1
    assert paper["lesb"]["detector"] == "lesb"


def test_the_artefact_comes_back_as_it_was_written(report: FitReport, tmp_path: Path) -> None:
    fitted = load_fitted(report.artefact, PlantedBackbone(grid=8))
    copy = fitted.save(tmp_path / "copy.safetensors")
    assert copy.read_bytes() == report.artefact.read_bytes()
    for basis in fitted.lfd.bases.values():
        assert basis.dtype == np.float32
        np.testing.assert_allclose(basis.T @ basis, np.eye(fitted.lfd.rank), atol=1e-6)


@pytest.mark.slow
def test_its_subspaces_depend_on_what_they_avoid(report: FitReport, tmp_path: Path) -> None:
    rank = load_fitted(report.artefact, PlantedBackbone(grid=8)).lfd.rank
    same, other = (
        load(fit_gep(quick(tmp_path / name, rank=rank, **weights)).artefact)[0]
        for name, weights in (("same", {}), ("other", {"identity": 0.0, "noise": 5.0}))
    )
    ours = load(report.artefact)[0]
    np.testing.assert_array_equal(same["lfd.eyes.basis"], ours["lfd.eyes.basis"])
    assert (other["lfd.eyes.basis"] != ours["lfd.eyes.basis"]).any()


def test_what_it_avoids_are_faces_about_their_mean_and_reals_about_their_face() -> None:
    rng = np.random.default_rng(0)
    faces, draws, dim = 70, 3, 5  # more than one block
    clean = rng.normal(size=(faces, dim)).astype(np.float32)
    pairs = rng.normal(size=(faces, draws, 2, dim)).astype(np.float32)
    pairs[:, :, 1] *= 100  # fakes are none of its business
    train = Embedded(
        clean=clean,
        pairs=pairs.reshape(-1, dim),
        labels=np.tile([0, 1], faces * draws),
        families=np.tile(["", "sbi"], faces * draws),
        skipped=(),
        examples=(),
    )
    found = Contrastive.of(train, Weights(identity=1.0, noise=0.1, ridge=1e-3))
    exact = clean.astype(np.float64)
    np.testing.assert_allclose(found.identity, np.cov(exact.T, bias=True), rtol=1e-9)
    noise = np.mean(
        [
            np.outer(pairs[i, j, 0] - exact[i], pairs[i, j, 0] - exact[i])
            for i in range(faces)
            for j in range(draws)
        ],
        axis=0,
    )
    np.testing.assert_allclose(found.noise, noise, rtol=1e-6, atol=1e-9)


# --- scoring -----------------------------------------------------------------------------------


def test_it_scores_under_its_own_name(report: FitReport) -> None:
    found = build_gep(context_of(report.artefact))
    assert found.vote_variants == {"lesb_gep"}
    assert set(found.fitted) == {"lfd", "lesb_gep"}
    scores = found.score(crops(planted_samples(2, first=300), found.embedder))
    assert set(scores.regions) == {"eyes", "nose", "mouth"}


def test_either_detector_refuses_what_the_other_has_fitted(report: FitReport, lesb: Path) -> None:
    with pytest.raises(DataError, match=r"belongs to .* 'lesb_gep', not to 'lesb',.*fit"):
        build_lesb(context_of(report.artefact))
    with pytest.raises(DataError, match=r"belongs to .* 'lesb', not to 'lesb_gep'.*bench fit"):
        build_gep(context_of(lesb))


def test_an_artefact_that_names_no_detector_is_of_lesb(lesb: Path, tmp_path: Path) -> None:
    tensors, metadata = load(lesb)
    del metadata["lesb"]["detector"], metadata["lfd"]["provenance"]["subspaces"]
    old = save(tmp_path / "old.safetensors", tensors, metadata)
    assert set(build_lesb(context_of(old)).fitted) == {"lfd", "lesb"}
    with pytest.raises(DataError, match="belongs to detector 'lesb', not to 'lesb_gep'"):
        build_gep(context_of(old))


def test_a_missing_artefact_is_named() -> None:
    with pytest.raises(ConfigError, match="'lesb_gep' needs an artefact"):
        build_gep(DetectorContext(embedder=planted_embedder(), options=None))


@pytest.mark.slow
def test_what_is_exported_says_which_detector_it_is(tmp_path: Path) -> None:
    model = random_lesb(random_backbone())
    for name in ("lesb", "lesb_gep"):
        record = {**model.record, "detector": name}
        path = dataclasses.replace(model, record=record).save(tmp_path / f"{name}.safetensors")
        assert load_source(BACKBONE, "random", str(path)).detector == name


@pytest.mark.slow
@pytest.mark.parametrize("model", ["test_efficientnet", "test_vit"])
def test_fit_and_score_run_on_networks_with_random_weights(tmp_path: Path, model: str) -> None:
    embedder = Embedder(build_timm(f"timm/{model}", "random", 0))
    found = build_gep(context_of(fit_gep(quick(tmp_path, embedder)).artefact, embedder))
    scores = found.score(crops(planted_samples(3, first=300), embedder))
    for values in (scores.fake, *scores.regions.values(), *scores.variants.values()):
        assert values.shape == (3,)
        assert ((values >= 0) & (values <= 1)).all()


# --- options -----------------------------------------------------------------------------------


def test_the_options_are_flags_with_help_and_light_to_import() -> None:
    check_options(GepFitOptions)
    check_light_import("lesb_plugin.gep.options")


def test_the_shipped_fit_configuration_is_the_default_one() -> None:
    values = load_yaml("fit", "lesb_gep")
    assert values["detector"] == "lesb_gep"
    address = lazy("lesb_plugin.gep.options:GepFitOptions")
    assert resolve_options(address, values["options"]) == GepFitOptions()
