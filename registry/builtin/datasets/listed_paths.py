"""Find the files that a DeepfakeBench JSON lists, in any dialect of paths, on this machine.

The JSON files in use hold paths of many machines: relative to DeepfakeBench, to its data folder or
to a cluster's, absolute, with drives and backslashes. No single rewrite fits them, so the parts of
a path are dropped from the left until the rest is there under one of the likely roots.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path

from registry.errors import DataError

__all__ = ["PathFinder"]

_DRIVE = re.compile(r"[A-Za-z]:(?=/|$)")
_KINDS = frozenset({"frames", "masks", "landmarks"})
_UNDER_ROOT = ("", "datasets/rgb", "datasets", "rgb", "DF40")
_LEAST_FOLDERS = 2  # folders above `frames` that tell data sets and manipulations apart


class PathFinder:
    """Finds listed files under `root`; `path_map` rewrites the starts of paths before that.

    Two folders above `frames` (or above the video's own folder) must agree, in the rest of the path
    or at the end of the root: with fewer, `Deepfakes/c23/frames/000_003` would be taken for the
    same name under another manipulation. So `Celeb-DF-v2/YouTube-real/frames/...` is found under a
    root `Celeb-DF-v2`, whatever lies above it.
    """

    def __init__(self, root: Path, path_map: Sequence[tuple[str, str]] = ()) -> None:
        self._root = root.absolute()
        self._roots = [each for part in _UNDER_ROOT if (each := self._root / part).is_dir()]
        self._map = [(_plain(old).rstrip("/"), new) for old, new in path_map]
        self._bases: dict[tuple[str, ...], list[Path]] = {}
        self._owners: dict[Path, tuple[str, ...]] = {}

    def find(self, listed: Sequence[str]) -> list[Path | None]:
        """Return the file of each path, or None. DataError if two listed folders come out as
        one.
        """
        folders: dict[str, list[tuple[Path, frozenset[str]]]] = {}  # few, while paths are many
        used: dict[str, Path] = {}
        found: list[Path | None] = []
        for text in listed:
            above, _, name = _plain(text).rpartition("/")
            if above not in folders:
                folders[above] = list(self._folders(self._parts(above)))
            hit = next((folder for folder, names in folders[above] if name in names), None)
            if hit is not None and used.get(above) is not hit:
                used[above] = hit
                self._claim(hit, self._parts(above))
            found.append(None if hit is None else hit / name)
        return found

    def _claim(self, folder: Path, parts: tuple[str, ...]) -> None:
        if self._owners.setdefault(folder, parts) != parts:
            raise DataError(
                f"{'/'.join(self._owners[folder])} and {'/'.join(parts)} both map to"
                f" {folder}; separate them with --path-map OLD=NEW or another --data-root"
            )

    def expected(self, listed: str) -> Path:
        """Return where a file that was not found should lie."""
        return next(self._candidates(self._parts(listed)), self._root)

    def tried(self, listed: str) -> list[Path]:
        """Return every place in which a file was looked for."""
        *above, name = self._parts(listed) or ("",)
        head, tail = _split(tuple(above))
        return [base.joinpath(*tail, name) for base in self._candidates(head)]

    def _parts(self, listed: str) -> tuple[str, ...]:
        """Return parts of a path after the map; an absolute one starts with "/"."""
        text = _plain(listed)
        for old, new in self._map:
            if text == old or text.startswith(old + "/"):
                text = f"{new.rstrip('/') or '/'}/{text.removeprefix(old).lstrip('/')}"
                text = text if text.startswith("/") else str(self._root / text)
                break
        text = _DRIVE.sub("", text, count=1) if _DRIVE.match(text) else text
        parts = [part for part in text.split("/") if part not in {"", "."}]
        while parts and parts[0] == "..":
            parts.pop(0)
        return ("/", *parts) if text.startswith("/") else tuple(parts)

    def _folders(self, above: tuple[str, ...]) -> Iterator[tuple[Path, frozenset[str]]]:
        """Yield folders that a listed folder may be, each with the names in it."""
        head, tail = _split(above)
        if head not in self._bases:  # few in a data set: looked for once, not once per video
            self._bases[head] = [base for base in self._candidates(head) if base.is_dir()]
        for base in self._bases[head]:
            folder = base.joinpath(*tail)
            try:
                yield folder, frozenset(os.listdir(folder))  # noqa: PTH208 - names are enough
            except (FileNotFoundError, NotADirectoryError, ValueError):
                continue
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG:
                    raise

    def _candidates(self, head: tuple[str, ...]) -> Iterator[Path]:
        """Likely places of a folder, those that keep most of its path first."""
        if head[:1] == ("/",):
            yield Path(*head)
            head = head[1:]
        above = head[:-1] if head and head[-1] in _KINDS else head
        for dropped in range(len(above) + 1):
            remaining = len(above) - dropped
            for root in self._roots:
                covered = _common_end(root.parts, above[:dropped])  # 0 most often
                if remaining + covered >= _LEAST_FOLDERS or covered == dropped:
                    yield root.joinpath(*head[dropped:])


def _common_end(left: Sequence[str], right: Sequence[str]) -> int:
    """Count the parts that two paths have in common at their ends."""
    pairs = zip(reversed(left), reversed(right), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _split(above: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the part that many videos share, up to `frames`, and the rest, most often the
    video.
    """
    for at in range(len(above) - 1, -1, -1):
        if above[at] in _KINDS:
            return above[: at + 1], above[at + 1 :]
    return above[:-1], above[-1:]


def _plain(text: str) -> str:
    r"""Replace backslashes by slashes and remove a leading `./`."""
    text = text.strip().replace("\\", "/")
    while text.startswith("./"):
        text = text[2:]
    return text
