"""What the extended rows work on: an explanation, and some of the faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.collect import Collected, spread
from lesb_plugin.audit.evidence.faces import AuditFace
from lesb_plugin.audit.evidence.painted import painted
from lesb_plugin.audit.evidence.subject import Reading, Subject
from lesb_plugin.audit.measures.intervals import Draws
from lesb_plugin.audit.measures.naming import standardised
from lesb_plugin.audit.options import AuditConfig
from lesb_plugin.audit.rows.map_rows import enlarged
from lesb_plugin.audit.rows.row import Row
from registry import Explain, map_shared

__all__ = ["Image", "Map", "Stopped", "Study"]

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Map = NDArray[np.float32]
Rows = NDArray[np.int64]
R = TypeVar("R")


class Stopped(KeyboardInterrupt):
    """Ctrl-C during rows that can be computed from the faces finished so far."""

    def __init__(self, rows: Sequence[Row]) -> None:
        super().__init__()
        self.rows = tuple(rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """`fakes` (m,) are the rows of faces that extended rows are about, evenly spread over the fakes
    whose changed parts are known; `reals` those that other methods' part scores are measured by.

    `z` (n, K) are part scores of the explanation on the scale of reals, None where it has none.
    """

    subject: Subject
    found: Collected
    draws: Draws
    config: AuditConfig
    fakes: Rows
    reals: Rows
    z: Array | None

    @classmethod
    def of(cls, subject: Subject, found: Collected, draws: Draws, config: AuditConfig) -> Study:
        """Choose `config.extended_faces` fakes, and half as many reals."""
        count = config.extended_faces
        parts = found.reading.parts
        return cls(
            subject=subject,
            found=found,
            draws=draws,
            config=config,
            fakes=spread(np.flatnonzero(found.known), count),
            reals=spread(np.flatnonzero(found.real), max(2, count // 2)),
            z=None if parts is None else standardised(parts, found.real),
        )

    def rng(self, key: str) -> np.random.Generator:
        """Return a row's own generator: its draws do not depend on which other rows are
        measured.
        """
        return np.random.default_rng([self.config.seed, *key.encode()])

    def each_fake(self, call: Callable[[int, AuditFace], R], label: str) -> dict[int, R]:
        """Map the rows of the chosen fakes to `call(row, face)`, under a bar; ranks share them."""
        pairs = [(int(row), self.found.faces[row]) for row in self.fakes]
        quiet = self.config.quiet
        found = map_shared(lambda pair: call(*pair), pairs, label, unit="face", quiet=quiet)
        return {row: each for (row, _), each in zip(pairs, found, strict=True)}

    def column(self) -> Array:
        """Return NaN (n,), to be filled for some faces."""
        return np.full(len(self.found.faces), np.nan)

    def heat(self, row: int) -> Map:
        """Return (S, S): the explanation of a face by pixel.

        Its map, or its part scores painted into their parts.
        """
        face, maps = self.found.faces[row], self.found.reading.maps
        size = face.parts.shape[1]
        if maps is not None:
            return enlarged(maps[row], size)
        assert self.z is not None  # noqa: S101 - an explanation has parts or maps
        return painted(face.parts, self.z[row])

    def read(self, explain: Explain, rows: Rows, label: str) -> Reading:
        """Return another explainer's reading of the same detector, for some faces."""
        inputs = replace(self.subject.inputs, explain=explain)
        other = Subject(inputs, self.subject.names, self.config.batch, quiet=self.config.quiet)
        return self.read_again(rows, label, other)

    def read_again(self, rows: Rows, label: str, subject: Subject | None = None) -> Reading:
        """Return the explanation again, after the detector has changed."""
        faces = [self.found.faces[row] for row in rows]
        return (subject or self.subject).read(
            [face.crop for face in faces], [face.parts for face in faces], label
        )
