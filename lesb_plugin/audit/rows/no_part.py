"""Is a part of a real face singled out as rarely as promised?"""

from __future__ import annotations

import numpy as np

from lesb_plugin.audit.evidence.collect import Collected
from lesb_plugin.audit.measures import naming
from lesb_plugin.audit.measures.intervals import Draws, Figure, of_share
from lesb_plugin.audit.rows.row import Aim, Row
from lesb_plugin.explainers.log_odds import log_odds

__all__ = ["no_part_row"]

_KEY, _TITLE = "no_part_on_real", "reals with a part above 95 %"
_FOLDS = 2
_PROMISED = 0.05


def no_part_row(found: Collected, draws: Draws) -> Row:
    """Return the share of the audit's reals of which some part scores higher than 95 % of reals do.

    Of val's reals, where the artefact of the audited detector holds the scores of 20 or more: part
    scores are counted in their standard deviations, as a report of the detector does, and the
    interval is Clopper's and Pearson's. Else of the reals of one half of the audit's people, for
    those of the other, so that nobody is judged by a threshold that his own face set; the interval
    is from draws. Range [0, 1], 0.05 is what is promised.

    No control stands beside it: whatever scores are given, noise too, the share is 5 % where the
    reals that set the threshold are like the audit's. That alone is what the row tells.
    """
    assert found.reading.parts is not None  # noqa: S101 - rows are asked of part scores only
    val = found.val_reals
    if val is not None:
        threshold = np.stack([log_odds(val.regions[name]) for name in found.names], axis=1)
        flags = naming.alarms_beyond(found.reading.parts[found.real], threshold)
        by, figure = "val's reals", of_share(flags, _method(len(threshold)))
    else:
        by, figure = "other reals", _by_folds(found, draws)
    return Row(
        key=_KEY,
        title=f"{_TITLE} of {by}",
        n=int(found.real.sum()),
        figure=figure,
        aim=Aim(f"interval holds {_PROMISED}", contains=_PROMISED, fewest=round(1 / _PROMISED)),
        higher_is_better=False,
        people=draws.people(found.real),
    )


def _method(count: int) -> str:
    return (
        f"the threshold is that of the {count} val reals of the artefact; the interval is Clopper's"
        " and Pearson's"
    )


def _by_folds(found: Collected, draws: Draws) -> Figure:
    assert found.reading.parts is not None  # noqa: S101 - as above
    z = naming.standardised(found.reading.parts, found.real)
    people = np.unique(found.identity[found.real], return_inverse=True)[1]
    values = np.full(len(z), np.nan)
    values[found.real] = naming.alarms(z[found.real], people % _FOLDS)
    return draws.figure(lambda weights: naming.mean(values, weights))
