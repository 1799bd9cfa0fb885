"""Contract of a fit: it leaves its inputs unchanged, and a detector can be built from its
artefact.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.checks.detectors import check_detector
from registry.checks.samples import example_crops, require
from registry.contracts.detector import DetectorContext, FitContext, FitReport
from registry.contracts.embedder import Embedder
from registry.contracts.types import Face
from registry.plugins.specs import DetectorSpec
from registry.results.fit_report import checked_report
from registry.settings.load import resolve_options

__all__ = ["check_fit"]

_SIZE = 192  # pixels of a drawn frame
_TRAIN, _VAL = 16, 8  # people


@dataclass(frozen=True)
class _Drawn:
    """A Sample: a frame of smooth noise with the landmarks of a face in it."""

    number: int

    @property
    def key(self) -> str:
        return f"example/{self.number}/0"

    @property
    def identity(self) -> str:
        return f"example/{self.number}"

    def load(self) -> tuple[NDArray[np.uint8], Face]:
        (crop,) = example_crops(_SIZE, 1, seed=self.number)
        landmarks = np.asarray(crop.landmarks, dtype=np.float32)
        (x0, y0), (x1, y1) = landmarks.min(axis=0), landmarks.max(axis=0)
        return crop.image, Face(
            box=(float(x0), float(y0), float(x1), float(y1)), landmarks=landmarks
        )


def check_fit(
    spec: DetectorSpec, embedder: Embedder, folder: Path, options: Mapping[str, Any] | None = None
) -> FitReport:
    """Fit the detector of a record into `folder`, on 16 drawn faces and 8 to validate on.

    The report names a file that lies in the folder, under any name; the detector that is built from
    that file keeps `check_detector`; embeddings of the backbone are what they were. `options` are
    those of the fit, by name: say as little work as the fit can do. Returns the report.
    """
    require(
        spec.fit is not None, f"check_fit takes a detector that can be fitted: {spec.name!r}", None
    )
    assert spec.fit is not None  # noqa: S101 - required in the line above
    what = f"fit of detector {spec.name!r}"
    crops = example_crops(embedder.backbone.crop.size)
    images = np.stack([crop.image for crop in crops])
    before = embedder(images)
    context = FitContext(
        embedder=embedder,
        train=[_Drawn(number) for number in range(_TRAIN)],
        val=[_Drawn(number) for number in range(_TRAIN, _TRAIN + _VAL)],
        options=resolve_options(spec.fit_options, options or {}),
        out=folder,
        data_fingerprint="example",
        datasets=("example",),
        quiet=True,
    )
    report = checked_report(spec.fit(context), folder, what)
    _check_tables(report, what)
    require(
        np.array_equal(before, embedder(images)),
        f"{what} must leave the backbone as it was",
        "other embeddings",
    )
    defaults = resolve_options(spec.options, {})
    built = DetectorContext(embedder=embedder, options=defaults, artefact=report.artefact)
    check_detector(spec.build(built), crops)
    return report


def _check_tables(report: FitReport, what: str) -> None:
    """Check that rows are as long as their header and all text, and that notes are lines."""
    for title, header, rows in report.tables:
        require(isinstance(title, str), f"a table of {what} must have a title", repr(title))
        for row in (header, *rows):
            cells = len(row) == len(header) and all(isinstance(cell, str) for cell in row)
            require(
                cells, f"the table {title!r} of {what} must have {len(header)} texts per row", row
            )
    for kind, lines in (("note", report.notes), ("finding", report.findings)):
        for text in lines:
            line = isinstance(text, str) and re.search(r"\n", text) is None
            require(line, f"a {kind} of {what} must be a line of text", repr(text))
    found, tables = len(report.findings), len(report.tables)
    require(
        found <= tables,
        f"{what} must have at most one finding per table",
        f"{found} for {tables}",
    )
