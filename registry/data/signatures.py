"""Recognise a file by its first bytes, whatever its name."""

from __future__ import annotations

from typing import Literal

__all__ = ["HEAD", "kind_of"]

HEAD = 4096  # bytes that are looked at

_IMAGES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")
_VIDEOS = (b"\x1a\x45\xdf\xa3", b"FLV\1", b"OggS", b"\0\0\1\xba", b"0&\xb2u\x8ef\xcf\x11")
_STILLS = frozenset({b"avif", b"heic", b"heix", b"heim", b"heis", b"mif1"})
_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"wide"})


def kind_of(head: bytes) -> Literal["image", "video", "text", ""]:
    """Say what kind of file begins with `head`, its first bytes; empty if that is unknown."""
    if head.startswith(_IMAGES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "image"
    if head[4:8] in _BOXES:
        return "image" if head[8:12] in _STILLS else "video"
    if head.startswith(_VIDEOS) or (head[:4] == b"RIFF" and head[8:12] == b"AVI "):
        return "video"
    return "" if b"\0" in head or not head else "text"
