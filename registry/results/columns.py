"""Restore the intended types of a table's columns, whatever another program made of them."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from registry.errors import DataError

__all__ = ["typed_columns"]

_WORDS = {"real": 0, "fake": 1, "false": 0, "true": 1, "0": 0, "1": 1}  # labels as text


def typed_columns(table: pa.Table, wanted: Mapping[str, pa.DataType], source: str) -> pa.Table:
    """Return the columns of `wanted`, in its order, with its types; others are left out.

    Long strings, dictionaries, other widths of numbers, labels as text: what means the same is
    taken. A DataError names the column that cannot be.
    """
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise DataError(f"{source} has the columns {twice} twice")
    columns = {name: _typed(table[name], kind, name, source) for name, kind in wanted.items()}
    return pa.table(columns).replace_schema_metadata(table.schema.metadata)


def _typed(column: pa.ChunkedArray, kind: pa.DataType, name: str, source: str) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    try:
        plain = _decoded(column)
        if name == "label" and pa.types.is_string(plain.type):
            plain = _labels(plain)
        if pa.types.is_string(kind) and not pa.types.is_string(plain.type):
            raise pa.ArrowTypeError("text is expected")
        if pa.types.is_floating(plain.type) and pa.types.is_integer(kind):
            plain = pc.if_else(pc.is_nan(plain), None, plain)  # as pandas writes an empty cell
        return plain.cast(kind)
    except (pa.ArrowException, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{source}: column {name!r} is of type {column.type}, where {kind} is"
            f" expected, and cannot be converted ({reason}); write it as `bench eval`"
            " does, or run again"
        ) from error


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Decode dictionaries; every kind of text becomes plain strings."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kinds = (pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return column.cast(pa.string()) if any(is_kind(column.type) for is_kind in kinds) else column


def _labels(column: pa.ChunkedArray) -> pa.Array:
    """Convert labels given as text to numbers; anything else stays and cannot be cast."""
    words = [None if word is None else word.strip().lower() for word in column.to_pylist()]
    return pa.array([None if word is None else str(_WORDS.get(word, word)) for word in words])
