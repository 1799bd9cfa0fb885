"""The list that `predict` returns: scores of files, with a readable display."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from registry.html.markup import Markup, joined, table_head, tag
from registry.results.file_scores import Prediction
from registry.results.frames_of_data import data_frame
from registry.results.verdict import FileVerdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Predictions"]

_HEADER = ("file", "verdict", "score", "part", "note")


class Predictions(list[Prediction]):
    """Predictions in the order of their files."""

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame with a row per file: path, score, verdict, p, parts, frames, error.

        A ConfigError without pandas.
        """
        return data_frame([_row(each) for each in self])

    def __repr__(self) -> str:
        lines = [f"  {each!r}," for each in self]
        return "\n".join([f"{len(self)} files: [", *lines, "]"])

    def _repr_html_(self) -> str:
        rows = joined(*(tag("tr", *(tag("td", cell) for cell in _cells(each))) for each in self))
        return str(tag("table", table_head(_HEADER), tag("tbody", rows)))


def _row(found: Prediction) -> dict[str, Any]:
    verdict = found.verdict or FileVerdict()
    return {
        "path": str(found.path),
        "score": found.score,
        "verdict": verdict.word,
        "p": verdict.p,
        "part": verdict.part,
        **{f"part {name}": value for name, value in found.parts.items()},
        "frames": found.frames_used,
        "faces": found.faces,
        "error": found.error,
    }


def _cells(found: Prediction) -> Sequence[str | Markup]:
    verdict = found.verdict or FileVerdict()
    score = "" if found.score is None else f"{found.score:.3f}"
    note = found.error or found.left_out_note
    return (str(found.path), verdict.word or "", score, verdict.part or "", note)
