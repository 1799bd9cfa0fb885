"""The explainer `part_heads`: what each position of a part contributes to that part's head.

A head of `lesb_roi` is linear and sees the mean of features A(u) over its part, under the weights
m_k(u) of the positions u. With mean mu_k and deviation sigma_k of real faces' logits, its score on
their scale is a mean over the part as well:

    z_k = sum_u m_k(u) d_k(u) / sum_u m_k(u),   d_k(u) = (w_k A(u) + b_k - mu_k) / sigma_k

The map is sum_k m_k(u) d_k(u): exact, of the forward pass that scores, on one scale for all parts
and faces, and 0 where no part is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from lesb_plugin.roi.detector import RoiDetector
from lesb_plugin.roi.fitted import FittedRoi, RoiModel
from registry import ConfigError, Crop, Detector, Explain, Explanation

__all__ = ["build_part_heads", "densities", "usual_density"]

Array = NDArray[np.float64]
_EDGE = 1e-6  # scores are clipped to [_EDGE, 1 - _EDGE] before their log-odds are taken


def build_part_heads(detector: Detector) -> Explain:
    """Return maps "face" and of each part of a `lesb_roi`; a ConfigError for any other detector."""
    if not isinstance(detector, RoiDetector):
        raise ConfigError(
            "explainer 'part_heads' shows what the heads of detector lesb_roi see, which"
            " other detectors do not have; cam, occlusion, occlusion_grid and shapley"
            " explain those"
        )

    names = detector.parts
    usual = dict.fromkeys(("face", *names), usual_density(detector.model))

    def explain(crops: Sequence[Crop]) -> list[Explanation]:
        if not crops:
            return []
        maps, weights = detector.part_maps(crops)
        found = densities(detector.model.model, maps)  # (B, K, h, w)
        return [
            Explanation(note="a part lies outside the crop, so its head has no evidence")
            if np.isnan(share).any()
            else Explanation(maps=_by_part(share * each, names), usual=usual)
            for each, share in zip(found, weights, strict=True)
        ]

    return explain


def _by_part(found: Array, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Return what each part contributes (K, h, w), by name, and their sum."""
    maps = {"face": found.sum(axis=0), **dict(zip(names, found, strict=True))}
    return {name: heat.astype(np.float32) for name, heat in maps.items()}


def usual_density(fitted: FittedRoi) -> float:
    """Return the limit within which the highest part mean of a map stays for 95 % of kept reals.

    In standard deviations of real faces, read off the scores that verdicts compare with.
    """
    scale = fitted.model.calibration
    above = logit(np.clip(fitted.reals.parts, _EDGE, 1 - _EDGE)) - scale.intercept
    # A head that says the same of every real has no slope, and none of them stands out by it.
    z = np.divide(above, scale.slope, out=np.zeros_like(above), where=scale.slope != 0)
    return max(0.0, float(np.quantile(z.max(axis=0), 0.95)))


def densities(model: RoiModel, maps: NDArray[np.float32]) -> Array:
    """Return D (B, K, h, w) of feature maps (B, C, h, w).

    Its mean under a part's weights is the part's standardised logit.
    """
    heads, scale = model.heads, model.calibration
    seen = np.einsum("kc,bchw->bkhw", heads.weight, maps.astype(np.float64), optimize=True)
    usual = (scale.mean - heads.bias)[:, None, None]
    return np.asarray((seen - usual) / scale.deviation[:, None, None])
