"""`--wrap`: a backbone made from another one, by a wrapper of any plugin."""

from __future__ import annotations

from pathlib import Path

from registry.backbones.protocol import check_protocol
from registry.contracts.backbone import Backbone
from registry.errors import ConfigError, PluginError, guarded
from registry.plugins.specs import WrapperSpec
from registry.results.fit_report import artefact_file
from registry.settings.shared import DetectorSettings, ModelSettings

__all__ = ["check_wrapper_files", "wrap_backbone"]


def wrap_backbone(spec: WrapperSpec | None, config: ModelSettings, backbone: Backbone) -> Backbone:
    """`backbone` in the wrapper of a record; as it is where there is none."""
    if spec is None:
        return backbone
    what = f"wrapper {spec.name!r}"
    before = backbone.name, backbone.weights_sha256
    wrapped: Backbone = guarded(what, spec.source, spec.wrap, backbone, _artefact(config))
    owner = f"{what} of package {spec.source or 'unknown'!r}"
    check_protocol(wrapped, f"what {owner} makes")
    if (wrapped.name, wrapped.weights_sha256) == before:
        raise PluginError(
            f"what {owner} makes has the name and the weights_sha256 of the backbone in it;"
            " embeddings of both would be taken for each other: derive weights_sha256 from both"
        )
    return wrapped


def check_wrapper_files(spec: WrapperSpec | None, config: ModelSettings) -> None:
    """The error that `wrap_backbone` would end with where the artefact is missing."""
    if spec is not None:
        _artefact(config)


def _artefact(config: ModelSettings) -> Path:
    if config.wrapper_artefact is None:
        flag = "--artefact" if isinstance(config, DetectorSettings) else "--wrap-artefact"
        raise ConfigError(
            f"--wrap {config.wrap} needs what it wraps with; pass {flag} DIR, the folder that"
            " `bench fit --out` wrote"
        )
    return artefact_file(Path(config.wrapper_artefact))
