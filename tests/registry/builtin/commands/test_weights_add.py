"""`bench weights add`: a file goes where its backbone finds it, and nothing else does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch

from registry.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.pth"
    torch.save(timm.create_model("test_efficientnet", num_classes=2).state_dict(), path)
    return path


def add(*args: str) -> int:
    return main(["weights", "add", *args])


@pytest.mark.slow
def test_a_named_backbone_finds_the_file_afterwards(
    folder: Path, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(str(file), "--backbone", "timm/test_efficientnet") == 0
    kept = folder / "timm_test_efficientnet.pth"
    assert kept.read_bytes() == file.read_bytes()
    assert str(kept) in capsys.readouterr().out
    run = ["eval", "--detector", "linear", "--backbone", "timm/test_efficientnet", "--quiet"]
    assert main([*run, "--frames", "1", "--draws", "0", "--out", str(tmp_path / "run")]) == 0
    found = json.loads((tmp_path / "run" / "results.json").read_text())
    assert found["provenance"]["backbone"]["weights"] == kept.name


@pytest.mark.slow
def test_the_same_file_again_is_no_error_and_another_is(folder: Path, file: Path) -> None:
    flags = ("--backbone", "timm/test_efficientnet")
    assert add(str(file), *flags) == add(str(file), *flags) == 0
    before = file.read_bytes()
    torch.manual_seed(1)
    torch.save(timm.create_model("test_efficientnet", num_classes=2).state_dict(), file)
    assert add(str(file), *flags) == 2
    assert (folder / "timm_test_efficientnet.pth").read_bytes() == before
    assert add(str(file), *flags, "--overwrite") == 0
    assert (folder / "timm_test_efficientnet.pth").read_bytes() == file.read_bytes()


@pytest.mark.slow
def test_a_file_that_does_not_fit_is_not_kept(
    folder: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(str(file), "--backbone", "vit_s16") == 2
    assert "backbone 'vit_s16' cannot load" in capsys.readouterr().err
    assert add(str(file)) == 2
    assert "--backbone" in capsys.readouterr().err
    assert not folder.exists()


def test_a_backbone_with_weights_of_its_own_needs_none(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from lesb_plugin import weights

    shipped = Path(weights.__file__).parent / "sbi_efflite0.safetensors"
    assert add(str(shipped)) == 2
    assert "--weights" in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.slow
def test_a_published_name_is_kept_and_the_backbone_is_found_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "xception_best.pth"
    torch.save(timm.create_model("legacy_xception", num_classes=2).state_dict(), path)
    assert add(str(path), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["backbone"] == "xception"
    assert told["kept"] == str(folder / "xception_best.pth")
