"""In what two artefacts differ, but for the moment at which they were fitted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

__all__ = ["tensors", "unlike"]

_SCATTER = 1e-10  # relative; sums of ranks come in another order
_OF_THE_MOMENT = {"seconds", "created", "out"}


def unlike(one: Path, other: Path, rounding: float = 0.0) -> Iterator[str]:
    """Tensors of two folders that differ by a bit, or in float64, eigenvalues of scatters, by more
    than the rounding of a sum; and what the artefacts say of themselves.

    All but eigenvalues may differ by `rounding`, as a share of a tensor's largest number.
    """
    (arrays, record), (others, other_record) = tensors(one), tensors(other)
    yield from sorted(arrays.keys() ^ others.keys())
    for name in arrays.keys() & others.keys():
        array, again = arrays[name], others[name]
        least = _SCATTER if array.dtype == np.float64 else 0.0
        share = least if name.endswith("eigenvalues") else max(least, rounding)
        near = share * np.abs(array).max(initial=0.0)
        if array.shape != again.shape or not np.allclose(array, again, rtol=0, atol=near):
            yield name
    yield from _differences(record, other_record)


def tensors(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arrays of an artefact, and what it says of itself."""
    with safe_open(path / "artefact.safetensors", "numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        (text,) = file.metadata().values()
    return arrays, json.loads(text)


def _differences(one: Any, other: Any, place: str = "") -> Iterator[str]:
    """Places in two JSON documents that differ by more than the rounding of a sum."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in one.keys() | other.keys():
            if name not in _OF_THE_MOMENT:
                yield from _differences(one.get(name), other.get(name), f"{place}/{name}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for at, pair in enumerate(zip(one, other, strict=True)):
            yield from _differences(*pair, f"{place}[{at}]")
    elif isinstance(one, float) and isinstance(other, float):
        if not np.isclose(one, other, rtol=_SCATTER, atol=1e-12):
            yield f"{place}: {one} and {other}"
    elif one != other:
        yield f"{place}: {one} and {other}"
