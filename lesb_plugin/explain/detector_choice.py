"""Which detector explains where none is named: one whose parts say where, if it is fitted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lesb_plugin.explain.config import AUTO, ExplainConfig
from lesb_plugin.lesb.fitted import LESB, fitted_for
from lesb_plugin.lfd.artefact import load
from lesb_plugin.roi.detector import DETECTOR as LESB_ROI
from lesb_plugin.roi.fitted import NAME as ROI
from registry import NotFittedError, Predictor, artefact_file

__all__ = ["choose"]


def choose(config: ExplainConfig) -> tuple[ExplainConfig, Predictor, str]:
    """The configuration with the detector's name in it, what it scores with, and a note, or "".

    `auto` is the detector that --artefact is of, else lesb_roi where an artefact is registered for
    the backbone's weights, else lesb, which the note says. Where neither is fitted the
    NotFittedError is that of lesb_roi.
    """
    if config.detector != AUTO:
        return config, Predictor(config), ""
    named = LESB_ROI if config.artefact is None else _fitted_as(Path(config.artefact))
    config = replace(config, detector=named)
    try:
        return config, Predictor(config), ""
    except NotFittedError as error:
        config = replace(config, detector=LESB)
        try:
            predictor = Predictor(config)
        except NotFittedError:
            raise error from None
        fit = f"bench fit --detector {LESB_ROI} --backbone {config.backbone}"
        return config, predictor, (
            f"{LESB_ROI}, whose parts are made to say where, is not fitted for backbone"
            f" {config.backbone!r} with these weights, so {LESB} explains; to fit it: {fit}"
        )  # fmt: skip


def _fitted_as(artefact: Path) -> str:
    """The detector that an artefact is of; a DataError for what is none."""
    arrays = load(artefact_file(artefact))[1]
    return LESB_ROI if ROI in arrays else fitted_for(arrays.get(LESB, {}))
