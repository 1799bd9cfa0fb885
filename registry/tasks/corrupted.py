"""Evaluate a detector under corruptions: one run without any, then one for each condition."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from registry.console import tell
from registry.errors import ConfigError
from registry.faces.corruptions import Condition, conditions
from registry.files import write_text
from registry.ranks import this_rank
from registry.results.predictions import read_predictions
from registry.results.result import Result
from registry.results.robustness import CLEAN, CORRUPTED, FIGURES, Dose, rows_of_run
from registry.settings.tasks import EvalConfig
from registry.tasks.evaluate import evaluate

__all__ = ["Corrupted", "evaluate_corrupted"]

_NEEDED = ("auc", "false_alarms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrupted:
    """Figures by condition and data set, the clean run first, and their folder."""

    rows: tuple[Dose, ...]
    clean: Result
    folder: Path

    @property
    def about(self) -> str:
        """Say how far `right part first` may be trusted; "" if it was not measured."""
        line = self.clean.provenance.audit.get("line", "")
        measured = any(row.figures["right_part"].value is not None for row in self.rows)
        return f"Right part first: {line}." if line and measured else ""

    def to_text(self) -> str:
        """Return the rows as JSON: what corrupted.json holds."""
        return json.dumps([row.to_json() for row in self.rows], indent=1, allow_nan=False)


def evaluate_corrupted(config: EvalConfig | None = None, /, **settings: Any) -> Corrupted:
    """Evaluate without any corruption, then under each condition of `corrupt`.

    The clean run is that of `evaluate`, in `out`; the others lie in its folder `corrupted`, each a
    run of its own that resumes as any does. Writes corrupted.json and corrupted.csv.
    """
    config = replace(config or EvalConfig(), **settings)
    wanted = conditions(config.corrupt)
    if not wanted:
        raise ConfigError("no corruption is named; pass --corrupt h264, or NAME:SEVERITY")
    metrics = tuple(dict.fromkeys((*config.metrics, *_NEEDED)))
    config = replace(config, metrics=metrics)
    clean = evaluate(replace(config, corrupt=()))
    folder = Path(clean.provenance.config["out"])
    rows, first = _rows(clean, folder, CLEAN, ""), this_rank().first
    for number, condition in enumerate(wanted, 1):
        if first and not config.quiet:
            tell(f"{condition.name} ({number} of {len(wanted)}): {condition.dose}")
        rows += _under(condition, config, folder)
    found = Corrupted(rows=tuple(rows), clean=clean, folder=folder)
    if first:
        write_text(folder / f"{CORRUPTED}.json", found.to_text() + "\n")
        write_text(folder / f"{CORRUPTED}.csv", _as_csv(found.rows))
    return found


def _under(condition: Condition, config: EvalConfig, folder: Path) -> list[Dose]:
    name = condition.name.replace(":", "-")
    own = replace(
        config, corrupt=(condition.name,), out=str(folder / CORRUPTED / name), reporters=()
    )
    result = evaluate(own)
    return _rows(result, folder / CORRUPTED / name, condition.name, condition.dose)


def _rows(result: Result, folder: Path, condition: str, dose: str) -> list[Dose]:
    return rows_of_run(result, read_predictions(folder)[0], condition, dose)


def _as_csv(rows: Sequence[Dose]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = [f"{key}{end}" for key in FIGURES for end in ("", "_low", "_high", "_count")]
    writer.writerow(["dataset", "condition", "dose", *columns])
    for row in rows:
        values = [
            value
            for key in FIGURES
            for value in (
                row.figures[key].value,
                row.figures[key].low,
                row.figures[key].high,
                row.figures[key].count,
            )
        ]
        writer.writerow([row.dataset, row.condition, row.dose, *values])
    return text.getvalue()
