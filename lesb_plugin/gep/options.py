"""Options of fitting `lesb_gep`; every field is a flag of `bench fit`."""

from __future__ import annotations

from dataclasses import dataclass

from lesb_plugin.lesb.options import LesbFitOptions
from registry import option

__all__ = ["GepFitOptions"]


@dataclass(frozen=True, kw_only=True)
class GepFitOptions(LesbFitOptions):
    """Options of `bench fit --detector lesb_gep`: those of `lesb`, and what a part is contrasted
    with.

    The weights are of matrices of trace 1, beside the other parts, each of which weighs 1.
    """

    identity: float = option(
        1.0,
        "how strongly to avoid directions in which real faces differ (another part counts 1)",
        min=0.0,
    )
    noise: float = option(
        0.1, "how strongly to avoid directions in which image quality varies", min=0.0
    )
    ridge: float = option(
        1e-3,
        "how strongly to avoid directions of low variance, in units of the mean eigenvalue",
        min=1e-9,
    )
