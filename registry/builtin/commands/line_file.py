"""The file that `predict --out` writes: kept after Ctrl-C, and continued by `--start-at`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from registry.cli.verdict_lines import VERDICT_COLUMNS
from registry.errors import ConfigError, reading
from registry.files import replacing
from registry.untrusted import one_line

__all__ = ["earlier_lines", "line_file"]


@contextmanager
def line_file(path: Path, earlier: str) -> Iterator[Callable[[str], object]]:
    """Yield what takes lines for a file that begins with `earlier`; it is replaced at the end.

    After Ctrl-C it holds the lines that were finished; without any, and after an error, what was
    there before is left.
    """
    interrupt: KeyboardInterrupt | None = None
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(earlier)
        begun = file.tell()
        try:
            yield lambda line: file.write(line + "\n")
        except KeyboardInterrupt as raised:
            if file.tell() == begun:
                raise
            interrupt = raised
    if interrupt is not None:
        raise interrupt


def earlier_lines(path: Path, before: Sequence[Path], *, is_json: bool) -> str:
    """Return the text of an earlier file at `path`, if its lines are those of the last files of
    `before`, and "" without one; a ConfigError where other lines would be lost.
    """
    if not path.exists():
        return ""
    with reading(path):
        text = path.read_text("utf-8")
    names = _names(text, is_json=is_json)
    files = [str(each) if is_json else one_line(str(each)) for each in before]
    if names and names == files[-len(names) :]:
        return text
    raise ConfigError(
        f"--start-at leaves files out, and {path} holds lines of others than those just before:"
        " they would be lost; choose another --out"
    )


def _names(text: str, *, is_json: bool) -> list[str]:
    """List the files that lines of `bench predict` are of; nothing where they are other lines."""
    lines = text.removesuffix("\n").split("\n")
    if not is_json:
        header, *rows = lines
        of_predict = header == "\t".join(VERDICT_COLUMNS)
        return [row.partition("\t")[0] for row in rows] if of_predict else []
    try:
        return [json.loads(line)["path"] for line in lines]
    except (ValueError, KeyError, TypeError):
        return []
