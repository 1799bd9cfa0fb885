"""Load the style of a blend from its YAML."""

from __future__ import annotations

from lesb_plugin.pseudo_fakes.style import Style
from registry import ConfigError, build, load_yaml

__all__ = ["load_style"]


def load_style(name_or_path: str) -> Style:
    """Load a file, or one of configs/blend by name; a ConfigError names the key and the mistake."""
    try:
        return build(Style, load_yaml("blend", name_or_path))
    except (ConfigError, ValueError) as error:
        raise ConfigError(f"blend {name_or_path!r}: {error}") from error
