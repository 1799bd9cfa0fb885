"""The extended rows that were asked for, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from lesb_plugin.audit.extended.attack_rows import attack_rows
from lesb_plugin.audit.extended.cascade import cascade_rows
from lesb_plugin.audit.extended.curves import curve_rows
from lesb_plugin.audit.extended.labels import labels_row
from lesb_plugin.audit.extended.methods import method_rows
from lesb_plugin.audit.extended.shapley_rows import shapley_rows
from lesb_plugin.audit.extended.study import Study
from lesb_plugin.audit.row import Row

__all__ = ["extended_rows"]

_ROWS: Mapping[str, Callable[[Study], list[Row]]] = {
    "curves": curve_rows,
    "shapley": shapley_rows,
    "methods": method_rows,
    "attack": attack_rows,
    "cascade": cascade_rows,
    "labels": labels_row,
}


def extended_rows(study: Study, wanted: Collection[str]) -> list[Row]:
    """Rows of the keys `wanted`; none for an explanation that says nothing of any face."""
    if study.z is None and study.found.reading.maps is None:
        return []
    return [row for key, rows in _ROWS.items() if key in wanted for row in rows(study)]
