"""Load a fitted detector by name, as a torch module."""

from __future__ import annotations

from pathlib import Path

from lesb_plugin.lesb import fitted as lesb
from lesb_plugin.networks.network import DetectorNetwork
from lesb_plugin.networks.roi import RoiNetwork
from lesb_plugin.networks.whole import WholeNetwork
from lesb_plugin.roi import fitted as roi
from registry import Backbone, ConfigError, UnknownNameError, detector_context

__all__ = ["load"]

_KNOWN = ("lesb", "lesb_gep", "lesb_roi")


def load(
    name: str = "lesb_roi",
    backbone: str = "sbi_efflite0",
    weights: str | None = None,
    artefact: str | Path | None = None,
    device: str = "cpu",
) -> DetectorNetwork:
    """Load `lesb`, `lesb_gep` or `lesb_roi` as a torch module, which scores as `bench eval` does.

    `backbone`, `weights` and `artefact` are those of `bench eval`: without `artefact` the one that
    is registered for the weights. `device` is cpu, cuda, cuda:N, mps or auto. BenchErrors say what
    is missing or does not fit.
    """
    if name not in _KNOWN:
        raise UnknownNameError("detector that is a torch module", name, _KNOWN)
    context = detector_context(
        detector=name,
        backbone=backbone,
        weights=weights,
        artefact=None if artefact is None else str(artefact),
        device=device,
    )
    if context.embedder is None or context.artefact is None:
        raise ConfigError(f"{name} needs a backbone and an artefact of `bench fit`")
    network = _network(name, context.artefact, context.embedder.backbone)
    return network.to(context.embedder.device)


def _network(name: str, artefact: Path, backbone: Backbone) -> DetectorNetwork:
    if name == "lesb_roi":
        fitted_roi = roi.load_fitted(artefact, backbone)
        _check_float32(artefact, fitted_roi.record["precision"])
        return RoiNetwork(backbone, fitted_roi)
    fitted = lesb.load_fitted(artefact, backbone)
    lesb.check_detector(artefact, fitted, name)
    _check_float32(artefact, fitted.lfd.provenance["precision"])
    return WholeNetwork(backbone, fitted)


def _check_float32(artefact: Path, precision: str) -> None:
    if precision != "float32":
        raise ConfigError(
            f"{artefact} was fitted at precision {precision}, and the module computes in"
            " float32; fit it again with `bench fit --precision float32`"
        )
