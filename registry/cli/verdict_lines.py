"""The line of a file in `bench predict` and `bench explain`: aligned in a terminal, else TSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from registry.console import say_above_bar
from registry.streams import output
from registry.untrusted import one_line

if TYPE_CHECKING:
    from pathlib import Path

    from registry.results.file_scores import Prediction
    from registry.results.verdict import FileVerdict

__all__ = ["VERDICT_COLUMNS", "VerdictLines", "line_notes", "plain_sentence", "verdict_cells"]

VERDICT_COLUMNS = ("file", "verdict", "score", "higher_than_of_100", "part", "changed", "notes")
_WIDE = 40  # columns of a terminal that a name may take before the rest moves to the right
_SENTENCE = 44  # "higher than 100 of 100 comparable real faces"


class VerdictLines:
    """Formats lines of verdicts; `more` names further columns, given with each line.

    `plain` ones are for a file, whatever standard output is; where it is `headed`, the names of the
    columns stand there already.
    """

    def __init__(
        self,
        paths: Iterable[Path],
        more: Sequence[str] = (),
        *,
        plain: bool = False,
        headed: bool = False,
    ) -> None:
        self._more = tuple(more)
        self._terminal = output().isatty() and not plain
        widest = max((len(_name(path)) for path in paths), default=0)
        self._name = min(_WIDE, widest)
        self._headed = headed

    def text(self, found: Prediction, *more: str) -> str:
        """Return the line of one file; in a pipe, the first one follows the column names."""
        if self._terminal:
            return _aligned(found, self._name, more)
        line = "\t".join([*verdict_cells(found), *map(one_line, more)])
        if self._headed:
            return line
        self._headed = True
        return "\t".join([*VERDICT_COLUMNS, *self._more]) + "\n" + line

    def say(self, found: Prediction, *more: str) -> None:
        """Print the line, on a terminal above a bar if there is one."""
        for line in self.text(found, *more).split("\n"):
            say_above_bar(line)


def plain_sentence(verdict: FileVerdict, *, video: bool) -> str:
    """Return `higher than 97 of 100 comparable real faces`."""
    if verdict.below is None:
        return "no comparable real faces"
    run = "its highest run of frames is " if video else ""
    return f"{run}higher than {verdict.below} of 100 comparable real faces"


def _name(path: Path) -> str:
    return one_line(str(path))


def _word(found: Prediction) -> str:
    if found.score is None:
        return "NO FACE" if found.no_face else "NOT READ"
    return (found.verdict and found.verdict.word) or "NO VERDICT"


def line_notes(found: Prediction) -> list[str]:
    """List what a reader of the line must know besides the verdict."""
    if found.score is None:
        return [one_line(str(found.error))]
    verdict, notes = found.verdict, []
    if verdict is not None and verdict.none:
        notes.append(verdict.none)
    if verdict is not None and verdict.doubt:
        notes.append(verdict.doubt)
    if verdict is not None and verdict.part_caution:
        notes.append(verdict.part_caution)
    lost = "; ".join(f"{n} x {text}" for text, n in found.frame_errors.most_common())
    if lost:
        used = f"{found.frames_used} of {len(found.frames)}"
        notes.append(f"{used} frames scored ({one_line(lost)})")
    if len(found.frames) == 1 and found.faces > 1:
        notes.append(f"the highest-scoring of {found.faces} faces")
    return [*notes, *filter(None, [found.left_out_note, found.low_quality])]


def verdict_cells(found: Prediction) -> list[str]:
    """Return the cells of a line, in the order of VERDICT_COLUMNS."""
    verdict = found.verdict
    return [
        _name(found.path),
        _word(found),
        "" if found.score is None else f"{found.score:.4f}",
        "" if verdict is None or verdict.below is None else str(verdict.below),
        (verdict and verdict.part) or "",
        "" if verdict is None else verdict.looks_changed,
        "; ".join(line_notes(found)),
    ]


def _aligned(found: Prediction, name: int, more: Sequence[str]) -> str:
    verdict = found.verdict
    cells = [f"{_name(found.path):<{name}}", f"{_word(found):<12}"]
    if found.score is not None:
        cells.append(f"{found.score:.2f}")
    if verdict is not None and verdict.word is not None:
        cells.append(f"{plain_sentence(verdict, video=found.video):<{_SENTENCE}}")
        cells += [verdict.part_stands_out] if verdict.part else []
        cells += filter(None, [verdict.looks_changed])
    notes = "; ".join(line_notes(found))
    cells += [notes] if notes else []  # in no brackets: they have their own
    return "  ".join([*cells, *map(one_line, more)]).rstrip()
