"""Regions and psi by the name of a shipped YAML file (configs/regions, configs/psi) or by path."""

from __future__ import annotations

from lesb_plugin.lfd.augment import Psi
from lesb_plugin.lfd.regions import RegionSet, load_regions
from registry import ConfigError, load_yaml

__all__ = ["psi_preset", "region_preset"]


def region_preset(name_or_path: str = "eyes_nose_mouth") -> RegionSet:
    """Return the parts of a regions file; ConfigError says what is wrong with it."""
    try:
        return load_regions(load_yaml("regions", name_or_path))
    except ValueError as error:
        raise ConfigError(f"regions {name_or_path!r}: {error}") from error


def psi_preset(name_or_path: str = "paper") -> Psi:
    """Return the transformation psi of a psi file."""
    return Psi.from_config(load_yaml("psi", name_or_path))
