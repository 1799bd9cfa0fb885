"""A row that measures another method's part scores as the first row does the explanation's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.extended.study import Study
from lesb_plugin.audit.measures.controls import CONSTANT, ORACLE, OWN, constant_part
from lesb_plugin.audit.measures.intervals import Figure
from lesb_plugin.audit.measures.naming import macro_recall, named_share
from lesb_plugin.audit.rows.row import Aim, Row

__all__ = ["naming_row"]

Array = NDArray[np.float64]


def naming_row(study: Study, key: str, title: str, rows: NDArray[np.int64], z: Array) -> Row:
    """Right part first by scores z (m, K) of the faces `rows` (m,), of which some may be real.

    Recall over faces with one part changed, averaged over the parts that occur: range [0, 1],
    higher is better. Beside it stand the explanation's own scores of the very same faces.
    """
    found = study.found
    truth = found.truth[rows] & found.single[rows, None]

    def figure(scores: Array) -> Figure:
        share = named_share(scores, truth)
        return study.draws.figure(lambda weights: macro_recall(share, truth, weights[:, rows]))

    others = {ORACLE: truth.astype(np.float64), CONSTANT: constant_part(truth)}
    if study.z is not None:
        others[OWN] = study.z[rows]
    return Row(
        key=key,
        title=title,
        n=int(truth.any(axis=1).sum()),
        figure=figure(z),
        aim=Aim(f"beats {CONSTANT}", above=CONSTANT),
        controls={name: figure(each) for name, each in others.items()},
        people=study.draws.people(rows[truth.any(axis=1)]),
    )
