"""What can be chosen when `lesb_gep` is fitted; every field is a flag of `bench fit`."""

from __future__ import annotations

from dataclasses import dataclass

from lesb_plugin.lesb.options import LesbFitOptions
from registry import option

__all__ = ["GepFitOptions"]


@dataclass(frozen=True, kw_only=True)
class GepFitOptions(LesbFitOptions):
    """Options of `bench fit --detector lesb_gep`: those of `lesb`, and what a part stands against.

    The weights are of matrices of trace 1, beside the other parts, each of which weighs 1.
    """

    identity: float = option(
        1.0,
        "how much a part's directions avoid those in which real faces differ; another part: 1",
        min=0.0,
    )
    noise: float = option(
        0.1, "how much they avoid those in which reals are distorted as their fakes are", min=0.0
    )
    ridge: float = option(
        1e-3,
        "how much they avoid those in which hardly anything varies, in units of a mean eigenvalue",
        min=1e-9,
    )
