"""The guest: LFD, LESB and what they need. It imports only names in `registry.__all__`.

For programs: `load(name)` gives a detector as a torch module, `LFD` is an estimator in the manner
of scikit-learn. Importing the package loads neither torch nor numpy; both come on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lesb_plugin.lfd.estimator import LFD
    from lesb_plugin.networks.loading import load

__all__ = ["LFD", "load"]

_ON_FIRST_USE = {"LFD": "lesb_plugin.lfd.estimator", "load": "lesb_plugin.networks.loading"}


def __getattr__(name: str) -> Any:
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module 'lesb_plugin' has no attribute {name!r}")
    return getattr(importlib.import_module(_ON_FIRST_USE[name]), name)


def __dir__() -> list[str]:
    """Return the public names, which are loaded on first use."""
    return sorted(__all__)
