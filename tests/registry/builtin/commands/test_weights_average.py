"""The mean of several weights files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from registry.cli import main


def written(folder: Path, name: str, tensors: dict[str, torch.Tensor]) -> Path:
    path = folder / f"{name}.safetensors"
    save_file(tensors, path)
    return path


def weights(value: float, steps: int) -> dict[str, torch.Tensor]:
    return {
        "conv.weight": torch.full((2, 3), value, dtype=torch.float16),
        "conv.bias": torch.tensor([value, -value]),
        "bn.num_batches_tracked": torch.tensor(steps),
    }


def test_every_tensor_is_the_mean_and_keeps_its_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [
        written(tmp_path, f"{at}", weights(value, at)) for at, value in enumerate((1.0, 2.0, 6.0))
    ]
    out = tmp_path / "mean.safetensors"
    assert main(["weights", "average", *map(str, files), "--out", str(out)]) == 0
    found = load_file(out)
    assert torch.equal(found["conv.weight"], torch.full((2, 3), 3.0, dtype=torch.float16))
    assert torch.equal(found["conv.bias"], torch.tensor([3.0, -3.0]))
    assert found["bn.num_batches_tracked"] == 0
    assert "the mean of 3 files" in capsys.readouterr().out


def test_files_of_two_networks_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = written(tmp_path, "one", weights(1, 1))
    other = written(tmp_path, "other", weights(1, 1) | {"conv.weight": torch.zeros(2, 4)})
    lacking = written(tmp_path, "lacking", {"conv.bias": torch.zeros(2)})
    arguments = ["weights", "average", "--out", str(tmp_path / "mean.safetensors"), str(one)]
    assert main([*arguments, str(other)]) == 2
    assert "conv.weight is (2, 3) in the first and (2, 4) in the second" in capsys.readouterr().err
    assert main([*arguments, str(lacking)]) == 2
    assert "in the first and missing in the second" in capsys.readouterr().err
    assert not (tmp_path / "mean.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["average", "a.safetensors", "b.safetensors"], "needs --out"),
        (["average", "a.safetensors", "--out", "m.safetensors"], "at least two weights files"),
        (["average", "a.pt", "b.pt", "--out", "m.pt"], "written as FILE.safetensors"),
        (["inspect", "a.pt", "b.pt"], "takes one file, not 2"),
    ],
)
def test_what_is_missing_is_said(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["weights", *arguments]) == 2
    assert said in capsys.readouterr().err
