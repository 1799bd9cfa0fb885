"""Build a dataclass from plain values, each checked and converted by its field's annotation."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from registry.errors import ConfigError, PluginError, did_you_mean

T = TypeVar("T")

__all__ = ["build", "check", "coerce"]

_BOOLS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def build(cls: type[T], values: Mapping[str, Any], prefix: str = "") -> T:
    """Build `cls(**values)` with every value coerced; a ConfigError for an unknown or missing key.

    A field's metadata may bound its number, or each of them: {"min": 1, "max": 10}. `prefix` leads
    the keys in errors.
    """
    fields = {each.name: each for each in dataclasses.fields(cls) if each.init}  # type: ignore[arg-type]
    for key in values:
        if key not in fields:
            hint = did_you_mean(str(key), fields)
            raise ConfigError(f"unknown key {prefix + str(key)!r};{hint} keys: {', '.join(fields)}")
    hints = _hints(cls)
    given = {key: _value(fields[key], hints, value, prefix) for key, value in values.items()}
    needed = (each for each in fields.values() if _is_required(each))
    missing = [each.name for each in needed if each.name not in values]
    if missing:
        raise ConfigError(f"missing key {', '.join(prefix + each for each in missing)}")
    return cls(**given)


def check(instance: Any) -> None:
    """Coerce and check every field in place, for the `__post_init__` of a frozen dataclass."""
    hints = _hints(type(instance))
    for each in dataclasses.fields(instance):
        value = _value(each, hints, getattr(instance, each.name), "")
        object.__setattr__(instance, each.name, value)


def coerce(value: Any, annotation: Any, key: str) -> Any:
    """Convert `value` as `annotation` asks, or raise a ConfigError that names `key`, the value and
    the fix.
    """
    origin = typing.get_origin(annotation)
    if annotation is Any:
        return value
    if origin in _GENERICS:
        return _GENERICS[origin](value, typing.get_args(annotation), key)
    if dataclasses.is_dataclass(annotation):
        return _nested(value, annotation, key)
    if annotation in _SCALARS:
        return _SCALARS[annotation](value, key)
    raise PluginError(
        f"the field {key} has the type {annotation}, which a configuration cannot express"
    )


def _hints(cls: Any) -> dict[str, Any]:
    return _hints_of(cls)


@functools.cache  # of a class that a file holds thousands of records of
def _hints_of(cls: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _union(value: Any, members: tuple[Any, ...], key: str) -> Any:
    if type(None) in members and (value is None or _text(value) in {"none", "null"}):
        return None
    others = [member for member in members if member is not type(None)]
    for member in others[:-1]:
        try:
            return coerce(value, member, key)
        except ConfigError:
            continue
    return coerce(value, others[-1], key)


def _literal(value: Any, choices: tuple[Any, ...], key: str) -> Any:
    for choice in choices:
        if value == choice and type(value) is type(choice):
            return choice
        if isinstance(value, str) and value == str(choice):
            return choice
    names = [str(choice) for choice in choices]
    raise ConfigError(
        f"{key} cannot be {value!r};{did_you_mean(str(value), names)} choices: {', '.join(names)}"
    )


def _tuple(value: Any, members: tuple[Any, ...], key: str) -> tuple[Any, ...]:
    """Convert a list or tuple; a single value becomes a tuple of one where any length is
    allowed.
    """
    variadic = members[-1:] == (Ellipsis,)
    if not isinstance(value, (list, tuple)):
        if not variadic or isinstance(value, Mapping) or value is None:
            raise _wrong(value, "a list", key)
        value = (value,)
    if variadic:
        return tuple(coerce(each, members[0], f"{key}[{i}]") for i, each in enumerate(value))
    if len(value) != len(members):
        raise _wrong(value, f"a list of {len(members)} values", key)
    pairs = enumerate(zip(value, members, strict=True))
    return tuple(coerce(each, member, f"{key}[{i}]") for i, (each, member) in pairs)


def _list(value: Any, members: tuple[Any, ...], key: str) -> list[Any]:
    return list(_tuple(value, (members[0], Ellipsis), key))


def _frozenset(value: Any, members: tuple[Any, ...], key: str) -> frozenset[Any]:
    return frozenset(_tuple(value, (members[0], Ellipsis), key))


def _mapping(value: Any, members: tuple[Any, ...], key: str) -> dict[Any, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(value, "a mapping", key)
    return {
        coerce(name, members[0], key): coerce(each, members[1], f"{key}.{name}")
        for name, each in value.items()
    }


def _nested(value: Any, annotation: Any, key: str) -> Any:
    if isinstance(value, annotation):
        return value
    if not isinstance(value, Mapping):
        raise _wrong(value, "a mapping", key)
    return build(annotation, value, f"{key}.")


def _bool(value: Any, key: str) -> bool:
    if isinstance(value, bool):
        return value
    if _text(value) in _BOOLS:
        return _BOOLS[_text(value)]
    raise _wrong(value, "true or false", key)


def _int(value: Any, key: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return int(value) if isinstance(value, str) else _no_number(value)
    except ValueError:
        raise _wrong(value, "a whole number", key) from None


def _float(value: Any, key: str) -> float:
    try:
        plain = isinstance(value, (int, float, str)) and not isinstance(value, bool)
        number = float(value) if plain else _no_number(value)
    except ValueError:
        raise _wrong(value, "a number", key) from None
    if not math.isfinite(number):
        raise _wrong(value, "a finite number", key)
    return number


def _str(value: Any, key: str) -> str:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise _wrong(value, "text (quote it)", key)
    return value


def _path(value: Any, key: str) -> Path:
    return Path(_str(value, key))


def _no_number(value: Any) -> Any:
    raise ValueError(value)


_GENERICS: dict[Any, Callable[[Any, tuple[Any, ...], str], Any]] = {
    Union: _union,
    types.UnionType: _union,
    Literal: _literal,
    tuple: _tuple,
    Sequence: _list,
    frozenset: _frozenset,
    dict: _mapping,
    Mapping: _mapping,
}
_SCALARS: dict[Any, Callable[[Any, str], Any]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    Path: _path,
}


def _text(value: Any) -> str:
    return value.strip().lower() if isinstance(value, str) else ""


def _wrong(value: Any, wanted: str, key: str) -> ConfigError:
    return ConfigError(f"{key} must be {wanted}, got {value!r}")


def _is_required(each: dataclasses.Field[Any]) -> bool:
    absent = dataclasses.MISSING
    return each.init and each.default is absent and each.default_factory is absent


def _value(each: dataclasses.Field[Any], hints: Mapping[str, Any], value: Any, prefix: str) -> Any:
    coerced = coerce(value, hints[each.name], prefix + each.name)
    _check_bounds(coerced, each.metadata, prefix + each.name)
    return coerced


def _check_bounds(value: Any, metadata: Mapping[str, Any], key: str) -> None:
    """Check a number, or every number of a list."""
    if isinstance(value, (list, tuple)):
        for at, each in enumerate(value):
            _check_bounds(each, metadata, f"{key}[{at}]")
    if not isinstance(value, (int, float)):
        return
    if value < metadata.get("min", value):
        raise ConfigError(f"{key} must be at least {metadata['min']}, got {value}")
    if value > metadata.get("max", value):
        raise ConfigError(f"{key} must be at most {metadata['max']}, got {value}")
