"""Groups of methods: the user's own names for fakes that are measured together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from registry.contracts.types import ALL_METHODS
from registry.errors import ConfigError, did_you_mean

__all__ = ["MethodGroup", "read_groups"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodGroup:
    """The methods whose names match one of the shell patterns, case-sensitively on every system."""

    name: str
    patterns: tuple[str, ...]

    def among(self, methods: Iterable[str]) -> tuple[str, ...]:
        """Return those of `methods` that belong to the group, in the order of their names."""
        return tuple(
            method
            for method in sorted(methods)
            if any(fnmatchcase(method, pattern) for pattern in self.patterns)
        )


def read_groups(texts: Sequence[str], methods: Collection[str]) -> tuple[MethodGroup, ...]:
    """Read groups from texts `NAME=PATTERN|PATTERN`; texts of one NAME are one group.

    `methods` are those of the data. ConfigError for a text of another form, for a pattern that none
    of them matches and for a name that one of them has.
    """
    patterns: dict[str, list[str]] = {}
    for text in texts:
        name, own = _parse(text, methods)
        _check_name(name, methods)
        for pattern in own:
            _check_pattern(name, pattern, methods)
        patterns.setdefault(name, []).extend(own)
    return tuple(
        MethodGroup(name=name, patterns=tuple(dict.fromkeys(own))) for name, own in patterns.items()
    )


def _parse(text: str, methods: Collection[str]) -> tuple[str, list[str]]:
    name, _, rest = text.partition("=")
    patterns = [each.strip() for each in rest.split("|")]
    if not (name.strip() and name.isprintable() and all(patterns)):
        raise ConfigError(
            f"--group {text!r} is not of the form NAME=PATTERN or NAME=PATTERN|PATTERN, such as"
            f" --group warps='warp_*|*_warp'. {_listed(methods)}"
        )
    return name.strip(), patterns


def _check_name(name: str, methods: Collection[str]) -> None:
    taken = {ALL_METHODS: "all fakes together", **dict.fromkeys(methods, "a method")}
    if name in taken:
        raise ConfigError(
            f"--group {name}: the row of {taken[name]} already has this name; choose"
            f" another. {_listed(methods)}"
        )


def _check_pattern(name: str, pattern: str, methods: Collection[str]) -> None:
    if not any(fnmatchcase(method, pattern) for method in methods):
        raise ConfigError(
            f"--group {name}: no method matches"
            f" {pattern!r};{did_you_mean(pattern, methods)} a pattern must match a"
            " method's whole name; * matches any characters and ? a single one."
            f" {_listed(methods)}"
        )


def _listed(methods: Iterable[str]) -> str:
    return f"Methods in the data: {', '.join(sorted(methods)) or 'none, omit --group'}"
