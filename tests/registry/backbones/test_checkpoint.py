from __future__ import annotations

import hashlib
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from registry.backbones.checkpoint import load_state, load_strict, looks_like, state_sha256
from registry.errors import DataError


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return {"stem.weight": torch.arange(12.0).reshape(3, 4), "stem.bias": torch.ones(3)}


def saved(folder: Path, content: Any, **how: Any) -> Path:
    path = folder / "weights.tar"
    torch.save(content, path, **how)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as refused:
        load_state(path)
    assert str(path).replace("\0", r"\x00") in str(refused.value)
    return str(refused.value)


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_torch_file_is_read_and_identified_by_its_bytes(
    tmp_path: Path, state: dict[str, torch.Tensor], zipped: bool
) -> None:
    path = saved(tmp_path, state, _use_new_zipfile_serialization=zipped)
    found, sha256 = load_state(path)
    assert_same(found, state)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_safetensors_are_recognised_by_content_whatever_the_suffix(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "weights.pth"
    save_file(state, path)
    found, sha256 = load_state(path)
    assert sorted(found) == sorted(state)
    assert all(torch.equal(found[name], state[name]) for name in state)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("key", ["model", "state_dict", "model_state_dict", "net"])
def test_a_training_checkpoint_is_opened_at_its_state_dict(
    tmp_path: Path, state: dict[str, torch.Tensor], key: str
) -> None:
    path = saved(tmp_path, {"epoch": 3, "optimizer": {"state": {}}, key: OrderedDict(state)})
    assert_same(load_state(path)[0], state)


@pytest.mark.parametrize("prefix", ["module.", "net.", "module.net.", "_orig_mod.", "model."])
def test_a_prefix_that_every_name_has_is_taken_off(
    tmp_path: Path, state: dict[str, torch.Tensor], prefix: str
) -> None:
    path = saved(tmp_path, {prefix + name: tensor for name, tensor in state.items()})
    assert_same(load_state(path)[0], state)


def test_a_prefix_that_only_some_names_have_stays(tmp_path: Path) -> None:
    mixed = {"net.weight": torch.ones(1), "head.weight": torch.ones(1)}
    assert_same(load_state(saved(tmp_path, mixed))[0], mixed)


def test_a_missing_file_a_folder_and_an_empty_file_are_told_apart(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pt"
    empty.touch()
    assert "no weights file at" in refusal(tmp_path / "nowhere.pt")
    assert "is a folder" in refusal(tmp_path)
    assert "is empty" in refusal(empty)
    assert "cannot read the weights file" in refusal(empty / "weights.pt")


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, kind: str, kept: float) -> None:
    path = tmp_path / "weights.pt"
    state = {"weight": torch.rand(100, 10)}
    if kind == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    assert "cut short" in refusal(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG image"),
        (bytes(257) + b"ustar" + bytes(250), "a tar archive"),
        (b"just some notes", "neither a torch nor a safetensors file"),
        (bytes(range(256)) * 4, "neither a torch nor a safetensors file"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    assert told in refusal(path)


class Harmful:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.victim,)


@pytest.mark.parametrize("pickler", ["torch", "pickle"])
def test_code_in_a_checkpoint_is_refused_and_does_not_run(tmp_path: Path, pickler: str) -> None:
    victim = tmp_path / "touched"
    path = tmp_path / "weights.pt"
    if pickler == "torch":
        torch.save({"state_dict": Harmful(victim)}, path)
    else:
        path.write_bytes(pickle.dumps(Harmful(victim)))
    refusal(path)
    assert not victim.exists()


def test_a_whole_pickled_module_is_refused_with_the_way_to_save_its_tensors(tmp_path: Path) -> None:
    told = refusal(saved(tmp_path, nn.Linear(2, 2)))
    assert "torch.nn.modules.linear.Linear" in told
    assert "torch.save(model.state_dict()" in told


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_a_torchscript_program_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), path)
    assert "TorchScript" in refusal(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([torch.ones(1)], "a list"),
        ({"epoch": 3, "history": [1, 2]}, "epoch, history"),
        ({}, "the keys none"),
        (torch.ones(3), "a Tensor"),
        ({"model": {"lr": 0.1}}, "lr"),
    ],
)
def test_a_file_without_a_state_dict_says_what_it_holds(
    tmp_path: Path, content: Any, told: str
) -> None:
    message = refusal(saved(tmp_path, content))
    assert "no state dict" in message
    assert told in message


# --- identity ----------------------------------------------------------------------------------


def test_the_hash_of_a_state_ignores_order_and_layout(state: dict[str, torch.Tensor]) -> None:
    reordered = dict(reversed(state.items()))
    reordered["stem.weight"] = state["stem.weight"].t().contiguous().t()
    assert state_sha256(reordered) == state_sha256(state)


@pytest.mark.parametrize(
    "change",
    [
        {"stem.bias": torch.tensor([1.0, 1.0, 1.0 + 2**-23])},
        {"stem.weight": torch.arange(12.0).reshape(4, 3)},
        {"stem.bias": torch.ones(3, dtype=torch.float64)},
        {"extra": torch.tensor(1)},
        {"extra": torch.tensor(True)},
    ],
)
def test_the_hash_of_a_state_follows_every_change(
    state: dict[str, torch.Tensor], change: dict[str, torch.Tensor]
) -> None:
    assert state_sha256(state | change) != state_sha256(state)


# --- loading -----------------------------------------------------------------------------------


def test_missing_unexpected_and_misshapen_tensors_are_counted_and_named() -> None:
    model = nn.Sequential(OrderedDict((f"layer{i}", nn.Linear(2, 2)) for i in range(5)))
    state = model.state_dict()
    kept = {name: tensor for name, tensor in state.items() if name.startswith("layer0")}
    kept["layer0.weight"] = torch.ones(3, 2)
    kept["other"] = torch.ones(1)
    with pytest.raises(DataError) as refused:
        load_strict(model, kept, "file.pt as weights of backbone 'x'")
    told = str(refused.value)
    assert "file.pt as weights of backbone 'x' does not fit" in told
    assert "8 missing (layer1.weight, layer1.bias, layer2.weight, ... 5 more)" in told
    assert "1 unexpected (other)" in told
    assert "1 of another shape (layer0.weight (3, 2) for (2, 2))" in told


def test_nothing_is_loaded_from_a_state_that_does_not_fit() -> None:
    model = nn.Linear(2, 2)
    before = model.weight.detach().clone()
    with pytest.raises(DataError):
        load_strict(model, {"weight": torch.zeros(2, 2)}, "x")
    assert torch.equal(model.weight, before)


def test_a_file_from_before_batch_counters_fits() -> None:
    state = nn.BatchNorm2d(3).state_dict()
    del state["num_batches_tracked"]
    model = nn.BatchNorm2d(3)
    load_strict(model, {**state, "running_mean": torch.full((3,), 7.0)}, "x")
    assert torch.equal(model.running_mean, torch.full((3,), 7.0))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            ["_conv_stem.weight", "_fc.weight"],
            "an efficientnet_pytorch EfficientNet with 5 classes",
        ),
        (["backbone.efficientnet._bn0.weight", "backbone.last_layer.weight"], "DeepfakeBench"),
        (["patch_embed.proj.weight", "blocks.0.attn.qkv.weight"], "a vision transformer (2"),
        (["layer1.0.conv1.weight", "fc.weight"], "a ResNet with 5 classes"),
        (["a", "b", "c", "d", "e"], "not know (5 tensors: a, b, c, ... 2 more)"),
    ],
)
def test_a_state_dict_is_described(names: list[str], told: str) -> None:
    assert told in looks_like({name: torch.zeros(5, 2) for name in names})


def test_a_device_a_pipe_and_a_folder_are_no_weights(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "zero.pt").symlink_to("/dev/zero")
    (tmp_path / "itself.pt").symlink_to(tmp_path / "itself.pt")
    for name in ("pipe.pt", "zero.pt", "itself.pt", "x" * 300, "a\0b"):
        refusal(tmp_path / name)


def test_an_archive_that_would_fill_the_memory_is_refused(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    whole, path = saved(tmp_path, state), tmp_path / "bomb.pt"
    with (
        zipfile.ZipFile(whole) as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in source.namelist():
            big = name.endswith("data/0")
            bomb.writestr(name, bytes(64 << 20) if big else source.read(name))
    assert "far more than its own size" in refusal(path)


def test_a_small_storage_that_stands_for_a_giant_tensor_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, {"w": torch.ones(1).expand(1 << 20, 1 << 20)})
    assert "far more than its own size" in refusal(path)


def test_a_deflated_archive_of_a_usual_size_is_read(
    tmp_path: Path, state: dict[str, torch.Tensor]
) -> None:
    whole, path = saved(tmp_path, state), tmp_path / "small.pt"
    with (
        zipfile.ZipFile(whole) as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as small,
    ):
        for name in source.namelist():
            small.writestr(name, source.read(name))
    try:
        found, _ = load_state(path)
    except DataError:  # torch reads stored archives alone, in some versions
        return
    assert_same(found, state)
