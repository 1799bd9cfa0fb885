"""Weights and artefacts that this project trained and ships; sbi_efflite0.md says how and on what.

Nothing heavy is imported here: plugin records are made of these values.
"""

from __future__ import annotations

from registry import Training

__all__ = ["LICENSE", "TRAINED_ON", "WEIGHTS_SHA256"]

LICENSE = "CC BY-NC-SA 4.0: research, non-commercial"
TRAINED_ON = (
    Training(dataset="imagenet-1k", task="recognition"),
    Training(dataset="portraits", task="forgery"),
    Training(dataset="ffhq512", task="forgery"),
    Training(dataset="ffhq256", task="forgery"),
)
WEIGHTS_SHA256 = "f42436248356328e68a70605f81fd50da9d153e854b080ab83d5a49d3cf84812"
