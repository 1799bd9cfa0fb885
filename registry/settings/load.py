"""Merge defaults, a YAML file, `--set a.b=1` and flags into a checked configuration; write YAML.

An unknown key is an error with a suggestion, and every value is checked against its field's
annotation. Text is converted (`"32"` to 32, `"none"` to None), nothing else is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from registry.errors import ConfigError, did_you_mean
from registry.settings.coerce import build
from registry.settings.yaml_text import parse_yaml
from registry.urls import refuse_url, url_of

T = TypeVar("T")

__all__ = [
    "Address",
    "as_yaml",
    "config_dir",
    "load_yaml",
    "merge",
    "resolve",
    "resolve_options",
]


def resolve(
    cls: type[T],
    file: str | Path | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> T:
    """Merge defaults < `file` < `sets` ("a.b=1") < `flags` and check them; a ConfigError names the
    bad key.

    `file` is a path or the name of a YAML shipped in the folder `cls.folder`.
    """
    config = build(cls, merge(cls, file, sets, flags or {}))
    if url := url_of(str(getattr(config, "out", None) or "")):
        raise ConfigError(f"--out {url} is a URL; name a path on this machine and copy it after")
    return config


def merge(
    cls: type[Any], file: str | Path | None, sets: Sequence[str], flags: Mapping[str, Any]
) -> dict[str, Any]:
    """Merge the layers above the defaults into one unchecked mapping."""
    values = load_yaml(cls.folder, str(file)) if file is not None else {}
    for text in sets:
        values = _overlay(values, _parse_set(text))
    return _overlay(values, flags)


class Address(Protocol):
    """Where a class is, as plugins register it."""

    def load(self) -> Any: ...


def resolve_options(
    address: Address | None, options: Mapping[str, Any], prefix: str = "options."
) -> Any:
    """Build a detector's or explainer's options; `address` is None for one without options.

    `prefix` leads the keys in errors.
    """
    if address is not None:
        return build(address.load(), options, prefix=prefix)
    if options:
        raise ConfigError(f"there are no options to set, got {', '.join(sorted(options))}")
    return None


def config_dir() -> Path:
    """Find the shipped YAML files: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "configs", package.parent / "configs"):
        if folder.is_dir():
            return folder
    raise ConfigError(f"no folder 'configs' in {package} or beside it; reinstall the package")


def load_yaml(folder: str, name_or_path: str) -> dict[str, Any]:
    """Load a YAML mapping: `configs/<folder>/<name>.yaml` for a plain name, else the file at a
    path.
    """
    asked = Path(name_or_path)
    plain = asked.suffix not in {".yaml", ".yml"} and len(asked.parts) == 1
    shipped = config_dir() / folder / f"{name_or_path}.yaml"
    if plain and shipped.is_file():
        return _read_yaml(shipped)
    if not asked.is_file():
        refuse_url(name_or_path)
        raise ConfigError(_no_configuration(folder, name_or_path))
    return _read_yaml(asked)


def _no_configuration(folder: str, name_or_path: str) -> str:
    """Say that there is no such file, and which names or which command lead to one."""
    shipped = sorted(each.stem for each in (config_dir() / folder).glob("*.yaml"))
    what = "that is a folder" if Path(name_or_path).is_dir() else "no such file"
    hint = did_you_mean(name_or_path, shipped)
    instead = (
        f"pass a YAML file, or one of these names: {', '.join(shipped)}"
        if shipped
        else "pass a YAML file, as `--print-config > FILE.yaml` writes it; none is shipped for this"
        " command"
    )
    return f"no configuration {name_or_path!r} ({what});{hint} {instead}"


def as_yaml(config: Any) -> str:
    """Write a dataclass as YAML that `resolve` reads back to an equal one."""
    import yaml

    return yaml.safe_dump(_plain(dataclasses.asdict(config)), sort_keys=False, allow_unicode=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a configuration: it is not text in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    values = parse_yaml(text, str(path))
    if values is not None and not isinstance(values, dict):
        raise ConfigError(
            f"{path} is not a configuration: it must hold lines `key: value` of YAML, and holds"
            f" {_kind(values)}"
        )
    return values or {}


def _kind(values: Any) -> str:
    """Name what a YAML file holds instead of a mapping."""
    named = {
        str: "text",
        list: "a list",
        bool: "one truth value",
        int: "a number",
        float: "a number",
    }
    return named.get(type(values), f"one value ({type(values).__name__})")


def _parse_set(text: str) -> dict[str, Any]:
    """Parse `a.b=1` to {"a": {"b": "1"}}; a value in [] or {} is YAML, any other is text."""
    key, equals, value = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"--set {text!r} is not of the form key=value or options.key=value")
    parsed: Any = value.strip()
    if parsed.startswith(("[", "{")):
        parsed = parse_yaml(parsed, f"--set {text!r}")
    for part in reversed(parts):
        parsed = {part: parsed}
    return dict(parsed)


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `above` over `below`; mappings are merged key by key, and neither argument is changed."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[key] = _overlay(under, value) if both else value  # type: ignore[arg-type]
    return merged
