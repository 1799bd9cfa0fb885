"""Contracts of backbones, and of wrappers that make a backbone from another one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from registry.checks.samples import example_crops, from_threads, require, same
from registry.contracts.backbone import Backbone
from registry.contracts.training import Training
from registry.contracts.types import CropPolicy, Features
from registry.plugins.specs import BackboneSpec, WrapperSpec

if TYPE_CHECKING:
    import torch

__all__ = ["check_backbone", "check_wrapper"]


def check_backbone(
    spec: BackboneSpec, *, name: str | None = None, weights: str | None = None
) -> Backbone:
    """Build the backbone of a record (`name` picks a family's member) and check it against the
    Protocol.

    `weights` is the file of a backbone that needs one, or "random". Returns the backbone. Batches,
    repetition, other images in the batch: nothing of these changes an embedding; `mean_pooled` and
    `head_direction` are what they claim to be.
    """
    require(isinstance(spec, BackboneSpec), "check_backbone takes a BackboneSpec", spec)
    require(
        weights is not None or not spec.needs_weights,
        f"backbone {spec.name!r} needs weights: pass the file as weights=..., or weights='random'",
        weights,
    )
    backbone = spec.build(name or spec.name, weights, 0)
    _check_attributes(backbone, f"backbone {spec.name!r}")
    require(
        spec.input_size in {None, backbone.crop.size},
        f"backbone {spec.name!r} must crop to the input_size of its record, {spec.input_size}",
        backbone.crop.size,
    )
    _check_numbers(backbone, f"backbone {spec.name!r}")
    return backbone


def check_wrapper(spec: WrapperSpec, backbone: Backbone, artefact: Path) -> Backbone:
    """Wrap `backbone`: the result is a backbone too, and the one inside is unchanged.

    It has a fingerprint of its own, so that caches do not mix up the embeddings of the two.
    """
    images = _images(backbone)
    before = _embed(backbone, images)
    wrapped = spec.wrap(backbone, artefact)
    what = f"what wrapper {spec.name!r} makes"
    _check_attributes(wrapped, what)
    _check_numbers(wrapped, what)
    require(
        wrapped.weights_sha256 != backbone.weights_sha256,
        f"{what} must have its own weights_sha256, derived from the backbone's and the artefact",
        "that of the backbone inside it",
    )
    after = _embed(backbone, images)
    require(
        np.array_equal(before, after),
        f"wrapper {spec.name!r} must leave the wrapped backbone unchanged",
        "other embeddings",
    )
    return wrapped


def _check_attributes(backbone: Backbone, what: str) -> None:
    kinds: dict[str, type[Any]] = {
        "name": str,
        "crop": CropPolicy,
        "dim": int,
        "mean_pooled": bool,
        "weights": str,
        "weights_sha256": str,
        "trained_on": tuple,
    }
    for attribute, kind in kinds.items():
        value = getattr(backbone, attribute, None)
        require(isinstance(value, kind), f"{attribute} of {what} must be a {kind.__name__}", value)
    require(
        re.fullmatch("[0-9a-f]{64}", backbone.weights_sha256) is not None,
        f"weights_sha256 of {what} must be 64 hexadecimal digits",
        repr(backbone.weights_sha256),
    )
    for each in backbone.trained_on:
        require(isinstance(each, Training), f"trained_on of {what} must hold Trainings", each)


def _check_numbers(backbone: Backbone, what: str) -> None:
    import torch

    images = _images(backbone)
    original = images.clone()
    with torch.inference_mode():
        features = backbone.features(images)
        _check_features(features, len(images), what)
        embedded = backbone.embed(features)
    together = embedded.numpy()
    require(torch.equal(images, original), f"{what} must not change its images", "changed images")
    shape = (len(images), backbone.dim)
    require(together.shape == shape, f"embed of {what} must be {shape} (B, dim)", together.shape)
    require(bool(np.isfinite(together).all()), f"embed of {what} must be finite", "NaN or inf")
    alone = np.concatenate([_embed(backbone, image[None]) for image in images])
    again = _embed(backbone, images[:1])
    require(
        np.array_equal(alone[:1], again),
        f"{what} must be deterministic (eval mode)",
        "other values",
    )
    require(
        same(alone, together),
        f"an embedding of {what} must not depend on the other images of its batch",
        f"a difference of {np.abs(alone - together).max():.2g}",
    )
    if getattr(backbone, "concurrent", False):
        _check_concurrent(backbone, images, together, what)
    if backbone.mean_pooled:
        _check_mean_pooled(features, together, what)
    _check_head(backbone, embedded, what)
    require(hasattr(backbone.to("cpu"), "embed"), f"to() of {what} must return a backbone", "none")


def _check_concurrent(
    backbone: Backbone, images: torch.Tensor, together: NDArray[Any], what: str
) -> None:
    found, backwards = from_threads(lambda each: _embed(backbone, each), [images, images.flip(0)])
    require(
        same(found, together) and same(backwards[::-1], together),
        f"{what} claims to be concurrent, so several threads may call it at once",
        "other embeddings from two threads",
    )


def _check_features(features: Features, count: int, what: str) -> None:
    shape = tuple(features.map.shape)
    require(
        len(shape) == 4 and shape[0] == count,
        f"Features.map of {what} must be (B, C, h, w) with B = {count}",
        shape,
    )
    if features.tokens is not None:
        tokens = tuple(features.tokens.shape)
        require(
            len(tokens) == 3 and tokens[0] == count and tokens[1] >= shape[2] * shape[3],
            f"Features.tokens of {what} must be (B, T, C), prefix tokens and one per map position",
            tokens,
        )


def _check_mean_pooled(features: Features, embedded: NDArray[Any], what: str) -> None:
    mean = features.map.mean(dim=(2, 3)).numpy()
    require(
        same(mean, embedded),
        f"{what} claims mean_pooled, so embed must be the mean of Features.map over positions",
        "another embedding",
    )


def _check_head(backbone: Backbone, embedded: torch.Tensor, what: str) -> None:
    """Check that there is a logit per image if there is a head; a direction must be its
    gradient.
    """
    import torch

    with torch.inference_mode():
        logits = backbone.head(embedded)
    direction = backbone.head_direction()
    if logits is None:
        require(direction is None, f"{what} has no head, so head_direction must be None", direction)
        return
    shape = tuple(logits.shape)
    require(shape == (len(embedded),), f"head of {what} must be (B,)", shape)
    if direction is not None:
        # Far apart from each other: embeddings of two images may differ by less than rounding.
        noise = torch.randn((4, backbone.dim), generator=torch.Generator().manual_seed(0))
        spread = noise * embedded.abs().mean()
        with torch.inference_mode():
            found = backbone.head(spread)
        require(
            found is not None
            and same(np.diff(spread.double().numpy(), axis=0) @ direction, np.diff(found.numpy())),
            f"head of {what} must be linear with the slope head_direction, or that must be None",
            "another slope",
        )


def _images(backbone: Backbone) -> torch.Tensor:
    """Return (2, 3, S, S) in [0, 1]."""
    import torch

    crops = example_crops(backbone.crop.size, 2)
    stacked = np.stack([crop.image for crop in crops]).transpose(0, 3, 1, 2)
    return torch.from_numpy(stacked.astype(np.float32) / 255)


def _embed(backbone: Backbone, images: torch.Tensor) -> NDArray[np.float32]:
    import torch

    with torch.inference_mode():
        return np.asarray(backbone.embed(backbone.features(images)).numpy(), dtype=np.float32)
