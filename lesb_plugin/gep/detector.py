"""`lesb_gep`: it scores as LESB does, in contrastive subspaces."""

from __future__ import annotations

from lesb_plugin.lesb.detector import LesbDetector, build_as
from registry import DetectorContext

__all__ = ["DETECTOR", "build_gep"]

DETECTOR = "lesb_gep"


def build_gep(context: DetectorContext) -> LesbDetector:
    """Build `lesb_gep` from its artefact, which must be fitted on this backbone."""
    return build_as(DETECTOR, context)
