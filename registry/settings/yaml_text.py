"""Read YAML as people write configurations: a tree of plain keys and values of a sensible size.

A few bytes of text can stand for an endless tree (aliases of aliases, a list that holds itself)
or exhaust the stack (brackets in brackets). Its size is known from the parser's events, before
any of it is built.
"""

from __future__ import annotations

from typing import Any

from registry.errors import ConfigError

__all__ = ["parse_yaml"]

_DEEPEST, _MOST, _LONGEST = 50, 100_000, 4 << 20  # levels, values, characters


def parse_yaml(text: str, source: str) -> Any:
    """Parse a text of YAML, None if it is empty; a ConfigError names its `source`."""
    import yaml

    if len(text) > _LONGEST:
        raise ConfigError(f"{source} has {len(text)} characters, too many for a configuration")
    try:
        _check_size(text, source)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _check_keys(node, source)
        return None if node is None else yaml.SafeLoader("").construct_document(node)
    except ConfigError:
        raise
    except Exception as error:  # dates and numbers that are none raise anything
        raise ConfigError(f"cannot read {source}: {' '.join(str(error).split())}") from error


class _Sizes:
    """Depth and number of values of the tree; aliases count as what they refer to."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._open: list[tuple[str | None, list[int]]] = [(None, [0, 0])]
        self._anchors: dict[str, tuple[int, int]] = {}

    def begin(self, anchor: str | None) -> None:
        if len(self._open) > _DEEPEST:
            raise ConfigError(f"{self._source} is nested more than {_DEEPEST} levels deep")
        self._open.append((anchor, [1, 0]))

    def end(self) -> None:
        anchor, (values, depth) = self._open.pop()
        self._add(anchor, values, depth + 1)

    def value(self, anchor: str | None) -> None:
        self._add(anchor, 1, 0)

    def alias(self, anchor: str) -> None:
        if any(name == anchor for name, _ in self._open):
            raise ConfigError(f"{self._source}: {anchor!r} contains itself")
        values, depth = self._anchors.get(anchor, (1, 0))
        self._add(None, values, depth)

    def _add(self, anchor: str | None, values: int, depth: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (values, depth)
        above = self._open[-1][1]
        above[0] += values
        above[1] = max(above[1], depth)
        if above[0] > _MOST:
            raise ConfigError(f"{self._source} expands to more than {_MOST} values")
        if len(self._open) + above[1] > _DEEPEST:
            raise ConfigError(f"{self._source} is nested more than {_DEEPEST} levels deep")


def _check_size(text: str, source: str) -> None:
    import yaml

    sizes = _Sizes(source)
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            sizes.begin(event.anchor)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            sizes.end()
        elif isinstance(event, yaml.AliasEvent):
            sizes.alias(str(event.anchor))
        elif isinstance(event, yaml.ScalarEvent):
            sizes.value(event.anchor)


def _check_keys(node: Any, source: str) -> None:
    """Check that keys are text and unique; PyYAML would silently take the last."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _check_keys(each, source)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(
                f"{source}, line {line}: a key is a list or a mapping; it must be text"
            )
        if key.value in seen:
            raise ConfigError(f"{source}, line {line}: the key {key.value!r} is given twice")
        seen.add(key.value)
        _check_keys(value, source)
