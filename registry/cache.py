"""Where things are kept that can be made again."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["cache_dir", "weights_dir"]


def cache_dir() -> Path:
    """`$BENCH_CACHE`, or `lesb-plugin` in the platform's cache folder; it may not exist yet."""
    if chosen := os.environ.get("BENCH_CACHE"):
        return Path(chosen).expanduser()
    return _platform_cache() / "lesb-plugin"


def weights_dir() -> Path:
    """Where weights files are looked for: `$BENCH_WEIGHTS`, or `weights` in the cache folder."""
    if chosen := os.environ.get("BENCH_WEIGHTS"):
        return Path(chosen).expanduser()
    return cache_dir() / "weights"


def _platform_cache() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
