"""How a detector's figures change with the dose of a corruption, from finished runs.

Everything is computed from the runs' predictions, so that what is shown is what can be recomputed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from registry.contracts.types import ALL_METHODS
from registry.results.bootstrap import draw_weights, interval
from registry.results.figure import CountedFigure
from registry.results.measure import Measurement
from registry.results.predictions import OK
from registry.results.result import Result

__all__ = ["CLEAN", "CORRUPTED", "FIGURES", "Dose", "right_part", "rows_of_run"]

CLEAN = "clean"  # the condition without corruptions
CORRUPTED = "corrupted"  # file names, and the folder of the runs
FIGURES = {
    "auc": "AUC",
    "false_alarms": "reals above 0.5",
    "right_part": "right part first",
}
"""What each row has, by its key, as tables print it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """One data set under one condition ("clean" for none), with its figures by key of `FIGURES`."""

    condition: str
    dose: str
    dataset: str
    figures: Mapping[str, CountedFigure]

    @property
    def family(self) -> str:
        """Return the condition without its severity; the whole name for several steps."""
        return self.condition if "+" in self.condition else self.condition.partition(":")[0]

    @property
    def severity(self) -> int | None:
        """Return 1 to 5, 0 for clean, None for several steps."""
        if self.condition == CLEAN:
            return 0
        return None if "+" in self.condition else int(self.condition.partition(":")[2])

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def rows_of_run(result: Result, table: pa.Table, condition: str, dose: str) -> list[Dose]:
    """Return a row for each data set of a finished run, `table` its predictions."""
    detector = result.settings.detector
    rows = []
    for each in result.counts:
        if each.method != ALL_METHODS:
            continue
        measured = {
            found.metric: _figure(found)
            for found in result.select(
                dataset=each.dataset, method=ALL_METHODS, variant=detector, level="video"
            )
        }
        own = table.filter(pc.equal(table["dataset"], each.dataset))
        rows.append(
            Dose(
                condition=condition,
                dose=dose,
                dataset=each.dataset,
                figures={
                    "auc": measured.get("auc", CountedFigure()),
                    "false_alarms": measured.get("false_alarms", CountedFigure()),
                    "right_part": right_part(own, result.settings.draws, result.settings.seed),
                },
            )
        )
    return rows


def right_part(table: pa.Table, draws: int, seed: int) -> CountedFigure:
    """Measure how often the changed part has the highest score, on fakes with one known part.

    Faces whose `region` is no part of the detector's (a whole face, say) do not count. Intervals
    are of a bootstrap over identities, or videos without one.
    """
    parts = [name.removeprefix("p_") for name in table.column_names if name.startswith("p_")]
    chosen = pc.and_(pc.equal(table["status"], OK), pc.equal(table["label"], 1))
    rows = table.filter(chosen)
    rows = rows.filter(pc.is_in(rows["region"], value_set=pa.array(parts, pa.string())))
    if len(parts) < 2 or len(rows) == 0:
        return CountedFigure()
    scores = np.stack([rows[f"p_{part}"].to_numpy() for part in parts], axis=1)  # (n, K)
    right = np.array(parts)[scores.argmax(axis=1)] == np.array(rows["region"].to_pylist())
    known = zip(rows["identity"].to_pylist(), rows["video"].to_pylist(), strict=True)
    people = [person or video for person, video in known]
    low, high = _interval(right, people, draws, seed)
    return CountedFigure(value=float(right.mean()), low=low, high=high, count=len(right))


def _interval(
    right: NDArray[np.bool_], people: Sequence[str], draws: int, seed: int
) -> tuple[float | None, float | None]:
    """Return the interval of the share of `right`; no ends with one person, or no draw."""
    _, member = np.unique(np.array(people), return_inverse=True)
    if member.max() < 1 or draws == 0:
        return None, None
    rng = np.random.default_rng([seed, *b"right part"])
    fakes = np.ones(len(right), np.int64)
    shares = [each @ right / each.sum(axis=1) for each in draw_weights(fakes, member, draws, rng)]
    found = interval(np.concatenate(shares))
    return found.low, found.high


def _figure(found: Measurement) -> CountedFigure:
    count = found.reals if found.metric == "false_alarms" else found.reals + found.fakes
    return CountedFigure(value=found.value, low=found.low, high=found.high, count=count)
