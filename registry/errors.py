"""Errors a user can act on: each names the value, the alternatives and the fix."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from registry.untrusted import one_line

__all__ = [
    "BenchError",
    "ConfigError",
    "DataError",
    "EmptySplitError",
    "NotFittedError",
    "PluginError",
    "UndefinedMetricError",
    "UnknownNameError",
    "did_you_mean",
    "guarded",
    "reading",
    "similar_names",
]

T = TypeVar("T")
_LONGEST = 300  # characters of a library's own words: some print the whole of what they were given
_SIMILAR = 5  # names to offer of many
_CLOSE = 0.6  # of 1: below, a suggestion misleads ("nokey" for "workers" is 0.5)


class BenchError(Exception):
    """Base of all errors that the user can fix; `bench` prints it and exits with code 2.

    Each argument is a line. Newlines and control characters in it come from names in data, and
    are shown as escapes. `install` is the command that installs what is missing, where there is
    one; it is part of the text too.
    """

    def __init__(self, *lines: object, install: str = "") -> None:
        super().__init__(*lines)
        self.install = install

    def __str__(self) -> str:
        return "\n".join(one_line(str(line)) for line in self.args)


class PluginError(BenchError):
    """A plugin does not load, breaks its contract, or claims a name that another plugin has."""


class ConfigError(BenchError):
    """An option, configuration key or combination of options that cannot be honoured."""


class NotFittedError(ConfigError):
    """A detector that has to be fitted has no artefact for its backbone's weights."""


class DataError(BenchError):
    """Data or weights that are missing, unreadable or not what they claim to be."""


class EmptySplitError(DataError):
    """The requested split is empty; the data set itself can be read."""


class UndefinedMetricError(BenchError):
    """A metric has no value on this sample (a single class, too few reals); str() is the reason."""


class UnknownNameError(BenchError):
    """A name that is not registered; `also` says what else it is not.

    Where `known` are only those of many that are like it, `others` says how all are found.
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str], also: str = "", others: str = ""
    ) -> None:
        self.kind, self.name, self.known, self.also = kind, name, sorted(known), also
        self.others = others
        listed = ", ".join(self.known)
        similar = f" similar: {listed};" if others and listed else ""
        rest = f"{similar} {others}" if others else f" registered: {listed or 'none'}"
        super().__init__(f"no {kind} named {name!r}{also};{did_you_mean(name, self.known)}{rest}")

    def __reduce__(self) -> tuple[type[UnknownNameError], tuple[str, str, list[str], str, str]]:
        # It crosses processes.
        return UnknownNameError, (self.kind, self.name, self.known, self.also, self.others)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `" did you mean 'lesb'?"` for the closest of `known`, or an empty string."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=_CLOSE)
    return f" did you mean {close[0]!r}?" if close else ""


def similar_names(name: str, known: Iterable[str]) -> list[str]:
    """Return a few of many names to offer for one that is not among them.

    First the closest ones, then those that start with it, then those that contain it.
    """
    names = list(known)
    close = difflib.get_close_matches(name, names, n=_SIMILAR, cutoff=_CLOSE)
    longer = [each for each in names if name and name in each and each not in close]
    return close + sorted(longer, key=lambda each: not each.startswith(name))[:_SIMILAR]


def guarded(what: str, source: str, call: Callable[..., T], *args: Any) -> T:
    """Call into a plugin: its own BenchErrors pass, anything else becomes a PluginError.

    So does `sys.exit`: a plugin that gives up must not end `bench` without a message.
    """
    try:
        return call(*args)
    except BenchError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{what} of package {source or 'unknown'!r} failed: {type(error).__name__}: {error}"
        ) from error


@contextmanager
def reading(what: object, advice: str = "") -> Iterator[None]:
    """Turn whatever a reader of foreign bytes raises into a DataError that names `what`.

    On a damaged or hostile file a library may raise any exception, and one bad file must not end
    a run. `advice` follows the reason.
    """
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:_LONGEST]
        kind = type(error).__name__
        missing = isinstance(error, KeyError)
        reason = f"{text} is missing" if missing else f"{kind}: {text}" if text else kind
        raise DataError(f"cannot read {what}: {reason}{advice and f'; {advice}'}") from error
