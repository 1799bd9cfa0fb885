"""One row per detector: its runs merged over data sets, and the best value of each column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from registry.builtin.leaderboard.entries import BoardEntry

__all__ = ["Best", "BoardRow", "best_average", "best_by_split", "best_of", "best_values", "merged"]


@dataclass(frozen=True, slots=True)
class BoardRow:
    """A detector: `entry` has the cells of all of its `runs`, which are empty for a publication."""

    entry: BoardEntry
    runs: tuple[BoardEntry, ...] = ()


def merged(entries: Sequence[BoardEntry]) -> list[BoardRow]:
    """Return a row for each measured setup of a detector, and for each reported row.

    Runs are merged if they differ only in their data. Of two on the same data set the newer one
    counts; one with doubtful numbers counts only if there is no other.
    """
    setups: dict[str, list[BoardEntry]] = {}
    rows = [BoardRow(entry) for entry in entries if entry.kind == "reported"]
    for at, entry in enumerate(entries):
        if entry.kind == "measured":
            setups.setdefault(entry.setup or str(at), []).append(entry)
    return [*_told_apart([_one(runs) for runs in setups.values()]), *rows]


def _one(runs: Sequence[BoardEntry]) -> BoardRow:
    """Return the row of runs of one setup; where they differ, the newest run decides."""
    ranked = sorted(runs, key=lambda run: (not run.doubt, run.date != "unknown", run.date))
    cells = {name: cell for run in ranked for name, cell in run.cells.items()}
    seconds = [run.seconds_per_frame for run in ranked if run.seconds_per_frame is not None]
    newest = ranked[-1]
    entry = replace(
        newest,
        name=newest.detector or newest.name,
        cells=cells,
        reals={name: text for run in ranked for name, text in run.reals.items()},
        source="; ".join(run.source for run in runs),
        run=", ".join(run.run for run in runs),
        seconds_per_frame=seconds[-1] if seconds else None,
    )
    return BoardRow(entry, tuple(runs))


def _told_apart(rows: Sequence[BoardRow]) -> list[BoardRow]:
    """Add the names of their runs to setups that share a name."""
    shared = Counter(row.entry.name for row in rows)
    return [
        replace(row, entry=replace(row.entry, name=f"{row.entry.name} ({row.entry.run})"))
        if shared[row.entry.name] > 1
        else row
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Best:
    """The best value of each data set, and the best average with the data sets that it covers."""

    values: Mapping[str, float] = field(default_factory=dict)
    average: tuple[frozenset[str], float] | None = None


def best_by_split(rows: Sequence[BoardRow], kind: str) -> dict[str, Best]:
    """Find the best among the rows of each split: rows of different splits do not compete.

    Nor do runs on a part of their data.
    """
    whole = [row for row in rows if row.entry.kind == kind and row.entry.limit is None]
    by_split: dict[str, list[BoardRow]] = {}
    for row in whole:
        by_split.setdefault(row.entry.split, []).append(row)
    return {
        split: Best(best_values(own, kind), best_average(own, kind))
        for split, own in by_split.items()
    }


def best_of(best: Mapping[str, Best], entry: BoardEntry) -> Best:
    """Return what an entry competes for; nothing for a run on a part of its data."""
    return best.get(entry.split, Best()) if entry.limit is None else Best()


def best_values(rows: Sequence[BoardRow], kind: str) -> dict[str, float]:
    """Find the highest AUC of each data set among rows of one kind that were not trained on it.

    A data set with fewer than two such rows has none.
    """
    values: dict[str, list[float]] = {}
    for row in rows:
        if row.entry.kind == kind:
            for name in row.entry.averaged:
                values.setdefault(name, []).append(row.entry.cells[name].auc)
    return {name: max(found) for name, found in values.items() if len(found) > 1}


def best_average(rows: Sequence[BoardRow], kind: str) -> tuple[frozenset[str], float] | None:
    """Find the highest average of the rows that average over most data sets, and these data sets.

    Only averages over the same data sets compare: None if no two of these rows share them, or if
    two groups do.
    """
    own = [row.entry for row in rows if row.entry.kind == kind and row.entry.averaged]
    counts = Counter(entry.averaged for entry in own)
    most = max(map(len, counts), default=0)
    rivals = [names for names, count in counts.items() if len(names) == most and count > 1]
    if len(rivals) != 1:
        return None
    return rivals[0], max(e.average or 0.0 for e in own if e.averaged == rivals[0])
