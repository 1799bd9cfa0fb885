"""Where an audit goes: a folder named by its settings, so that a trial is beside the full audit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lesb_plugin.audit.options import AuditConfig
from registry import fingerprint

__all__ = ["audit_folder"]

# Settings that change the figures, named where they are not the default ones.
_NAMED = (
    *("make_edits", "edits", "regions", "faces", "frames", "only", "extended", "extended_faces"),
    *("attack_top", "attack_steps", "lime_samples", "draws", "seed", "crop_from"),
)
_LONGEST = 200  # file systems take names of 255 bytes


def audit_folder(config: AuditConfig) -> Path:
    """Return `out`, or the folder of these settings under runs/."""
    if config.out:
        return Path(config.out)
    names = ["audit", config.detector, config.explainer or "", *_options(config)]
    names += [config.backbone or "", *config.data_names, config.split, *_changed(config)]
    names += [each.replace(":", "-") for each in config.corrupt]
    name = "_".join(each.replace("/", "_") for each in names if each)
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}_{fingerprint(name)[:8]}"
    return Path("runs") / name


def _options(config: AuditConfig) -> Iterator[str]:
    """Yield the explainer's own options."""
    for name, value in sorted(config.explain.items()):
        yield f"{name}-{value}"


def _changed(config: AuditConfig) -> Iterator[str]:
    """Yield settings that are not the default ones: `faces-40`, `extended`."""
    usual = AuditConfig()
    for name in _NAMED:
        value = getattr(config, name)
        if value == getattr(usual, name):
            continue
        flag = name.replace("_", "-")
        yield flag if value is True else f"{flag}-{_text(name, value)}"


def _text(name: str, value: Any) -> str:
    if name == "regions":  # a file, or the name of one
        return Path(value).stem
    if isinstance(value, tuple):
        return "-".join(value)
    return str(value)
