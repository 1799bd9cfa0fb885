"""Weights and artefacts that this project trained and ships; sbi_efflite0.md says how and on what.

Nothing heavy is imported here: plugin records are made of these values.
"""

from __future__ import annotations

from pathlib import Path

from registry import TimmRecipe, Training, lazy

__all__ = [
    "ARTEFACTS",
    "HERE",
    "INPUT_SIZE",
    "LICENSE",
    "RECIPE",
    "TRAINED_ON",
    "WEIGHTS_SHA256",
    "artefact_name",
]

HERE = Path(__file__).resolve().parent
LICENSE = "CC BY-NC-SA 4.0: research, non-commercial"
TRAINED_ON = (
    Training(dataset="imagenet-1k", task="recognition"),
    Training(dataset="portraits", task="forgery"),
    Training(dataset="ffhq512", task="forgery"),
    Training(dataset="ffhq256", task="forgery"),
    Training(dataset="utkface", task="forgery"),
    Training(dataset="mebeauty", task="forgery"),
    Training(dataset="webmorph", task="forgery"),
    Training(dataset="voteview", task="forgery"),
)
INPUT_SIZE = 224  # pixels of the sides of a crop
WEIGHTS_SHA256 = "8fc10c25000a6d58b6fe37ef58624075550f4c2f1448baecc03de44d64b047e6"
RECIPE = TimmRecipe(
    arch="tf_efficientnet_lite0",
    file="weights of `bench train --backbone sbi_efflite0` or efflite0_in1k",
    size=INPUT_SIZE,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    trained_on=TRAINED_ON,
    license=LICENSE,
    classes=2,
    shipped=lazy("lesb_plugin.weights.shipped:shipped_weights"),
)
_FITTED = {
    "lesb": "LESB fitted on sbi_efflite0 with the faces that it was trained on",
    "lesb_roi": "LESB that localises, fitted on sbi_efflite0 with the faces that it was trained on",
}


def artefact_name(detector: str) -> str:
    """Return the file name of a detector fitted on `sbi_efflite0`."""
    return f"{detector}_sbi_efflite0.safetensors"


ARTEFACTS = {
    detector: summary
    for detector, summary in _FITTED.items()
    if (HERE / artefact_name(detector)).is_file()
}
"""Detectors that come fitted on `sbi_efflite0`, and a line on each: those whose file is there."""
