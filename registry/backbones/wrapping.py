"""Wrap a backbone in another one, by a wrapper of any plugin (`--wrap`)."""

from __future__ import annotations

from registry.backbones.protocol import check_protocol
from registry.contracts.backbone import Backbone
from registry.errors import PluginError, guarded
from registry.plugins.needs import wrapper_file
from registry.plugins.specs import WrapperSpec
from registry.settings.shared import ModelSettings

__all__ = ["wrap_backbone"]


def wrap_backbone(spec: WrapperSpec | None, config: ModelSettings, backbone: Backbone) -> Backbone:
    """Return `backbone` in the wrapper of a record; unchanged without one."""
    if spec is None:
        return backbone
    what = f"wrapper {spec.name!r}"
    before = backbone.name, backbone.weights_sha256
    wrapped: Backbone = guarded(what, spec.source, spec.wrap, backbone, wrapper_file(config))
    owner = f"{what} of package {spec.source or 'unknown'!r}"
    check_protocol(wrapped, f"what {owner} makes")
    if (wrapped.name, wrapped.weights_sha256) == before:
        raise PluginError(
            f"what {owner} makes has the name and the weights_sha256 of the backbone"
            " inside it, so the embeddings of one would be taken for the other's: derive"
            " weights_sha256 from both"
        )
    return wrapped
