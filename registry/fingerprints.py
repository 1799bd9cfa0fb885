"""Fingerprints: say whether two things consist of the same parts."""

from __future__ import annotations

import hashlib
import json

__all__ = ["fingerprint"]


def fingerprint(parts: object, *blobs: bytes) -> str:
    """Hash plain data, whatever the order of its keys, and bytes after it (sha256 in hexadecimal).

    What JSON has no word for counts by its text.
    """
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode())
    for blob in blobs:
        digest.update(blob)
    return digest.hexdigest()
