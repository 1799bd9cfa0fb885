"""`lesb_gep`: it scores as LESB does, in contrastive subspaces."""

from __future__ import annotations

from lesb_plugin.lesb.detector import LesbDetector, build_as
from registry import DetectorContext

__all__ = ["DETECTOR", "build_gep"]

DETECTOR = "lesb_gep"


def build_gep(context: DetectorContext) -> LesbDetector:
    """`lesb_gep` from its artefact, fitted on the very backbone it is given."""
    return build_as(DETECTOR, context)
