"""Check whether an object has everything that a backbone needs."""

from __future__ import annotations

from registry.contracts.backbone import Backbone
from registry.errors import PluginError

__all__ = ["check_protocol"]

_METHODS = {"features", "embed", "head", "head_direction", "to"}
_PROTOCOL = sorted({*Backbone.__annotations__, *_METHODS})


def check_protocol(backbone: object, what: str) -> None:
    """Raise a PluginError that names the parts of `Backbone` that are missing."""
    missing = [attribute for attribute in _PROTOCOL if not hasattr(backbone, attribute)]
    if missing:
        raise PluginError(
            f"{what} lacks {', '.join(missing)}; a backbone has {', '.join(_PROTOCOL)} (see"
            " registry.Backbone)"
        )
