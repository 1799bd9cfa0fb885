"""The plugin boundary: what goes wrong inside a plugin becomes an error that names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from registry.errors import BenchError, PluginError

__all__ = ["guarded"]

T = TypeVar("T")


def guarded(what: str, source: str, call: Callable[..., T], *args: Any) -> T:
    """Call into a plugin: its own BenchErrors pass, anything else becomes a PluginError."""
    try:
        return call(*args)
    except BenchError:
        raise
    except Exception as error:
        raise PluginError(
            f"{what} of package {source or 'unknown'!r} failed: {type(error).__name__}: {error}"
        ) from error
