"""Explain the tables of a fit of `lesb_roi` in plain words: a sentence for each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lesb_plugin.roi.localisation import Localisation

__all__ = ["findings"]

_CLEAR = 0.005  # of AUC: less is not worth a word


def findings(
    names: Sequence[str], found: Localisation, fused: float, head: float
) -> tuple[str, ...]:
    """Give a sentence for each table; `fused` and `head` are AUCs with and without the parts."""
    return (_of_parts(names, found), _of_naming(names, found), _of_fusion(fused, head))


def _of_parts(names: Sequence[str], found: Localisation) -> str:
    auc = found.part_auc
    if np.isnan(auc).any() or len(names) < 2:
        return "Not every part has pseudo-fakes of its own on val."
    best, worst = int(auc.argmax()), int(auc.argmin())
    return (
        f"A change of the {names[best]} is detected best (AUC {auc[best]:.3f}), one of the"
        f" {names[worst]} worst (AUC {auc[worst]:.3f})."
    )


def _of_naming(names: Sequence[str], found: Localisation) -> str:
    chance = 1 / len(names)
    if np.isnan(found.right_part):
        return "No pseudo-fake on val changes one part only, so naming was not measured."
    error = np.sqrt(chance * (1 - chance) / max(found.singles, 1))
    more = found.right_part > chance + 2 * error
    how = f"{found.right_part / chance:.1f} times as often as" if more else "no more often than"
    return f"The changed part comes first {how} by chance."


def _of_fusion(fused: float, head: float) -> str:
    if fused - head >= _CLEAR:
        return f"Adding the parts to the head raises the AUC from {head:.3f} to {fused:.3f}."
    return f"Adding the parts to the head does not raise its AUC ({head:.3f} and {fused:.3f})."
