"""`explain` for Python programs: calls the installed plugin that explains files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from registry.data.in_memory import Picture
from registry.errors import ConfigError, guarded
from registry.plugins.discovery import load_plugins
from registry.plugins.specs import CommandSpec

__all__ = ["explain"]


def explain(*inputs: Picture, **settings: Any) -> Sequence[Any]:
    """Explain images and videos: verdict, scores, maps as arrays and a figure for each.

    `inputs` are those of `predict`, `settings` the flags of `bench explain`. The plugin decides
    on the type of the results: here a `lesb_plugin.explain.api.FileExplanation` for each file. A
    ConfigError where no plugin explains files for Python programs.
    """
    spec: CommandSpec = load_plugins().get("command", "explain")
    if spec.function is None:
        raise ConfigError(
            f"the command 'explain' of package {spec.source or 'unknown'!r} has no function for"
            " Python programs; run `bench explain`"
        )
    call = partial(spec.function.load(), *inputs, **settings)
    found: Sequence[Any] = guarded(f"command {spec.name!r}", spec.source, call)
    return found
