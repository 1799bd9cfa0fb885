"""Record an epoch as a line, as curves, and as metadata of the weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lesb_plugin.train.checkpoint import FREE

__all__ = ["Tally", "curves_of", "lasting_part", "line_of"]


@dataclass
class Tally:
    """Sums over an epoch; part of checkpoints."""

    loss: float = 0.0
    right: float = 0.0
    steps: int = 0
    pairs: int = 0
    skipped: int = 0
    making: float = 0.0  # seconds that one process needs for the pairs
    computing: float = 0.0  # seconds of the steps
    waiting: float = 0.0  # seconds between them


def lasting_part(log: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of the log to store with weights: no times or places, so that equal runs
    agree.
    """
    stable = {key: value for key, value in log.items() if key not in {"epochs", "seconds"}}
    if "config" in stable:
        stable["config"] = {key: v for key, v in stable["config"].items() if key not in FREE}
    if "best" in stable:
        val = {key: value for key, value in stable["best"]["val"].items() if key != "seconds"}
        stable["best"] = {**stable["best"], "val": val}
    return stable


def curves_of(record: dict[str, Any]) -> dict[str, float]:
    """Return one point of each curve."""
    values = {f"train/{key}": value for key, value in record.items() if key not in {"epoch", "val"}}
    if "val" in record:
        values["val/auc"] = record["val"]["auc"]
        values |= {f"val/{name}": value for name, value in record["val"]["families"].items()}
    return values


def line_of(record: dict[str, Any], epochs: int) -> str:
    """Return the terminal's line for an epoch, and for its validation if there was one."""
    text = (
        f"epoch {record['epoch']}/{epochs}: loss {record['loss']:.4f}, accuracy"
        f" {record['accuracy']:.3f}, {record['pairs_per_second']:.1f} pairs/s (a step"
        f" {record['seconds_per_step']:.2f} s, waited {record['seconds_waited_per_step']:.2f} s; a"
        f" worker makes {record['pairs_made_per_second_by_one_worker']:.1f} pairs/s)"
    )
    if "val" not in record:
        return text
    val = record["val"]
    families = ", ".join(f"{name} {value:.3f}" for name, value in val["families"].items())
    low, high = val["interval"]
    return f"{text}\n  val AUC {val['auc']:.4f} [{low:.3f}, {high:.3f}]: {families}"
