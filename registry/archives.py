"""Files inside tar archives: `shards/a.tar/real/000.png` is one, in an archive on disk or at a URL.

Such a path may be used wherever a file's path may. The position of a member is in an index beside
the archive, `a.tar.index.json`, which `bench prepare --shards` writes with a checksum of every
member; without one it comes from the archive's own headers, and there are no checksums.
"""

from __future__ import annotations

import functools
import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from registry.errors import DataError
from registry.objects import opened_copy, read_object
from registry.special_files import refuse_special
from registry.urls import url_of

__all__ = [
    "INDEX",
    "ArchiveIndex",
    "Entry",
    "Inside",
    "absolute_name",
    "archive_index",
    "archive_url",
    "entry_of",
    "index_text",
    "inside",
    "read_entry",
    "scanned",
]

INDEX = ".index.json"  # after the name of an archive
_TAR = ".tar/"
_FORMAT = 1
_OPEN = 64  # indices in memory; frames are read in the order of their archives


@dataclass(frozen=True, slots=True)
class Inside:
    """A member of an archive: `archive` is a path or a URL, and `path` identifies both."""

    archive: str
    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Entry:
    """The position of a member in its archive; `sha256` is of its bytes, "" where unknown."""

    offset: int
    size: int
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveIndex:
    """Members by name, and what the index records of each sample, by its key.

    `size` is that of the archive, `made_of` a fingerprint of its intended content.
    """

    size: int
    entries: Mapping[str, Entry]
    samples: Mapping[str, Mapping[str, Any]] | None = None
    made_of: str = ""


def inside(path: Path) -> Inside | None:
    """Return the member that a path stands for; None for a file or a folder."""
    text = path.as_posix()
    at = text.find(_TAR)
    while at >= 0:
        cut = at + len(_TAR)
        archive, name = text[: cut - 1], text[cut:]
        if url := url_of(archive):
            return Inside(url, name, path)
        if not _is_folder(archive):
            return Inside(archive, name, path)
        at = text.find(_TAR, cut)
    return None


def absolute_name(path: Path) -> str:
    """Return the path from the root, or the URL: the same wherever a run is started."""
    return url_of(path) or str(path.absolute())


def archive_url(path: Path) -> str:
    """Return the URL of the archive that a path leads into; "" for a local path or no archive."""
    member = inside(path) if url_of(path) else None
    return "" if member is None else member.archive


def entry_of(member: Inside) -> Entry | None:
    """Where a member lies; None where its archive has none of that name.

    A DataError where the archive cannot be read.
    """
    with _told_by(member.path):
        return archive_index(member.archive).entries.get(member.name)


def read_entry(member: Inside) -> bytes:
    """Read the bytes of a member; a DataError if they cannot be read or do not match the index."""
    entry = entry_of(member)
    if entry is None:
        raise DataError(f"cannot read {member.path}: its archive has no such file")
    with _told_by(member.path), _opened(member.archive) as file:
        file.seek(entry.offset)
        data = file.read(entry.size)
    if len(data) != entry.size:
        raise DataError(f"cannot read {member.path}: its archive is cut short")
    if entry.sha256 not in {"", hashlib.sha256(data).hexdigest()}:
        raise DataError(
            f"cannot read {member.path}: it is not what the index of its archive says; the archive"
            " is damaged, or was changed after its index"
        )
    return data


@contextmanager
def _told_by(path: Path) -> Iterator[None]:
    """Report a fault of an archive as a fault of the requested member."""
    try:
        yield
    except DataError as error:
        raise DataError(f"cannot read {path}: {error}") from None


def archive_index(archive: str) -> ArchiveIndex:
    """Return the members of an archive; a DataError where it is missing or damaged."""
    index = _index(archive, of_archive := _stamp(archive), _stamp(archive + INDEX))
    if of_archive is not None and of_archive[0] != index.size:
        raise DataError(
            f"cannot read {archive}: it has {of_archive[0]} bytes, and {index.size} by its index;"
            " one of the two is of another run, or was not copied whole"
        )
    return index


def scanned(archive: str, *, checksums: bool = False) -> ArchiveIndex:
    """Return the members of an archive by its headers; `checksums` reads all of it."""
    try:
        with _opened(archive) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            entries = {
                each.name.removeprefix("./"): Entry(each.offset_data, each.size)
                for each in tar
                if each.isfile()
            }
            size = file.seek(0, 2)
            if checksums:
                entries = {name: _checked(file, each) for name, each in entries.items()}
    except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
        raise DataError(f"cannot read {archive}: {error}; it is no tar file, or damaged") from None
    if any(each.offset + each.size > size for each in entries.values()):
        raise DataError(f"cannot read {archive}: it is cut short")
    return ArchiveIndex(size=size, entries=entries)


def _checked(file: BinaryIO, entry: Entry) -> Entry:
    """Return an entry with the checksum of its bytes."""
    file.seek(entry.offset)
    return replace(entry, sha256=hashlib.sha256(file.read(entry.size)).hexdigest())


def index_text(index: ArchiveIndex) -> str:
    """Return the text of an index file: a line for each sample."""
    samples = [json.dumps([key, values]) for key, values in (index.samples or {}).items()]
    members = [
        json.dumps([name, each.offset, each.size, each.sha256])
        for name, each in index.entries.items()
    ]
    head = json.dumps({"format": _FORMAT, "size": index.size, "made_of": index.made_of})[1:-1]
    return f'{{{head},\n"members": [\n{_lines(members)}],\n"samples": [\n{_lines(samples)}]}}\n'


def _lines(rows: Sequence[str]) -> str:
    return ",\n".join(rows)


@functools.lru_cache(maxsize=_OPEN)
def _index(archive: str, _of_archive: object, _of_index: object) -> ArchiveIndex:
    """Cache by the stamps of both files, so that changed ones are read again."""
    try:
        text = read_object(archive + INDEX) if url_of(archive) else _text_beside(archive)
    except FileNotFoundError:
        # What comes over a network is read whole while it is here: the frames' stamps want it.
        return scanned(archive, checksums=bool(url_of(archive)))
    try:
        return _parsed(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise DataError(
            f"cannot read {archive}{INDEX}: {type(error).__name__}: {error}; delete it, or write"
            " the shards again with `bench prepare --shards`"
        ) from None


def _text_beside(archive: str) -> bytes:
    try:
        beside = Path(archive + INDEX)
        refuse_special(beside)
        return beside.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DataError(f"cannot read {archive}{INDEX}: {error.strerror or error}") from None


def _parsed(values: Any) -> ArchiveIndex:
    if values["format"] != _FORMAT:
        raise ValueError(f"its format is {values['format']}, not {_FORMAT}")
    entries = {str(name): Entry(int(at), int(n), str(d)) for name, at, n, d in values["members"]}
    samples = {str(key): dict(each) for key, each in values["samples"]}
    made_of = str(values["made_of"])
    return ArchiveIndex(size=int(values["size"]), entries=entries, samples=samples, made_of=made_of)


@contextmanager
def _opened(archive: str) -> Iterator[BinaryIO]:
    try:
        if url := url_of(archive):
            with opened_copy(url) as file:
                yield file
        else:
            refuse_special(Path(archive))
            with Path(archive).open("rb") as file:
                yield file
    except FileNotFoundError:
        raise DataError(f"cannot read {archive}: there is no such archive") from None
    except OSError as error:
        raise DataError(f"cannot read {archive}: {error.strerror or error}") from None


def _stamp(path: str) -> tuple[int, int] | None:
    """Return size and date of a local file; None for a URL, which is not checked again."""
    if url_of(path):
        return None
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns


def _is_folder(path: str) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False
