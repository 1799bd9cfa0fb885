"""Shapley values of the parts, with pristine pixels where a part is absent: the true importance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.faces import AuditFace
from lesb_plugin.audit.extended.naming_row import naming_row
from lesb_plugin.audit.extended.study import Study
from lesb_plugin.audit.measures.agreement import spearman
from lesb_plugin.audit.measures.controls import ORACLE, OWN, part_controls
from lesb_plugin.audit.rows.compared import mean_row, unmeasured
from lesb_plugin.audit.rows.row import Row, at_least
from lesb_plugin.explainers.perturbation import mixed
from lesb_plugin.explainers.shapley import coalitions, shapley_values

__all__ = ["part_values", "shapley_rows"]

Array = NDArray[np.float64]
_MOST_PARTS = 8
_KEY, _TITLE = "shapley", "Spearman with Shapley values, pristine baseline"


def shapley_rows(study: Study) -> list[Row]:
    """Return two rows, of fakes whose source is known.

    `shapley`: the mean over faces of the Spearman correlation of a face's part scores with the
    exact Shapley values of its parts in the score of fake. Range [-1, 1], higher is better; between
    `insert`, which counts a part alone, and `restore`, which counts it among all others. Controls
    are those of the other part rows; the oracle is the values themselves.
    `shapley.right_part`: the part that those values name; see `naming_row`.
    """
    found = study.found
    sourced = np.array([found.faces[row].source is not None for row in study.fakes])
    parts = len(found.names)
    if not sourced.any():
        return [unmeasured(_KEY, _TITLE, "no fake has a known source")]
    if parts > _MOST_PARTS:
        reason = f"{parts} parts have {2**parts} subsets, too many to score"
        return [unmeasured(_KEY, _TITLE, reason)]
    values = np.full(found.truth.shape, np.nan)

    def value(_row: int, face: AuditFace) -> Array | None:
        return None if face.source is None else part_values(study, face)

    for row, each in study.each_fake(value, "Shapley values of parts").items():
        if each is not None:
            values[row] = each
    rows = study.fakes[sourced]
    title = "right part first, Shapley values, pristine baseline"
    named = naming_row(study, f"{_KEY}.right_part", title, rows, values[rows])
    if study.z is None:
        return [named]
    z = study.z
    evidence = part_controls(
        z, found.truth, found.areas, found.centrality, study.rng(_KEY)
    ) | {OWN: z, ORACLE: values}  # fmt: skip
    columns = {who: spearman(each, values) for who, each in evidence.items()}
    return [mean_row(_KEY, _TITLE, at_least(0.8), columns, study.draws), named]


def part_values(study: Study, face: AuditFace) -> Array:
    """Return Shapley values (K,) of the parts; they sum to s(x) - s(x with all parts restored).

    The players are the parts; what is in none of them stays as it is in the fake.
    """
    assert face.source is not None  # noqa: S101 - only faces with one are asked about
    hidden = coalitions(face.parts.astype(np.float32))  # (2^K, S, S)
    images = mixed(face.crop.image, face.source.image, hidden)
    return shapley_values(study.subject.of_images(face.crop, images))
