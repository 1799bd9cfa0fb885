"""What a fit of `lesb_roi` reports, and what its artefact records."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from lesb_plugin.lesb.fit_notes import probe_note, skipped_notes
from lesb_plugin.lesb.heads import auc
from lesb_plugin.lesb.summary import PACKAGES
from lesb_plugin.lfd.artefact import describe_backbone
from lesb_plugin.roi.calibration import WEIGHTS
from lesb_plugin.roi.encoding import FEATURES
from lesb_plugin.roi.findings import findings
from lesb_plugin.roi.fitted import RoiModel, RoiScores
from lesb_plugin.roi.localisation import Localisation, localisation
from lesb_plugin.roi.options import RoiFitOptions
from registry import (
    FitContext,
    package_versions,
)

if TYPE_CHECKING:
    from lesb_plugin.roi.encoding import Encoded

__all__ = ["findings_on", "notes", "record", "tables"]

Table = tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]]


def record(
    context: FitContext,
    options: RoiFitOptions,
    model: RoiModel,
    splits: tuple[Encoded, Encoded],
    scores: RoiScores,
) -> dict[str, Any]:
    """Return the origin of the fit, as plain data for JSON; `scores` are those of val's pairs."""
    named = dict(zip(("train", "val"), splits, strict=True))
    val = splits[1]
    fake = val.fake[~val.clean]
    found = _localisation(val, scores)
    return {
        "backbone": describe_backbone(context.embedder.backbone),
        "precision": context.embedder.precision,
        **({} if context.embedder.engine is None else {"backend": context.embedder.backend}),
        "head": "own" if model.probe is None else "probe",
        "features": FEATURES,
        "options": asdict(options),
        "datasets": list(context.datasets),
        "data_fingerprint": context.data_fingerprint,
        "seed": context.seed,
        "val": {
            **_plain(found),
            "auc": auc(fake, scores.fused),
            "auc_head": auc(fake, scores.head),
        },
        "faces": {name: split.faces for name, split in named.items()},
        "skipped": [asdict(each) for split in splits for each in split.skipped],
        "versions": package_versions(PACKAGES),
    }


def _localisation(val: Encoded, scores: RoiScores) -> Localisation:
    pairs = ~val.clean
    reals = scores.parts[:, val.fake[pairs] == 0]
    return localisation(scores.parts, val.labels[pairs], reals)


def _plain(found: Localisation) -> dict[str, Any]:
    """Replace NaN, which JSON lacks."""
    values = {**asdict(found), "part_auc": found.part_auc.tolist()}
    return {
        name: [_or_none(each) for each in value] if isinstance(value, list) else _or_none(value)
        for name, value in values.items()
    }


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value


def tables(model: RoiModel, val: Encoded, reals: RoiScores, scores: RoiScores) -> tuple[Table, ...]:
    """Return how well parts and faces are classified on val's pseudo-fakes."""
    found = _localisation(val, scores)
    fake = val.fake[~val.clean]
    parts = [
        (part, _text(found.part_auc[k], 3), f"{np.quantile(reals.parts[k], 0.95):.2f}")
        for k, part in enumerate(model.regions.names)
    ]
    faces = [
        ("right part first", _text(found.right_part, 3), f"{1 / len(parts):.3f} by chance"),
        ("correlation of two parts' scores", _text(found.redundancy, 2), ""),
        ("AUC, head and parts fused", f"{auc(fake, scores.fused):.3f}", _flagged(reals.fused)),
        ("AUC, head alone", f"{auc(fake, scores.head):.3f}", _flagged(reals.head)),
    ]
    weights = [
        (f"{weight:g}", f"{value:.4f}", "kept" if weight == model.fusion.weight else "")
        for weight, value in zip(WEIGHTS, model.fusion.aucs, strict=True)
    ]
    return (
        (
            "lesb_roi: a changed part against reals (val)",
            ("part", "AUC", "95 % of reals score below"),
            tuple(parts),
        ),
        (f"lesb_roi: {found.singles} fakes of one part (val)", ("", "", ""), tuple(faces)),
        ("lesb_roi: validation AUC by weight of the parts", ("weight", "AUC", ""), tuple(weights)),
    )


def _text(value: float, digits: int) -> str:
    """Return "-" for what too few pseudo-fakes leave undefined."""
    return "-" if np.isnan(value) else f"{value:.{digits}f}"


def findings_on(model: RoiModel, val: Encoded, scores: RoiScores) -> tuple[str, ...]:
    """Explain in plain words what `tables` show of val's pseudo-fakes; a sentence for each."""
    fake = val.fake[~val.clean]
    aucs = auc(fake, scores.fused), auc(fake, scores.head)
    return findings(model.regions.names, _localisation(val, scores), *aucs)


def _flagged(reals: np.ndarray[Any, np.dtype[np.float64]]) -> str:
    return f"{100 * float((reals > 0.5).mean()):.1f} % of reals above 0.5"


def notes(model: RoiModel, train: Encoded, val: Encoded) -> tuple[str, ...]:
    """Return what a reader of the tables must know, in sentences."""
    found = [f"{train.faces} faces to train on, {val.faces} to validate on"]
    if model.calibration.slope == 0:
        found.append(
            "the part scores carry no information on val: they are the same for every face"
        )
    return (*found, *probe_note(model.probe), *skipped_notes(train.skipped, val.skipped))
