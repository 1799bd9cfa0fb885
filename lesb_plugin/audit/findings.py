"""What the tables of an audit show, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.measures.controls import CONSTANT
from lesb_plugin.audit.rows.row import Row

__all__ = ["of_matrix", "of_rows"]

NAMING = "right_part"


def of_rows(rows: Sequence[Row]) -> str:
    """Say how many aims are met, and whether the explanation names the changed part."""
    aims = _of_aims(rows)
    naming = next((row for row in rows if row.key == NAMING), None)
    if naming is None or naming.figure.value is None:
        return aims
    return f"{aims} {_of_naming(naming)}"


def of_matrix(parts: Sequence[str], matrix: NDArray[np.float64]) -> str:
    """Say whether each part's score answers to its own change; `matrix` (K, K), by score a row."""
    with_own = np.diag(matrix)
    others = np.where(np.eye(len(parts), dtype=np.bool_), -np.inf, np.nan_to_num(matrix, nan=-1.0))
    mixed = [
        part for k, part in enumerate(parts) if not with_own[k] > others[k].max(initial=-np.inf)
    ]
    if not mixed:
        return "Every part's score responds most to a change of its own part."
    listed = " and ".join([", ".join(mixed[:-1]), mixed[-1]] if len(mixed) > 1 else mixed)
    return (
        f"The score of {listed} responds to other parts as much as to its own: it does not"
        " show where a face was changed."
    )


def _of_aims(rows: Sequence[Row]) -> str:
    judged = [row.met for row in rows if row.met is not None]
    unclear = sum(bool(row.undecided and row.aim.text) for row in rows)
    if not judged and not unclear:
        return "No row here has an aim."
    rest = f", and {unclear} cannot be judged" if unclear else ""
    return f"{sum(judged)} of {len(judged)} aims are met{rest}."


def _of_naming(row: Row) -> str:
    control = row.controls.get(CONSTANT)
    if row.undecided:
        return f"It is open whether the explanation names the changed part: {row.undecided}."
    if control is None or control.value is None or row.figure.low is None:
        return f"The changed part comes first in {row.figure.value:.3f} of the fakes."
    how = "not clearly more often"
    if row.figure.low > control.value:
        how = "more often"
    elif row.figure.high is not None and row.figure.high < control.value:
        how = "less often"
    return f"The explanation names the changed part {how} than always naming the same part does."
