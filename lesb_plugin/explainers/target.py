"""The target of an explanation: the logits of a detector's heads, and their gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from registry import ConfigError, Crop, Detector, DifferentiableDetector, Embedder

__all__ = ["batches", "differentiable", "gradients", "linear_weight", "pixels"]

ANY_DETECTOR = "occlusion, occlusion_grid and shapley explain any detector"


def differentiable(detector: Detector, explainer: str) -> DifferentiableDetector:
    """Return the detector if torch can differentiate its logits; else a ConfigError."""
    if not isinstance(detector, DifferentiableDetector):
        raise ConfigError(
            f"explainer {explainer!r} follows a score back through a network to the image, and"
            f" this detector offers none to follow; {ANY_DETECTOR} (--explainer NAME)"
        )
    return detector


def batches(crops: Sequence[Crop], embedder: Embedder) -> Iterator[Sequence[Crop]]:
    """Yield the crops in the embedder's batches."""
    for start in range(0, len(crops), embedder.batch_size):
        yield crops[start : start + embedder.batch_size]


def pixels(crops: Sequence[Crop], embedder: Embedder) -> torch.Tensor:
    """Return the backbone's input (B, 3, S, S)."""
    return embedder.pixels(np.stack([crop.image for crop in crops]))


def gradients(
    logits: Mapping[str, torch.Tensor], activation: torch.Tensor, what: str
) -> dict[str, torch.Tensor]:
    """Return the gradient of every target's logits (B,), of the activation's shape.

    A ConfigError where a target does not depend on the activation, which `what` names.
    """
    found = {}
    for target, logit in logits.items():
        gradient = None
        if logit.requires_grad:
            (gradient,) = torch.autograd.grad(
                logit.sum(), activation, retain_graph=True, allow_unused=True
            )
        if gradient is None:
            raise ConfigError(
                f"the logit {target!r} does not depend on {what}, so there is nothing to"
                f" map; choose another layer, or another explainer: {ANY_DETECTOR}"
            )
        found[target] = gradient
    return found


def linear_weight(detector: DifferentiableDetector, explainer: str) -> torch.Tensor:
    """Return the weights w (d,) of the face's logit w e + b; a ConfigError where it is not
    linear.
    """
    embedder = detector.embedder
    rng = torch.Generator().manual_seed(0)
    points = 10 * torch.randn(8, embedder.backbone.dim, generator=rng)  # (8, d), far apart
    points = points.to(embedder.device).requires_grad_()
    face = {"face": detector.logits(points)["face"]}
    found = gradients(face, points, "the embedding")["face"].float()
    if not torch.allclose(found, found[:1].expand_as(found), rtol=1e-4, atol=1e-6):
        raise ConfigError(
            f"explainer {explainer!r} splits a linear head, and the face's logit is not"
            f" linear in the embedding; cam can still map it, and {ANY_DETECTOR}"
        )
    return found[0]
