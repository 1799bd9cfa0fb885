from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit

from lesb_plugin.lesb.detector import build_lesb
from lesb_plugin.lesb.fit import fit_lesb
from lesb_plugin.lesb.fitted import load_fitted
from lesb_plugin.lesb.fusion import FUSIONS, fuse
from lesb_plugin.lfd.artefact import load, save
from registry import (
    CalibratedDetector,
    ConfigError,
    DataError,
    DetectorContext,
    DifferentiableDetector,
    Embedder,
    EmbeddingDetector,
    FitReport,
    LocalDetector,
)
from registry.checks import check_detector
from tests.shared.planted import PlantedBackbone, planted_samples
from tests.shared.planted_lesb import crops, detector, fit_context, planted_embedder, tinted

UNSEEN = planted_samples(25, first=500)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> FitReport:
    # Of 16 faces, parts are told apart by a hair, one way or the other with the OpenCV that draws.
    train = planted_samples(32)
    return fit_lesb(fit_context(tmp_path_factory.mktemp("lesb"), train=train))


@pytest.fixture(scope="module")
def artefact(report: FitReport) -> Path:
    return report.artefact


# --- scores ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("part", ["eyes", "nose", "mouth"])
def test_a_fake_with_one_part_changed_always_gets_its_highest_score_there(
    artefact: Path, part: str
) -> None:
    lesb = detector(artefact)
    regions = {region.name: region for region in lesb.model.lfd.regions.parts}
    rng = np.random.default_rng(0)
    found = crops(UNSEEN)
    fakes = [dataclasses.replace(c, image=tinted(c, regions[part], rng)) for c in found]
    scores = lesb.score(fakes)
    for other in set(regions) - {part}:
        assert (scores.regions[part] > scores.regions[other]).all()
    assert (scores.regions[part] > lesb.score(found).regions[part]).all()


def test_unchanged_faces_score_low_in_every_part(artefact: Path) -> None:
    scores = detector(artefact).score(crops(UNSEEN))
    for part in ("eyes", "nose", "mouth"):
        assert scores.regions[part].max() < 0.5


def test_it_is_an_embedding_detector_and_both_ways_agree(artefact: Path) -> None:
    embedder = planted_embedder()
    lesb = detector(artefact, embedder, fusion="all")
    assert isinstance(lesb, EmbeddingDetector)
    assert lesb.encoder == embedder.encoder
    found = crops(UNSEEN[:5])
    one, other = lesb.score(found), lesb.score_embeddings(lesb.embed(found))
    np.testing.assert_array_equal(one.fake, other.fake)
    for name, values in one.variants.items():
        np.testing.assert_array_equal(values, other.variants[name])


def test_the_scores_are_those_of_projecting_and_running_each_head(artefact: Path) -> None:
    lesb = detector(artefact)
    embeddings = lesb.embed(crops(UNSEEN[:5]))
    local = lesb.model.lfd.project(embeddings)
    stacked = np.stack([local[part] for part in lesb.parts])
    expected = expit(lesb.model.heads.logits(stacked))
    scores = lesb.score_embeddings(embeddings)
    for part, values in zip(lesb.parts, expected, strict=True):
        np.testing.assert_allclose(scores.regions[part], values, atol=1e-6)


@pytest.mark.parametrize("fusion", ["mean", "all"])
def test_it_keeps_the_contract_of_detectors(artefact: Path, fusion: str) -> None:
    check_detector(detector(artefact, fusion=fusion), crops(UNSEEN[:4]))


@pytest.mark.parametrize("fusion", list(FUSIONS))
def test_the_chosen_fusion_is_the_main_score(artefact: Path, fusion: str) -> None:
    lesb = detector(artefact, fusion=fusion)
    scores = lesb.score(crops(UNSEEN[:4]))
    parts = np.stack(list(scores.regions.values()))
    np.testing.assert_array_equal(scores.fake, fuse(parts, fusion))
    assert list(scores.variants) == ["head"]
    assert lesb.vote_variants == (frozenset({"lesb"}) if fusion == "vote" else frozenset())


def test_all_fusions_come_from_one_pass(artefact: Path) -> None:
    lesb = detector(artefact, fusion="all")
    scores = lesb.score(crops(UNSEEN[:4]))
    assert set(scores.variants) == {"head", *FUSIONS} - {"mean"}
    parts = np.stack(list(scores.regions.values()))
    np.testing.assert_array_equal(scores.fake, fuse(parts, "mean"))
    for fusion in set(FUSIONS) - {"mean"}:
        np.testing.assert_array_equal(scores.variants[fusion], fuse(parts, fusion))
    assert lesb.vote_variants == {"vote"}


# --- the head --------------------------------------------------------------------------------


class WithHead(PlantedBackbone):
    """The planted backbone with a linear head."""

    direction = np.linspace(-0.01, 0.01, 192)

    def head(self, embedding: torch.Tensor) -> torch.Tensor:
        # In float64: what float32 sums of such products lose depends on the processor.
        return (embedding.double() @ torch.from_numpy(self.direction) + 0.5).float()

    def head_direction(self) -> NDArray[np.float64]:
        return self.direction


@pytest.mark.slow
def test_a_backbone_with_a_head_keeps_it_as_a_variant(tmp_path: Path) -> None:
    embedder = Embedder(WithHead(grid=8))
    context = fit_context(tmp_path, embedder, rank=4, epochs=1, pseudo_fakes=2)
    lesb = detector(fit_lesb(context).artefact, embedder)
    assert lesb.head_kind == "own"
    assert lesb.model.probe is None
    embeddings = lesb.embed(crops(UNSEEN[:4]))
    expected = expit(embeddings.astype(np.float64) @ WithHead.direction + 0.5)
    np.testing.assert_allclose(
        lesb.score_embeddings(embeddings).variants["head"], expected, atol=1e-6
    )


def test_a_backbone_without_a_head_gets_a_probe(artefact: Path, report: FitReport) -> None:
    lesb = detector(artefact)
    assert lesb.head_kind == "probe"
    assert lesb.model.probe is not None
    embeddings = lesb.embed(crops(UNSEEN[:4]))
    expected = expit(lesb.model.probe.logits(embeddings))
    np.testing.assert_array_equal(lesb.score_embeddings(embeddings).variants["head"], expected)
    assert any("head: probe" in note for note in report.notes)


def test_an_artefact_without_probe_is_refused_where_one_is_needed(
    artefact: Path, tmp_path: Path
) -> None:
    tensors, metadata = load(artefact)
    metadata["lesb"]["probe"] = None
    changed = save(tmp_path / "a.safetensors", tensors, metadata)
    with pytest.raises(DataError, match="no fake/real head, and the artefact has no probe"):
        detector(changed).score(crops(UNSEEN[:1]))


# --- the artefact ----------------------------------------------------------------------------


def test_the_artefact_says_where_it_comes_from(artefact: Path) -> None:
    lesb = detector(artefact)
    assert lesb.trained_on == ("drawn",)
    record = lesb.fitted["lesb"]
    assert record["data_fingerprint"] == "drawn"
    assert record["faces"] == {"train": 32, "val": 6}
    assert record["shipped_seed"] == 0
    assert record["options"]["rank"] == 16
    assert record["style"]["source"] == 1
    assert "scikit-learn" in record["versions"]
    backbone = lesb.fitted["lfd"]["backbone"]
    assert backbone["name"] == "planted"
    assert backbone["weights_sha256"] == PlantedBackbone(grid=16).weights_sha256
    json.dumps(lesb.fitted)


def test_the_scores_of_validation_reals_are_kept(artefact: Path) -> None:
    lesb = detector(artefact, fusion="all")
    scores = lesb.score(crops(planted_samples(6, first=100)))
    reals = load_fitted(artefact, PlantedBackbone(grid=16)).reals
    np.testing.assert_allclose(reals.parts, np.stack(list(scores.regions.values())), atol=1e-6)
    np.testing.assert_allclose(reals.head, scores.variants["head"], atol=1e-9)
    for row, fusion in zip(reals.fused, FUSIONS, strict=True):
        expected = scores.fake if fusion == "mean" else scores.variants[fusion]
        np.testing.assert_allclose(row, expected, atol=1e-6)


@pytest.mark.parametrize("fusion", ["mean", "max"])
def test_the_detector_shows_the_kept_scores_under_its_fusion(artefact: Path, fusion: str) -> None:
    lesb = detector(artefact, fusion=fusion)
    assert isinstance(lesb, CalibratedDetector)
    scores = lesb.score(crops(planted_samples(6, first=100)))
    np.testing.assert_allclose(lesb.val_reals.fake, scores.fake, atol=1e-6)
    assert list(lesb.val_reals.regions) == list(scores.regions)
    for part, kept in lesb.val_reals.regions.items():
        np.testing.assert_allclose(kept, scores.regions[part], atol=1e-6)


def test_saving_and_loading_keeps_every_score(artefact: Path, tmp_path: Path) -> None:
    copy = load_fitted(artefact, PlantedBackbone(grid=16)).save(tmp_path / "copy.safetensors")
    assert copy.read_bytes() == artefact.read_bytes()
    found = crops(UNSEEN[:4])
    np.testing.assert_array_equal(
        detector(copy).score(found).fake, detector(artefact).score(found).fake
    )


def test_another_backbone_is_refused_by_both_names(artefact: Path) -> None:
    with pytest.raises(DataError, match=r"'planted'.*not to backbone 'other'"):
        detector(artefact, planted_embedder(name="other"))


def test_other_weights_are_refused_by_both_hashes(artefact: Path) -> None:
    embedder = planted_embedder()
    own, embedder.backbone.weights_sha256 = embedder.backbone.weights_sha256, "f" * 64
    with pytest.raises(DataError, match=f"(?s){own[:12]}.*ffffffffffff"):
        detector(artefact, embedder)


def test_another_precision_is_refused_with_the_flag_to_pass(artefact: Path) -> None:
    embedder = planted_embedder()
    embedder.precision = "bfloat16"
    with pytest.raises(ConfigError, match=r"precision float32, not bfloat16.*--precision float32"):
        detector(artefact, embedder)


@pytest.mark.parametrize("kept", [0, 7, 100, 5000, -1])
def test_a_truncated_artefact_is_refused(artefact: Path, tmp_path: Path, kept: int) -> None:
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(artefact.read_bytes()[:kept])
    with pytest.raises(DataError, match=r"cut\.safetensors"):
        detector(cut)


@pytest.mark.parametrize("missing", ["lesb.heads.weight2", "lesb.val_reals.parts"])
def test_an_incomplete_artefact_is_refused_and_says_what_is_missing(
    artefact: Path, tmp_path: Path, missing: str
) -> None:
    tensors, metadata = load(artefact)
    del tensors[missing]
    with pytest.raises(DataError, match=f"the LESB in .*{missing.rpartition('.')[2]}"):
        detector(save(tmp_path / "a.safetensors", tensors, metadata))


def test_an_artefact_of_lfd_alone_is_no_lesb(artefact: Path, tmp_path: Path) -> None:
    tensors, metadata = load(artefact)
    del metadata["lesb"]
    with pytest.raises(DataError, match=r"the LESB in .*; fit it with `bench fit --detector lesb"):
        detector(save(tmp_path / "a.safetensors", tensors, metadata))


def test_a_missing_artefact_or_backbone_is_named() -> None:
    with pytest.raises(ConfigError, match="needs an artefact"):
        build_lesb(DetectorContext(embedder=planted_embedder(), options=None))
    with pytest.raises(ConfigError, match="needs a backbone"):
        build_lesb(DetectorContext(embedder=None, options=None))


# --- what explainers ask -------------------------------------------------------------------------


def test_the_logits_that_torch_can_differentiate_are_those_of_the_scores(artefact: Path) -> None:
    lesb = detector(artefact)
    assert isinstance(lesb, DifferentiableDetector)
    embeddings = lesb.embed(crops(UNSEEN[:4]))
    scores = lesb.score_embeddings(embeddings)
    leaf = torch.from_numpy(embeddings).requires_grad_()
    logits = lesb.logits(leaf)
    assert list(logits) == ["eyes", "nose", "mouth", "face"]
    wanted = {**scores.regions, "face": scores.variants["head"]}
    for target, logit in logits.items():
        assert expit(logit.detach().double().numpy()) == pytest.approx(wanted[target], abs=1e-6)
        (gradient,) = torch.autograd.grad(logit.sum(), leaf, retain_graph=True)
        assert gradient.abs().sum(dim=1).min() > 0


def test_local_embeddings_are_those_of_its_lfd_and_regions_too(artefact: Path) -> None:
    lesb = detector(artefact)
    assert isinstance(lesb, LocalDetector)
    embeddings = lesb.embed(crops(UNSEEN[:2]))
    for part, local in lesb.project(embeddings).items():
        centred = embeddings - lesb.model.lfd.mean
        assert local == pytest.approx(centred @ lesb.model.lfd.bases[part], abs=1e-4)
    assert lesb.regions.names == lesb.parts
