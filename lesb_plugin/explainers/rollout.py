"""The explainer `rollout`: attention of a transformer, weighted by its gradient and accumulated.

After Chefer, Gur and Wolf, "Generic Attention-model Explainability" (ICCV 2021), equations 5 and 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from lesb_plugin.explainers.layers import hooked
from lesb_plugin.explainers.maps import without_outliers
from lesb_plugin.explainers.options import ExplainOptions
from lesb_plugin.explainers.target import ANY_DETECTOR, batches, differentiable, pixels
from lesb_plugin.explainers.tokens import on_grid, outliers, transformer_blocks
from registry import (
    Backbone,
    ConfigError,
    Crop,
    Detector,
    DifferentiableDetector,
    Explain,
    Explanation,
)

__all__ = ["build_rollout", "gradient_rollout"]

Tensor = torch.Tensor


def gradient_rollout(attention: Sequence[Tensor], gradient: Sequence[Tensor]) -> Tensor:
    """Return relevance (B, T, T) of tokens for tokens: R = I, then R + A R for block after block.

    `attention` and `gradient` are (B, heads, T, T) of every block; A is the positive part of their
    product, averaged over heads.
    """
    batch, _, count, _ = attention[0].shape
    start = torch.eye(count, dtype=attention[0].dtype, device=attention[0].device)
    relevance = start.expand(batch, count, count)
    for weights, slope in zip(attention, gradient, strict=True):
        relevance = relevance + (weights * slope).relu().mean(dim=1) @ relevance
    return relevance


def build_rollout(detector: Detector, options: ExplainOptions | None = None) -> Explain:
    """Return maps (h, w) >= 0 by target on the grid of patch tokens; prefix tokens have no
    place.
    """
    options = options or ExplainOptions()
    target = differentiable(detector, "rollout")
    blocks = transformer_blocks(target.embedder.backbone)
    if not blocks or not all(hasattr(block.attn, "attn_drop") for block in blocks):
        raise ConfigError(
            "explainer 'rollout' follows the attention of a timm transformer, and"
            f" backbone {target.embedder.backbone.name!r} has no blocks with attention;"
            f" use cam, or {ANY_DETECTOR}"
        )

    def explain(crops: Sequence[Crop]) -> list[Explanation]:
        return [
            explanation
            for batch in batches(crops, target.embedder)
            for explanation in _explain(target, batch, options)
        ]

    return explain


def _explain(
    target: DifferentiableDetector, crops: Sequence[Crop], options: ExplainOptions
) -> list[Explanation]:
    embedder = target.embedder
    backbone = embedder.backbone
    blocks = transformer_blocks(backbone)
    stream: list[Tensor] = []
    with (
        _seen_attention(blocks) as attention,
        hooked(blocks[-1], lambda *call: stream.append(call[-1].detach())),
        torch.enable_grad(),
    ):
        with embedder.autocast():
            features = backbone.features(pixels(crops, embedder))
            embedding = backbone.embed(features)
        logits = target.logits(embedding.float())
    weights = [each.detach().float() for each in attention]
    maps = {}
    for name, logit in logits.items():
        slopes = torch.autograd.grad(logit.sum(), attention, retain_graph=True)
        relevance = gradient_rollout(weights, [each.float() for each in slopes])
        maps[name] = on_grid(_for_embedding(relevance, backbone)[..., None], features)[:, 0]
    return without_outliers(maps, outliers(on_grid(stream[-1], features)), crops, options)


@contextmanager
def _seen_attention(blocks: Sequence[Any]) -> Iterator[list[Tensor]]:
    """Yield every block's attention (B, heads, T, T) of a forward pass, the first as a leaf of its
    graph.

    Fused attention never holds it, so it is switched off for as long as the context lasts.
    """
    seen: list[Tensor] = []

    def keep(_module: Any, _inputs: Any, weights: Tensor) -> Tensor:
        seen.append(weights if weights.requires_grad else weights.requires_grad_())
        return seen[-1]

    fused = [block.attn.fused_attn for block in blocks]
    with ExitStack() as stack:
        for block in blocks:
            block.attn.fused_attn = False
            stack.enter_context(hooked(block.attn.attn_drop, keep))
        try:
            yield seen
        finally:
            for block, before in zip(blocks, fused, strict=True):
                block.attn.fused_attn = before


def _for_embedding(relevance: Tensor, backbone: Backbone) -> Tensor:
    """Return (B, T): relevance for what the embedding is made of, without each token's own start
    of 1.
    """
    relevance = relevance - torch.eye(relevance.shape[1], device=relevance.device)
    model: Any = getattr(backbone, "model", None)
    if getattr(model, "global_pool", "token") in {"token", "tok"}:
        return relevance[:, 0]  # the class token's
    return relevance[:, getattr(model, "num_prefix_tokens", 0) :].mean(dim=1)
