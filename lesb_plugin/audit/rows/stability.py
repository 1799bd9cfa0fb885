"""Do the parts of a face keep their order if the file is compressed or resized?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.evidence.collect import Collected
from lesb_plugin.audit.measures import naming
from lesb_plugin.audit.measures.agreement import kendall
from lesb_plugin.audit.measures.controls import OWN, SHUFFLED, shuffled
from lesb_plugin.audit.measures.intervals import Draws
from lesb_plugin.audit.rows.compared import mean_row
from lesb_plugin.audit.rows.row import Row, at_least

__all__ = ["stability_row"]

Array = NDArray[np.float64]


def stability_row(found: Collected, draws: Draws, rng: np.random.Generator) -> Row:
    """Kendall's tau of a face's parts before and after, averaged over the perturbations.

    Range [-1, 1], higher is better. Controls are perturbed as the explanation is: random subspaces
    of the embedding where the detector has one, `edges of the image`, the mean gradient in each
    part, which sees the image and nothing of how real it is, and `shuffled parts`, whose names are
    drawn anew each time: chance, 0. A part that is always named, the places and the areas of parts
    are left out: no perturbation moves the landmarks, so all of them have 1 by construction.
    """
    values = {who: np.full(len(found.real), np.nan) for who in (*found.still, SHUFFLED)}
    rows, own = found.perturbed_rows, naming.standardised(found.still[OWN], found.real)
    for who, still in found.still.items():
        z = naming.standardised(still, found.real)[rows]
        changed = found.perturbed[who].values()
        after = [naming.on_scale(still, each, found.real) for each in changed]
        values[who][rows] = np.mean([kendall(z, each) for each in after], axis=0)
        if who == OWN:
            anew = [(shuffled(own[rows], rng), shuffled(each, rng)) for each in after]
            values[SHUFFLED][rows] = np.mean([kendall(*pair) for pair in anew], axis=0)
    title = "Kendall's tau of the parts after JPEG, resizing"
    return mean_row("stability", title, at_least(0.8), values, draws)
