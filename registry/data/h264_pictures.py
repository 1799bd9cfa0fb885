"""What an H.264 packet holds, by the first bits of its slices."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["is_b_picture", "starts_anew"]

_SLICE, _IDR_SLICE = 1, 5  # types of a unit
_B = 1  # type of a slice, modulo 5
_UNIT = re.compile(rb"\x00\x00\x01(?=(.)(.{1,8}))", re.DOTALL)


def starts_anew(packet: bytes) -> bool:
    """Say whether nothing after this packet depends on what comes before it (an IDR picture)."""
    return any(kind == _IDR_SLICE for kind, _ in _units(packet))


def is_b_picture(packet: bytes) -> bool:
    """Say whether all its slices may depend on pictures to both sides; False without a slice."""
    slices = [start for kind, start in _units(packet) if kind in {_SLICE, _IDR_SLICE}]
    return bool(slices) and all(_slice_type(start) % 5 == _B for start in slices)


def _units(packet: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and first bytes of each unit after a start code; none in packets without them."""
    for found in _UNIT.finditer(packet):
        yield found[1][0] & 31, found[2]


def _slice_type(start: bytes) -> int:
    """Return the second number at the start of a slice; -1 if it is cut off."""
    bits = "".join(f"{byte:08b}" for byte in start)
    at = value = -1
    for _ in range(2):
        zeros = bits.find("1", at + 1) - at - 1  # Exp-Golomb: as many zeros as digits follow the 1
        end = at + 2 * zeros + 2
        if zeros < 0 or end > len(bits):
            return -1
        at, value = end - 1, int(bits[at + zeros + 1 : end], 2) - 1
    return value
