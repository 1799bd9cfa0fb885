"""docs/layers.md shows the layers of the contracts, and names files that are there."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "layers.md").read_text("utf-8")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]


def _picture(package: str) -> list[set[str]]:
    """The names in each line of a package's picture, from the top down."""
    _, _, rest = PAGE.partition(f"`{package}/`\n\n")
    lines = rest.partition("\n\n")[0].splitlines()
    return [set(re.findall(r"\w+", line[4:39])) for line in lines if line[4] != " "]


@pytest.mark.parametrize("package", ["registry", "lesb_plugin"])
def test_the_picture_shows_every_layer_in_its_order(package: str) -> None:
    (contract,) = [each for each in CONTRACTS["contracts"] if each.get("containers") == [package]]
    rows = [[name.strip() for name in row.split("|")] for row in contract["layers"]]
    shown = _picture(package)
    lines = [
        [at for at, names in enumerate(shown) for name in row if name in names] for row in rows
    ]
    for row, found in zip(rows, lines, strict=True):
        assert len(found) == sum(not name.startswith("_") for name in row), row
    assert all(max(above) < min(below) for above, below in pairwise(lines))


def test_every_path_of_the_page_is_there() -> None:
    named = re.findall(r"`((?:registry|lesb_plugin|configs|tests)/[\w./*]+)`", PAGE)
    assert len(named) > 15
    for path in named:
        assert list(ROOT.glob(path.rstrip("/"))), path
