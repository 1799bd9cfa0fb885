"""What a command line names is checked before torch is loaded, and nothing is drawn for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lesb_plugin.audit.options import AuditConfig
from lesb_plugin.explain.config import ExplainConfig
from registry.errors import (
    BenchError,
    ConfigError,
    DataError,
    EmptySplitError,
    NotFittedError,
    UnknownNameError,
)
from registry.settings.shared import ModelSettings
from registry.settings.tasks import CostConfig, EvalConfig, PredictConfig
from registry.tasks.ready import check_ready
from tests.shared.tiny import write_reals

TINY = {"backbone": "timm/test_efficientnet", "weights": "random", "detector": "linear"}


def refused(config: ModelSettings) -> BenchError:
    with pytest.raises(BenchError) as found:
        check_ready(config)
    return found.value


def test_a_folder_without_faces_is_no_reference(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for cls in (PredictConfig, ExplainConfig):
        error = refused(cls(reference=str(empty), **TINY))
        assert isinstance(error, DataError)
        assert f"no data in {empty}: the folder is empty" in str(error)
    assert "no such file or folder" in str(refused(PredictConfig(reference="gone/faces", **TINY)))
    assert "did you mean 'toy'?" in str(refused(PredictConfig(reference="toys", **TINY)))


def test_fewer_real_faces_than_a_verdict_needs_are_refused_by_their_number(tmp_path: Path) -> None:
    for name in ("few", "enough"):
        (tmp_path / name).mkdir()
    few = write_reals(tmp_path / "few", 6)
    assert "6 real faces" in str(refused(PredictConfig(reference=few, **TINY)))
    check_ready(PredictConfig(reference=write_reals(tmp_path / "enough", 24), **TINY))


def test_a_detector_without_part_scores_is_not_audited_or_explained_by_them() -> None:
    for name in ("random", "linear"):
        error = refused(AuditConfig(detector=name, dataset=("toy",)))
        assert isinstance(error, ConfigError)
        assert f"detector {name!r} scores no parts" in str(error)
        assert "--detector lesb, lesb_gep, lesb_roi" in str(error)
    for name in ("contrastive", "part_heads"):  # which have them from the detector
        error = refused(AuditConfig(explainer=name, dataset=("toy",), **TINY))
        assert f"explainer {name!r} then says nothing of them either" in str(error)
        assert str(refused(ExplainConfig(explainer=name, **TINY))) == str(error)
        check_ready(ExplainConfig(explainer=name))
        check_ready(AuditConfig(explainer=name, dataset=("toy",)))
    check_ready(AuditConfig(explainer="occlusion", dataset=("toy",), **TINY))
    for name in (None, "occlusion"):
        check_ready(ExplainConfig(explainer=name, **TINY))
    check_ready(CostConfig(dataset=("toy",), **TINY))
    check_ready(AuditConfig(dataset=("toy",)))


def test_a_mistyped_explainer_and_its_options_are_refused() -> None:
    for cls in (ExplainConfig, AuditConfig, CostConfig):
        error = refused(cls(explainer="camm", **TINY))
        assert isinstance(error, UnknownNameError)
        assert "did you mean 'cam'?" in str(error)
        error = refused(cls(explainer="cam", explain={"methd": "layercam"}, **TINY))
        assert "unknown key 'explain.methd'; did you mean 'method'?" in str(error)
        check_ready(cls(explainer="cam", explain={"method": "layercam"}, **TINY))


def test_a_detector_that_is_chosen_has_to_be_fitted_for_the_backbone() -> None:
    check_ready(PredictConfig())
    error = refused(PredictConfig(backbone="timm/test_efficientnet", weights="random"))
    assert "detector 'lesb_roi' has no fitted artefact" in str(error)
    assert "no backbone named 'efflite'" in str(refused(PredictConfig(backbone="efflite")))


@pytest.mark.parametrize("weights", ["random", None])
def test_a_model_that_its_family_does_not_have_comes_before_what_is_missing_for_it(
    weights: str | None,
) -> None:
    error = refused(EvalConfig(backbone="timm/resnet5", weights=weights, detector="lesb"))
    assert isinstance(error, UnknownNameError)
    assert "no backbone named 'timm/resnet5'; did you mean 'timm/resnet5" in str(error)
    assert "similar: timm/" in str(error)
    assert "`bench list backbones --timm 'GLOB'` finds them" in str(error)
    unlike = refused(EvalConfig(backbone="timm/nope", weights=weights, detector="lesb"))
    assert str(unlike).startswith("no backbone named 'timm/nope'; timm/* is any timm model")
    start = refused(EvalConfig(backbone="timm/deit3", weights=weights, detector="lesb"))
    assert "similar: timm/deit3_base_patch16_224" in str(start)
    tagged = EvalConfig(backbone="timm/resnet18.a1_in1k", weights="random", detector="lesb")
    assert isinstance(refused(tagged), NotFittedError)


def test_metrics_and_reporters_are_looked_up() -> None:
    assert "no metric named 'auk'" in str(refused(EvalConfig(metrics=("auk",), **TINY)))
    assert "no reporter named 'pdf'" in str(refused(EvalConfig(reporters=("pdf",), **TINY)))


def test_damage_and_the_predictor_of_landmarks_are_looked_up() -> None:
    assert "no corruption named 'jpg'" in str(refused(EvalConfig(corrupt=("jpg:1",), **TINY)))
    for cls in (EvalConfig, PredictConfig):
        assert "no landmark predictor at gone.dat" in str(
            refused(cls(landmarks="gone.dat", **TINY))
        )


def test_a_split_that_a_data_set_never_has_is_refused_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    for cls in (EvalConfig, AuditConfig, CostConfig):
        error = refused(cls(dataset=("toy",), split="tset", **TINY))
        assert isinstance(error, EmptySplitError)
        assert str(error) == (
            "data set 'toy' has no split 'tset'; did you mean 'test'? splits: train, val, test"
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_torch_is_not_loaded_for_that(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    (tmp_path / "empty").mkdir()
    lines = [
        ["predict", "photo.jpg", "--reference", "empty"],
        ["explain", "photo.jpg", "--explainer", "camm"],
        ["audit", "--explainer", "camm", "--dataset", "toy"],
        ["eval", "--split", "tset"],
    ]
    code = (
        "import sys; from registry.cli import main\n"
        f"assert [main(line) for line in {lines}] == [2] * {len(lines)}\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "runs").exists()
