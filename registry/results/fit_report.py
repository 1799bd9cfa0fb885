"""The result of a fit: its report, checked against the contract, and the file of the artefact."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from registry.contracts.detector import FitReport
from registry.errors import BenchError, DataError, PluginError
from registry.files import read_json, write_text
from registry.urls import refuse_url

__all__ = ["artefact_file", "artefact_in", "checked_report", "write_report"]

_REPORT = "fit.json"
_UNREPORTED = "artefact.safetensors"  # where only this file was copied from what a fit wrote


def checked_report(report: object, out: Path, owner: str) -> FitReport:
    """Return `report`; a PluginError unless it names a file that the fit wrote into `out`.

    The file may have any name. `owner` leads the error: "fit of detector 'mine' of package 'p'".
    """
    if not isinstance(report, FitReport):
        raise PluginError(f"{owner} must return a FitReport; got {report!r:.60}")
    artefact = report.artefact
    if not (isinstance(artefact, Path) and artefact.is_file() and artefact.parent.samefile(out)):
        raise PluginError(
            f"{owner} must leave its artefact in {out}, the `out` of its context, and"
            f" report that file; got {artefact}"
        )
    return report


def artefact_file(path: Path) -> Path:
    """Return the artefact at `path`, a file or its folder; a DataError if there is none."""
    file = artefact_in(path) if path.is_dir() else path
    if not file.is_file():
        refuse_url(file)
        raise DataError(
            f"no artefact at {file}; pass the folder that `bench fit --out` wrote, or the"
            " artefact itself"
        )
    return file


def artefact_in(folder: Path) -> Path:
    """Return the artefact's path in a folder, under the name that its fit reported; it may not
    exist.
    """
    report = folder / _REPORT
    if not report.is_file():
        return folder / _UNREPORTED
    try:
        return folder / Path(read_json(report)["artefact"]).name
    except (BenchError, OSError, KeyError, TypeError) as error:
        raise DataError(
            f"cannot read {report}, which names the artefact: {error}; pass the artefact itself"
        ) from error


def write_report(report: FitReport, out: Path) -> None:
    """Write fit.json: what was found, and which file in the folder is the artefact."""
    record = {**asdict(report), "artefact": report.artefact.name}
    write_text(out / _REPORT, json.dumps(record, indent=1))
