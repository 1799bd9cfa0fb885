"""The reporter `csv`: each measurement and pair of data sets a row, for a spreadsheet or pandas."""

from __future__ import annotations

import csv
import io
from dataclasses import fields
from pathlib import Path

from registry.files import write_text
from registry.results.measure import Measurement
from registry.results.result import Result
from registry.untrusted import csv_cell

__all__ = ["TABLE", "write_csv"]

TABLE = "measurements.csv"


def write_csv(result: Result, folder: Path) -> Path:
    """Write measurements.csv into the run folder; an undefined value is an empty cell."""
    buffer = io.StringIO()
    columns = [*(each.name for each in fields(Measurement)), "reals_of"]
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    for row in result.rows():
        writer.writerow({k: csv_cell(v) if isinstance(v, str) else v for k, v in row.items()})
    path = folder / TABLE
    write_text(path, buffer.getvalue())
    return path
