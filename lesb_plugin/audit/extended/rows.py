"""Compute the requested extended rows, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from lesb_plugin.audit.extended.attack_rows import attack_rows
from lesb_plugin.audit.extended.cascade import cascade_rows
from lesb_plugin.audit.extended.curves import curve_rows
from lesb_plugin.audit.extended.labels import labels_row
from lesb_plugin.audit.extended.methods import method_rows
from lesb_plugin.audit.extended.shapley_rows import shapley_rows
from lesb_plugin.audit.extended.study import Stopped, Study
from lesb_plugin.audit.rows.compared import unmeasured
from lesb_plugin.audit.rows.row import Row
from registry import this_rank

__all__ = ["extended_rows"]

_ROWS: Mapping[str, Callable[[Study], list[Row]]] = {
    "curves": curve_rows,
    "shapley": shapley_rows,
    "methods": method_rows,
    "cascade": cascade_rows,
    "labels": labels_row,
    "attack": attack_rows,  # the longest by far
}
_STOPPED = "stopped before it could be measured"


def extended_rows(study: Study, wanted: Collection[str]) -> tuple[list[Row], bool]:
    """Return rows of the keys `wanted`; none for an explanation without any scores or maps.

    They take up to hours: Ctrl-C ends them early and keeps finished rows and attacked faces. The
    second value says whether that happened.
    """
    found: list[Row] = []
    if study.z is None and study.found.reading.maps is None:
        return found, False
    keys = [key for key in _ROWS if key in wanted]
    for at, key in enumerate(keys):
        try:
            found += _ROWS[key](study)
        except KeyboardInterrupt as stop:
            if this_rank().count > 1:  # the others may be at another row
                raise
            if isinstance(stop, Stopped):
                return [*found, *stop.rows, *_unmeasured(keys[at + 1 :])], True
            return [*found, *_unmeasured(keys[at:])], True
    return found, False


def _unmeasured(keys: Sequence[str]) -> list[Row]:
    return [unmeasured(key, key, _STOPPED) for key in keys]
