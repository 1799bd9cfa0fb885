"""The entry points of installed packages, including half-installed ones."""

from __future__ import annotations

import importlib.metadata
import re
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, TypeVar

__all__ = ["PluginEntry", "attempt", "find_entries"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginEntry:
    """An entry point, with the name and version of its package; "" if unknown."""

    name: str
    distribution: str
    version: str
    point: importlib.metadata.EntryPoint


def find_entries(group: str) -> tuple[list[PluginEntry], list[tuple[str, Exception]]]:
    """Find entry points of a group by package and name, and the packages whose list is unreadable.

    Of two packages with one name the first on `sys.path` counts, as it does for imports.
    """
    entries: list[PluginEntry] = []
    unreadable: list[tuple[str, Exception]] = []
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        folder = _folder_name(distribution)
        known = re.sub(r"[-_.]+", "-", folder).lower()
        if known and known in seen:
            continue
        seen.add(known)
        try:
            points = [each for each in distribution.entry_points if each.group == group]
        except Exception as error:  # noqa: BLE001 - a file that anything may have written
            unreadable.append((folder or "an unnamed package", error))
            continue
        name, version = _package(distribution, folder) if points else ("", "")
        entries += [
            PluginEntry(name=point.name, distribution=name, version=version, point=point)
            for point in points
        ]
    return sorted(entries, key=lambda each: (each.distribution, each.version, each.name)), (
        unreadable
    )


def attempt(
    plugin: str, call: Callable[..., T], *args: Any
) -> tuple[T, None] | tuple[None, BaseException]:
    """Run a plugin's code; return what it returns or raises, including SystemExit.

    A KeyboardInterrupt passes, with the plugin's name, only if Ctrl-C was really pressed.
    """
    with _interrupts() as was_interrupted:
        try:
            return call(*args), None
        except BaseException as error:  # the plugin boundary
            if was_interrupted():
                error.add_note(f" while plugin {plugin!r} was loading")
                raise
            return None, error


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether Ctrl-C was pressed in the block."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield lambda: False  # signals, and what they raise, are the main thread's
        return
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> Any:
        pressed.append(number)
        return before(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        if signal.getsignal(signal.SIGINT) is note:  # the plugin may have set one of its own
            signal.signal(signal.SIGINT, before)


def _folder_name(distribution: importlib.metadata.Distribution) -> str:
    """Return the name in `NAME-VERSION.dist-info`, which exists even without METADATA."""
    folder = getattr(getattr(distribution, "_path", None), "name", "")
    return re.sub(r"\.(dist|egg)-info$", "", folder).partition("-")[0]


def _package(distribution: importlib.metadata.Distribution, folder: str) -> tuple[str, str]:
    """Return name and version from the metadata, as far as available."""
    try:
        known = distribution.metadata
        return str(known["Name"] or folder), str(known["Version"] or "")
    except Exception:  # noqa: BLE001 - no file, or one that anything may have written
        return folder, ""
