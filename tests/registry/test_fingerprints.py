from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from registry import fingerprint


def test_it_is_the_sha256_of_sorted_json() -> None:
    by_hand = hashlib.sha256(b'{"a": [1, "b"], "c": null}').hexdigest()
    assert fingerprint({"c": None, "a": (1, "b")}) == by_hand


def test_paths_count_by_their_text_and_bytes_come_last() -> None:
    by_hand = hashlib.sha256(b'["x/y"]' + b"\x00\x01").hexdigest()
    assert fingerprint([Path("x/y")], b"\x00", b"\x01") == by_hand


@pytest.mark.parametrize("other", [[2, 1], [1, 2.0], ["1", 2], {"1": 2}])
def test_other_parts_have_another(other: object) -> None:
    assert fingerprint(other) != fingerprint([1, 2])
