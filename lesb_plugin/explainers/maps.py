"""The explainer `cam`: a map for the face and for every part with its own head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import torch
from torch import nn

from lesb_plugin.explainers.cam import METHODS, closed_form
from lesb_plugin.explainers.layers import Traced, at_features, at_layer, find_layer, hooked
from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.explainers.target import batches, differentiable, gradients, pixels
from lesb_plugin.explainers.tokens import describe_outliers, on_grid, outliers, transformer_blocks
from registry import Backbone, Crop, Detector, DifferentiableDetector, Explain, Explanation

__all__ = ["as_explanations", "build_cam", "without_outliers"]


def build_cam(detector: Detector, options: ExplainOptions | None = None) -> Explain:
    """Return maps (h, w) by target; of a transformer on the grid of its patch tokens.

    Without a layer it is the backbone's feature map, or a transformer's `blocks[-1].norm1`: behind
    the last block, patch tokens that feed no class token any more have no gradient.
    """
    options = options or ExplainOptions()
    target = differentiable(detector, "cam")
    backbone = target.embedder.backbone
    layer = None if options.layer is None else find_layer(backbone, options.layer)

    def explain(crops: Sequence[Crop]) -> list[Explanation]:
        found: list[Explanation] = []
        for batch in batches(crops, target.embedder):
            images = pixels(batch, target.embedder)
            if layer is None and backbone.mean_pooled and not transformer_blocks(backbone):
                found += _of_pooled_map(target, images, batch, options)
            else:
                found += _of_layer(target, images, batch, layer, options)
        return found

    return explain


def as_explanations(
    maps: Mapping[str, torch.Tensor], crops: Sequence[Crop], notes: Sequence[str] = ()
) -> list[Explanation]:
    """Return maps (B, h, w) by target as one Explanation for each crop."""
    arrays = {name: values.detach().float().cpu().numpy() for name, values in maps.items()}
    return [
        Explanation(
            maps={name: values[i].copy() for name, values in arrays.items()},
            note=notes[i] if notes else "",
        )
        for i in range(len(crops))
    ]


def without_outliers(
    maps: Mapping[str, torch.Tensor],
    outlying: torch.Tensor,
    crops: Sequence[Crop],
    options: ExplainOptions,
) -> list[Explanation]:
    """Return maps of tokens (B, h, w), 0 at outliers if the options say so, and notes on them."""
    included = options.keep_outlier_tokens
    if not included:
        maps = {name: each.masked_fill(outlying, 0.0) for name, each in maps.items()}
    notes = [
        describe_outliers(each, crop, included=included)
        for each, crop in zip(outlying, crops, strict=True)
    ]
    return as_explanations(maps, crops, notes)


def _of_pooled_map(
    target: DifferentiableDetector,
    images: torch.Tensor,
    crops: Sequence[Crop],
    options: ExplainOptions,
) -> list[Explanation]:
    """Return one forward pass and the gradient of each small head."""
    embedder = target.embedder
    with torch.no_grad(), embedder.autocast():
        features = embedder.backbone.features(images)
        embedding = embedder.backbone.embed(features).float()
    with torch.enable_grad():
        embedding.requires_grad_()
        found = gradients(target.logits(embedding), embedding, "the embedding")
    method = "gradcam++" if options.method == "auto" else options.method
    activation = features.map.float()
    maps = {name: closed_form(activation, each, method) for name, each in found.items()}
    return as_explanations(maps, crops)


def _of_layer(
    target: DifferentiableDetector,
    images: torch.Tensor,
    crops: Sequence[Crop],
    layer: nn.Module | None,
    options: ExplainOptions,
) -> list[Explanation]:
    """Return one forward pass and, from the logit of each target back to the layer, one backward
    pass.
    """
    backbone = target.embedder.backbone
    stream: list[torch.Tensor] = []
    with ExitStack() as stack:
        for block in transformer_blocks(backbone)[-1:]:
            stack.enter_context(hooked(block, lambda *call: stream.append(call[-1].detach())))
            layer = layer or block.norm1
        traced = at_features(target, images) if layer is None else at_layer(target, images, layer)
    found = gradients(traced.logits, traced.activation, f"the layer {options.layer or 'chosen'}")
    tokens = traced.activation.ndim == 3
    method = ("hirescam" if tokens else "gradcam++") if options.method == "auto" else options.method
    activation = _laid_out(traced.activation.detach(), traced, backbone)
    maps = {
        name: METHODS[method](activation, _laid_out(each, traced, backbone))
        for name, each in found.items()
    }
    if not tokens:
        return as_explanations(maps, crops)
    last = stream[-1] if stream else traced.activation.detach()
    return without_outliers(maps, outliers(on_grid(last, traced.features)), crops, options)


def _laid_out(tensor: torch.Tensor, traced: Traced, backbone: Backbone) -> torch.Tensor:
    """Return an activation or its gradient as (B, C, h, w) float32."""
    if tensor.ndim == 3:
        return on_grid(tensor, traced.features).float()
    last = getattr(getattr(backbone, "model", None), "output_fmt", "NCHW") == "NHWC"
    return (tensor.permute(0, 3, 1, 2) if last else tensor).float()
