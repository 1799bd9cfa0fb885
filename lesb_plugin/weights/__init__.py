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
WEIGHTS_SHA256 = "21b7dd08ed20e1ac724cf143ab9fb1ac54e646d48c9513d7433adcde66b1607c"
