"""Standard output and error: who writes to them, and what they can show.

Standard output belongs to the command: while one runs, what libraries and plugins print there goes
to standard error, so that `--json` and a pipe get the command's own lines and nothing else.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import TextIO

from registry.untrusted import visible

__all__ = [
    "BAR_LINE",
    "OutputError",
    "output",
    "own_output",
    "same_place",
    "shared_output",
    "write",
]

_STDOUT, _STDERR = 1, 2
_own: list[TextIO] = []  # where lines of the command go while `own_output` is open


class OutputError(OSError):
    """Standard output cannot be written, for example because the disk is full."""


class BarLine:
    """Standard error for progress bars in a log: it knows whether their line is unfinished."""

    def __init__(self) -> None:
        self._unfinished = False

    def write(self, text: str) -> None:
        """Write a part of a bar."""
        sys.stderr.write(text)
        if text:
            self._unfinished = not text.endswith("\n")

    def flush(self) -> None:
        """Flush standard error."""
        sys.stderr.flush()

    @property
    def encoding(self) -> str:
        """Return the encoding of standard error, which decides what bars are drawn with."""
        return sys.stderr.encoding

    def end(self) -> None:
        """End the line of a bar that stands there unfinished; it is drawn anew below."""
        if self._unfinished:
            self.write("\n")
            self.flush()


BAR_LINE = BarLine()


def same_place(one: TextIO, other: TextIO) -> bool:
    """Say whether two streams lead to one file or pipe, as after `2>&1`."""
    try:
        return os.path.samestat(os.fstat(one.fileno()), os.fstat(other.fileno()))
    except (OSError, AttributeError, io.UnsupportedOperation):
        return False


def output() -> TextIO:
    """Return the stream for the command's own lines."""
    return _own[-1] if _own else sys.stdout


def write(text: str, stream: TextIO) -> None:
    """Write text, with escapes for characters that the stream's encoding lacks.

    OutputError where the stream takes nothing more.
    """
    text, encoding = visible(text), getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:  # rules of tables have a stand-in, other letters have their numbers
        text = text.replace("\u2500", "-").encode(encoding, "backslashreplace").decode(encoding)
    try:
        stream.write(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _refused(error) from None


@contextmanager
def own_output() -> Iterator[None]:
    """Keep standard output for `output()` alone until the block ends.

    What else is written to it, also by libraries in C and by processes that are started, goes to
    standard error. Streams that were closed lead nowhere.
    """
    _fill_gaps()
    before = sys.stdout
    before.flush()
    with _stream_beside(before) as own, redirect_stdout(sys.stderr):
        _own.append(own)
        try:
            yield
        finally:
            _own.remove(own)


@contextmanager
def shared_output() -> Iterator[None]:
    """Let `print` write to standard output again: for commands of other packages."""
    with redirect_stdout(output()):
        yield


@contextmanager
def _stream_beside(before: TextIO) -> Iterator[TextIO]:
    """Open a stream to the same place as `before`; if that is descriptor 1, to standard error."""
    if _descriptor(before) != _STDOUT:
        yield before
        _flush(before)
        return
    saved = os.dup(_STDOUT)
    os.dup2(_STDERR, _STDOUT)
    own = open(saved, "w", encoding=before.encoding, errors="backslashreplace")  # noqa: PTH123, SIM115
    try:
        yield own
        _flush(own)
    finally:
        with suppress(OSError):
            before.flush()  # what a library has left in it
        os.dup2(saved, _STDOUT)
        _close(own)


def _flush(stream: TextIO) -> None:
    """Flush; raise an OutputError, or a BrokenPipeError if nobody reads any more."""
    try:
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _refused(error) from None


def _close(stream: TextIO) -> None:
    """Close a stream, whatever is left in it that cannot be written."""
    try:
        stream.close()
    except OSError:  # its descriptor is closed nevertheless; descriptor 1 leads to the same place
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, _STDOUT)
        os.close(nowhere)


def _fill_gaps() -> None:
    """Put the null device where a standard stream is closed: the next file opened would take its
    place.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, AttributeError, io.UnsupportedOperation):
        return None


def _refused(error: OSError) -> OutputError:
    return OutputError(f"cannot write to standard output: {error.strerror or error}")
