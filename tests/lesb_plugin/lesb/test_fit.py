from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lesb_plugin.lesb.fit
from lesb_plugin.lesb.dataset import PseudoFakes, Views
from lesb_plugin.lesb.embedding import Embedded, embed_faces
from lesb_plugin.lesb.fit import fit_lesb
from lesb_plugin.lesb.fitted import load_fitted
from lesb_plugin.lesb.options import LesbFitOptions
from lesb_plugin.lesb.styled import StyledFakes, for_validation
from lesb_plugin.lfd.artefact import load
from lesb_plugin.lfd.variants import load_in_order
from lesb_plugin.pseudo_fakes.blend_style import load_style
from lesb_plugin.pseudo_fakes.pairs import pair_maker
from lesb_plugin.pseudo_fakes.store import build_store
from lesb_plugin.pseudo_fakes.style import Style
from registry import (
    BenchError,
    ConfigError,
    CropPolicy,
    DataError,
    Embedder,
    FitContext,
    FitReport,
    crop_face,
    lazy,
    load_yaml,
)
from registry.builtin.backbones import build_timm
from registry.settings.load import resolve_options
from tests.shared.planted import BrokenSample, PlantedBackbone, planted_samples
from tests.shared.planted_lesb import crops, detector, fit_context, planted_embedder

QUICK = {"rank": 4, "epochs": 2, "pseudo_fakes": 2, "variants": 4}
BEYOND = 20  # the nose lies on six cells of three colours, and 8 faces leave 24 degrees of freedom


def quick(folder: Path, **changes: Any) -> FitContext:
    """A fit of a second or two: few faces, on a coarse grid."""
    few = {"train": planted_samples(8), "val": planted_samples(4, first=100)}
    return fit_context(folder, planted_embedder(grid=8), **{**QUICK, **few, **changes})


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> FitReport:
    train = [*planted_samples(30), BrokenSample(99)]
    context = quick(tmp_path_factory.mktemp("fit"), train=train, control_seeds=3, epochs=8)
    return fit_lesb(context)


# --- what a fit leaves behind ----------------------------------------------------------------


@pytest.mark.slow
def test_the_report_shows_every_part_beside_random_subspaces_with_their_spread(
    report: FitReport,
) -> None:
    title, header, rows = report.tables[0]
    assert "validation AUC" in title
    assert "3 seeds" in title
    assert header == ("scores of", "local subspace", "random subspace")
    assert [row[0] for row in rows] == ["eyes", "nose", "mouth", "mean of parts", "head (probe)"]
    assert all(" ± " in cell for row in rows[:4] for cell in row[1:])


def test_the_report_holds_the_diagnostics_of_lfd(report: FitReport) -> None:
    titles = " ".join(title for title, _, _ in report.tables[1:])
    for word in ("angles", "leakage", "explained"):
        assert word in titles


def test_a_sentence_stands_for_every_table(report: FitReport) -> None:
    assert len(report.findings) == len(report.tables)
    assert "random ones here" in report.findings[0]


def test_the_report_says_which_seed_ships_and_what_was_left_out(report: FitReport) -> None:
    notes = " ".join(report.notes)
    assert "30 faces to train on, 4 to validate on" in notes
    assert "heads of seed 0" in notes
    assert "1 faces of train could not be used; the first: planted/99/0: cannot read" in notes


@pytest.mark.slow
def test_the_bars_of_a_fit_are_numbered_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fit_lesb(replace(quick(tmp_path, ranks=(2, 4), control_seeds=1), quiet=False))
    err = capsys.readouterr().err
    steps = ["LFD", "pseudo-fakes (train)", "pseudo-fakes (val)", "ranks", "heads"]
    assert err.startswith(f"the fit of lesb has 5 steps: {', '.join(steps)}\n")
    for number, step in enumerate(steps, 1):
        assert f"{number} of 5: {step}:" in err


@pytest.mark.slow
def test_equal_fits_give_equal_files(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        context = replace(quick(tmp_path), out=tmp_path / name)
        found.append(fit_lesb(context).artefact.read_bytes())
    assert found[0] == found[1]


def test_the_artefact_keeps_seeds_aucs_and_skipped_faces(report: FitReport) -> None:
    record = load(report.artefact)[1]["lesb"]
    assert [run["seed"] for run in record["val_auc"]] == [0, 1, 2]
    assert {len(run["parts"]) for run in record["val_auc"]} == {3}
    assert [each["key"] for each in record["skipped"]] == ["planted/99/0"]
    assert record["fusions"][0] == "mean"
    assert record["probe"]["strength"] > 0


@pytest.mark.slow
def test_the_heads_that_ship_are_those_of_the_first_seed(tmp_path: Path) -> None:
    one, three = (
        fit_lesb(quick(_folder(tmp_path, str(seeds)), control_seeds=seeds)) for seeds in (1, 3)
    )
    backbone = PlantedBackbone(grid=8)
    first, second = (load_fitted(each.artefact, backbone) for each in (one, three))
    for name, array in first.heads.tensors().items():
        np.testing.assert_array_equal(array, second.heads.tensors()[name])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_artefact_and_another_seed_another(tmp_path: Path) -> None:
    one, again, other = (
        load(fit_lesb(quick(_folder(tmp_path, str(i)), seed=seed)).artefact)[0]
        for i, seed in enumerate((0, 0, 1))
    )
    for name, array in one.items():
        np.testing.assert_array_equal(array, again[name])
    assert (one["lfd.eyes.basis"] != other["lfd.eyes.basis"]).any()
    assert (one["lesb.heads.weight1"] != other["lesb.heads.weight1"]).any()


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


# --- choices ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_of_several_ranks_the_one_with_the_best_val_auc_is_kept(tmp_path: Path) -> None:
    chosen = fit_lesb(quick(_folder(tmp_path, "choice"), ranks=(2, 6), epochs=4))
    title, _, rows = chosen.tables[1]
    assert "by rank" in title
    best = max(rows, key=lambda row: float(row[1]))
    assert [row[2] for row in rows] == ["kept" if row is best else "" for row in rows]
    alone = fit_lesb(quick(_folder(tmp_path, "alone"), rank=int(best[0]), epochs=4))
    ours, theirs = load(chosen.artefact), load(alone.artefact)
    for name, array in theirs[0].items():
        np.testing.assert_array_equal(ours[0][name], array)
    by_rank = ours[1]["lesb"]["val_auc_by_rank"]
    assert {rank: f"{auc:.4f}" for rank, auc in by_rank.items()} == {r[0]: r[1] for r in rows}
    assert theirs[1]["lesb"]["val_auc_by_rank"] == {}


def test_a_rank_that_the_variants_do_not_support_is_left_out_with_a_note(tmp_path: Path) -> None:
    report = fit_lesb(quick(_folder(tmp_path, "three"), ranks=(2, 4, BEYOND), epochs=4))
    by_rank = load(report.artefact)[1]["lesb"]["val_auc_by_rank"]
    assert set(by_rank) == {"2", "4"}
    assert [note for note in report.notes if "skipped" in note] == [
        f"rank {BEYOND} is skipped: the variants of 'nose' differ in only 18 directions"
    ]


def test_ranks_of_which_none_is_supported_are_told_before_pseudo_fakes_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lesb_plugin.lesb.fit, "_embed", lambda *_: pytest.fail("made pseudo-fakes"))
    with pytest.raises(ConfigError, match=rf"ranks {BEYOND}, {BEYOND + 1} cannot be used: the"):
        fit_lesb(quick(tmp_path, ranks=(BEYOND, BEYOND + 1)))
    with pytest.raises(ConfigError, match=rf"rank {BEYOND} cannot be used.* lower the rank"):
        fit_lesb(quick(tmp_path, rank=BEYOND))


@pytest.mark.slow
def test_a_style_brings_its_families_of_pseudo_fakes(tmp_path: Path) -> None:
    style = tmp_path / "two.yaml"
    style.write_text("families: {inpaint: 1, transplant_alpha: 1}\nleast_change: 0.5\n")
    train = [*planted_samples(8), BrokenSample(99)]
    report = fit_lesb(
        quick(tmp_path, style=str(style), blend="sbi", train=train, max_errors=1, epochs=8)
    )
    record = load(report.artefact)[1]["lesb"]
    assert record["options"]["style"] == str(style)
    assert record["faces"] == {"train": 8, "val": 4}
    assert [each["key"] for each in record["skipped"]] == ["planted/99/0"]
    with pytest.raises(ConfigError, match=r"no configuration 'claen'.*; did you mean 'clean'"):
        fit_lesb(quick(_folder(tmp_path, "wrong"), style="claen", blend="sbi"))
    assert record["style"]["families"] == {"inpaint": 1, "transplant_alpha": 1}
    with pytest.raises(ConfigError, match="omit one of the two"):
        fit_lesb(quick(_folder(tmp_path, "both"), style=str(style), blend="other.yaml"))


def test_pairs_of_a_style_are_the_same_for_any_number_of_workers(tmp_path: Path) -> None:
    samples = planted_samples(3)
    store = build_store(samples, tmp_path / "faces", label="", workers=0, max_errors=0, quiet=True)
    maker = pair_maker(store, CropPolicy(size=64), "clean", purpose="fit train")
    dataset = StyledFakes(samples, maker, draws=2)
    alone, together = (list(load_in_order(dataset, workers)) for workers in (0, 2))
    for sample, one, other in zip(samples, alone, together, strict=True):
        assert isinstance(one, Views)
        assert isinstance(other, Views)
        np.testing.assert_array_equal(one.pairs, other.pairs)
        np.testing.assert_array_equal(one.clean, crop_face(*sample.load(), maker.crop).image)


def test_validation_crops_a_style_as_faces_are_scored(tmp_path: Path) -> None:
    store = build_store(
        planted_samples(2), tmp_path / "faces", label="", workers=0, max_errors=0, quiet=True
    )
    maker = pair_maker(store, CropPolicy(size=64), "sbi", purpose="fit val")
    validation = for_validation(maker)
    assert maker.recipe.placement.margin == (0.05, 0.2)
    assert validation.recipe.placement.margin is None
    assert (validation.blend.after, validation.blend.jpeg_p) == (None, 0.0)


# --- what cannot be fitted -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": planted_samples(1)}, "got 1 and 4; add data with --train and --val"),
        ({"val": []}, "got 8 and 0; add data with --train and --val"),
        ({"rank": 100}, r"rank 100 is not between 1 and 24, .*8 faces with 4 variants"),
        ({"blend": "sbj"}, "no configuration 'sbj'.*'sbi'"),
        ({"regions": "noses"}, "no configuration 'noses'.*eyes_nose_mouth"),
        ({"psi": "papers"}, "no configuration 'papers'.*paper"),
    ],
)
def test_a_fit_that_cannot_be_done_says_what_to_change_and_leaves_nothing(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(BenchError, match=f"(?s){message}"):
        fit_lesb(replace(quick(tmp_path, **changes), tensorboard=True))
    assert {path.name for path in tmp_path.iterdir()} == {"style.yaml", "regions.yaml"}  # inputs


def test_a_rank_that_cannot_be_leaves_the_board_of_the_fit_before(tmp_path: Path) -> None:
    before = tmp_path / "tensorboard" / "events"
    before.parent.mkdir()
    before.touch()
    for rank in (BEYOND, 100):
        with pytest.raises(ConfigError, match=f"rank {rank} "):
            fit_lesb(replace(quick(tmp_path, rank=rank), tensorboard=True))
    assert before.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("flips: 0.5", "unknown key 'flips'; did you mean 'flip'. keys: flip, "),
        ("colour: {rbg: 3}", "unknown key 'colour.rbg';.* keys: rgb, "),
        ("hulls: [nose]", r"hulls \['nose'\] are not among lower, components, brows, full"),
        ("kernel: [5.5, 7]", r"kernel\[0\] must be a whole number, got 5.5"),
        ("scale: wide", "scale must be a number, got 'wide'"),
        ("margin: [0.1]", r"margin must be a list of 2 values, got \[0.1\]"),
        ("shift: [0.1, -1]", "shift must be 0 or more, got -1"),
        ("colour: {rgb: -2}", "colour must be 0 or more, got -2"),
        ("colour: 3", "colour must be a mapping, got 3"),
    ],
)
def test_a_style_that_is_none_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    context = quick(tmp_path)
    options = replace(context.options, blend=str(tmp_path / "bad.yaml"))
    with pytest.raises(ConfigError, match=f"bad.yaml.*{message}"):
        fit_lesb(replace(context, options=options))


def test_the_shipped_style_is_the_default_one() -> None:
    assert load_style("sbi") == Style()


def test_the_shipped_fit_configuration_is_the_default_one() -> None:
    values = load_yaml("fit", "lesb")
    address = lazy("lesb_plugin.lesb.options:LesbFitOptions")
    assert resolve_options(address, values["options"]) == LesbFitOptions()


# --- embedding -------------------------------------------------------------------------------


def embed(
    samples: list[Any], max_errors: float = 0.05, embedder: Embedder | None = None
) -> Embedded:
    embedder = embedder or planted_embedder(grid=8)
    dataset = PseudoFakes(
        samples=samples, crop=embedder.backbone.crop, style=Style(), draws=3, purpose="train"
    )
    found = embed_faces(embedder, dataset, workers=0, max_errors=max_errors, quiet=True)
    assert found is not None
    return found


def test_embeddings_come_with_their_labels_real_before_fake() -> None:
    embedder = planted_embedder(grid=8)
    found = embed(planted_samples(4))
    assert found.clean.shape == (4, 192)
    assert found.pairs.shape == (24, 192)
    np.testing.assert_array_equal(found.labels, [0, 1] * 12)
    policy = embedder.backbone.crop
    dataset = PseudoFakes(planted_samples(4), policy, Style(), draws=3, purpose="train")
    last = dataset[3]
    assert isinstance(last, Views)
    np.testing.assert_allclose(found.pairs[-2:], embedder(last.pairs[2]), atol=1e-4)
    np.testing.assert_allclose(found.clean[3:], embedder(last.clean[None]), atol=1e-4)


def test_more_broken_faces_than_allowed_end_the_fit_with_a_count() -> None:
    samples = [*planted_samples(3), BrokenSample(50), BrokenSample(51)]
    with pytest.raises(DataError, match=r"1 of 5 faces could not be used.*planted/50/0: cannot"):
        embed(samples, max_errors=0.1)
    with pytest.raises(DataError, match=r"2 of 5 faces.*max_errors 1 allows"):
        embed(samples, max_errors=1)
    found = embed(samples, max_errors=2)
    assert len(found.clean) == 3
    assert [each.key for each in found.skipped] == ["planted/50/0", "planted/51/0"]


def test_no_usable_face_at_all_is_an_error() -> None:
    with pytest.raises(DataError, match="none of 2 faces of the train split"):
        embed([BrokenSample(1), BrokenSample(2)], max_errors=5)


def test_a_backbone_that_gives_nan_ends_the_fit() -> None:
    class Broken(PlantedBackbone):
        def embed(self, features: Any) -> Any:
            return super().embed(features) * float("nan")

    with pytest.raises(DataError, match="'planted' gives NaN or infinite embeddings for planted/0"):
        embed(planted_samples(1), embedder=Embedder(Broken(grid=8)))


# --- real networks ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("model", ["test_efficientnet", "test_vit"])
def test_fit_and_score_run_on_networks_with_random_weights(tmp_path: Path, model: str) -> None:
    embedder = Embedder(build_timm(f"timm/{model}", "random", 0))
    report = fit_lesb(fit_context(tmp_path, embedder, train=planted_samples(6), **QUICK))
    lesb = detector(report.artefact, embedder, fusion="all")
    scores = lesb.score(crops(planted_samples(3, first=300), embedder))
    for values in (scores.fake, *scores.regions.values(), *scores.variants.values()):
        assert values.shape == (3,)
        assert ((values >= 0) & (values <= 1)).all()
    other = Embedder(build_timm(f"timm/{model}", "random", 1))
    with pytest.raises(DataError, match=f"timm/{model}.*weights_sha256"):
        detector(report.artefact, other)
