"""What is exported: a network, and its origin."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lesb_plugin.export.network import LesbNetwork
from lesb_plugin.lesb.fitted import load_fitted
from lesb_plugin.weights import LICENSE, WEIGHTS_SHA256
from registry import Backbone, ConfigError, detector_context, file_sha256

__all__ = ["ExportSource", "load_source"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSource:
    """A network with the backbone and the artefact file it consists of."""

    detector: str  # `lesb`, or one that scores as it does
    network: LesbNetwork
    backbone: Backbone
    artefact: Path
    artefact_sha256: str

    @property
    def license(self) -> str:
        """Return the licence of the weights if this project made them; else "unknown"."""
        return LICENSE if self.backbone.weights_sha256 == WEIGHTS_SHA256 else "unknown"


def load_source(
    backbone: str, weights: str | None = None, artefact: str | None = None, fusion: str = "mean"
) -> ExportSource:
    """Return the LESB of an artefact on its backbone, on the CPU; BenchErrors say what does not
    fit.

    Without `artefact` the one that is registered for the weights.
    """
    context = detector_context(
        detector="lesb", backbone=backbone, weights=weights, artefact=artefact, device="cpu"
    )
    if context.embedder is None or context.artefact is None:
        raise ConfigError("LESB needs a backbone and an artefact of `bench fit`")
    built = context.embedder.backbone
    fitted = load_fitted(context.artefact, built)
    precision = fitted.lfd.provenance["precision"]
    if precision != "float32":
        raise ConfigError(
            f"{context.artefact} was fitted at precision {precision}, and exports compute"
            " in float32; fit it again with `bench fit --precision float32`"
        )
    return ExportSource(
        detector=fitted.detector,
        network=LesbNetwork(built, fitted, fusion),
        backbone=built,
        artefact=context.artefact,
        artefact_sha256=file_sha256(context.artefact),
    )
