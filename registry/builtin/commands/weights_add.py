"""`bench weights add`: copy a checkpoint to the folder where its backbone looks for weights."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry.errors import BenchError, ConfigError, DataError
from registry.files import file_sha256, replacing
from registry.plugins.chosen import choose_backbone
from registry.plugins.discovery import Plugins, load_plugins
from registry.plugins.needs import kept_places

__all__ = ["add_weights"]


def add_weights(
    found: Mapping[str, Any], backbone: str | None, *, overwrite: bool = False
) -> dict[str, str]:
    """Copy the file that `inspect` has described to where its backbone looks for it.

    Returns `backbone` and `kept`, the path. A ConfigError where the file fits no backbone, needs
    none, or another file is there already; a DataError where `backbone` cannot load it.
    """
    plugins, path = load_plugins(), Path(found["file"])
    name = backbone or _only(found)
    if backbone is not None:
        _check_fits(plugins, name, path)
    chosen = choose_backbone(plugins, name)
    if not chosen.spec.needs_weights:
        raise ConfigError(
            f"backbone {name!r} comes with its own weights; pass {path} as --weights to use others"
        )
    target = _place(kept_places(chosen), path)
    _copy(path, target, str(found["sha256"]), overwrite=overwrite)
    return {"backbone": name, "kept": str(target)}


def _only(found: Mapping[str, Any]) -> str:
    """Return the first of the backbones that load the file: the one it is meant for."""
    if not found["backbones"]:
        raise ConfigError(
            f"{found['file']} is {found['kind']}; no registered backbone can load it as it"
            " is. Name one with --backbone, a timm model as timm/NAME"
        )
    return str(found["backbones"][0])


def _check_fits(plugins: Plugins, name: str, path: Path) -> None:
    spec = plugins.get("backbone", name)
    try:
        spec.build(name, str(path), 0)
    except BenchError as error:
        raise DataError(f"backbone {name!r} cannot load {path}: {error}") from None


def _place(places: list[Path], path: Path) -> Path:
    """Return the published name, if the file has one, else the backbone's with the file's
    suffix.
    """
    names = {each.name: each for each in places}
    own = [each for each in places if each.suffix == path.suffix]
    return names.get(path.name) or (own or places)[-1]


def _copy(path: Path, target: Path, sha256: str, *, overwrite: bool) -> None:
    if target.is_file() and not overwrite:
        if file_sha256(target) == sha256:
            return  # it is that file
        raise ConfigError(f"{target} holds other weights; pass --overwrite to replace them")
    with replacing(target) as temporary:
        shutil.copyfile(path, temporary)
