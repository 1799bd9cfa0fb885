"""Compare runs on the videos that they share: is a difference of AUCs more than chance?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from registry.builtin.compare.delong import difference_test, holm
from registry.contracts.types import CropPolicy
from registry.errors import ConfigError, DataError, UndefinedMetricError
from registry.results.aggregation import Units
from registry.results.bootstrap import interval, no_interval_because, resample
from registry.results.metric import Metric
from registry.results.predictions import OK, Settings, read_predictions
from registry.results.profiles import STRICT, scored_units
from registry.results.provenance import Provenance
from registry.results.result import Result

__all__ = ["ComparedRun", "Comparison", "compare", "load_run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRun:
    """The part of a run folder that a comparison needs."""

    name: str
    table: pa.Table
    settings: Settings
    provenance: Provenance

    @property
    def crop(self) -> CropPolicy | None:
        backbone = self.provenance.backbone
        return backbone.crop if backbone is not None else self.provenance.crop

    @property
    def limit(self) -> int | None:
        """Return how many real and fake videos were scored at most, None for all."""
        limit: int | None = self.provenance.config.get("limit")
        return limit

    @property
    def datasets(self) -> set[str]:
        return set(pc.unique(self.table["dataset"]).to_pylist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One run against the first on one data set; `difference` is its AUC minus the first's.

    `low`, `high` and `p` are DeLong's, `bootstrap_*` those of draws that both runs share; `*_holm`
    are corrected over all comparisons made. None stands where `reason` says why. `differs` says in
    what, beside the detector, the runs are not alike.
    """

    dataset: str
    first: str
    second: str
    reals: int
    fakes: int
    auc_first: float | None = None
    auc_second: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    bootstrap_low: float | None = None
    bootstrap_high: float | None = None
    bootstrap_p: float | None = None
    bootstrap_p_holm: float | None = None
    reason: str = ""
    differs: tuple[str, ...] = ()


def load_run(folder: Path, name: str) -> ComparedRun:
    """Return a run of `bench eval`: its predictions, and the provenance that results.json holds."""
    table, settings = read_predictions(folder)
    provenance = Result.load(folder).provenance
    return ComparedRun(name=name, table=table, settings=settings, provenance=provenance)


def compare(
    runs: Sequence[ComparedRun],
    auc: Metric,
    *,
    draws: int = 2000,
    seed: int = 0,
    allow_differences: bool = False,
) -> tuple[Comparison, ...]:
    """Compare every later run with the first, on every data set that both hold.

    ConfigError where frames, crops, data or profiles differ and `allow_differences` is not set.
    """
    first, found = runs[0], []
    for second in runs[1:]:
        shared = sorted(first.datasets & second.datasets)
        if not shared:
            raise DataError(
                f"{first.name} and {second.name} have no data set in common:"
                f" {', '.join(sorted(first.datasets))} and {', '.join(sorted(second.datasets))}"
            )
        for dataset in shared:
            differs = _differences(first, second, dataset)
            if differs and not allow_differences:
                raise ConfigError(
                    f"{first.name} and {second.name} differ on {dataset}:"
                    f" {'; '.join(differs)}. A difference of AUCs would not be due to the"
                    " detectors alone; evaluate both in the same way, or pass"
                    " --allow-differences"
                )
            found.append(_compared(first, second, dataset, differs, auc, draws, seed))
    return _corrected(found)


# --- what is not alike -----------------------------------------------------------------------


def _differences(first: ComparedRun, second: ComparedRun, dataset: str) -> tuple[str, ...]:
    mine, theirs = (_frames(run.table, dataset) for run in (first, second))
    lines = []
    if mine != theirs:
        only = f"{len(mine - theirs)} only in {first.name}, {len(theirs - mine)} in {second.name}"
        lines.append(f"scored frames: {only}{_limits(first, second)}")
    elif first.datasets == second.datasets and _data(first) != _data(second):
        lines.append("data: different files under the same names (fingerprints differ)")
    if first.crop != second.crop:
        lines.append(f"crops: {_crop_text(first.crop)} and {_crop_text(second.crop)}")
    if first.settings.profile != second.settings.profile:
        profiles = f"{first.settings.profile} and {second.settings.profile}"
        lines.append(f"profiles: {profiles}, compared under strict")
    return tuple(lines)


def _limits(*runs: ComparedRun) -> str:
    """Say which runs are trials, where not all have the same limit; frames differ due to that."""
    if len({run.limit for run in runs}) == 1:
        return ""
    limits = [
        f"no --limit in {run.name}" if run.limit is None else f"--limit {run.limit} in {run.name}"
        for run in runs
    ]
    return f" ({', '.join(limits)})"


def _frames(table: pa.Table, dataset: str) -> set[tuple[str, int]]:
    own = table.filter(pc.and_(pc.equal(table["dataset"], dataset), pc.equal(table["status"], OK)))
    return set(zip(own["video"].to_pylist(), own["frame"].to_pylist(), strict=True))


def _data(run: ComparedRun) -> str:
    return run.provenance.data_fingerprint


def _crop_text(crop: CropPolicy | None) -> str:
    return f"{crop.name} {crop.size} px margin {crop.margin:g}" if crop else "not recorded"


# --- pairs and numbers -----------------------------------------------------------------------


def _compared(
    first: ComparedRun,
    second: ComparedRun,
    dataset: str,
    differs: tuple[str, ...],
    auc: Metric,
    draws: int,
    seed: int,
) -> Comparison:
    same = first.settings.profile == second.settings.profile
    profile = first.settings.profile if same else STRICT
    units, (a, b) = _paired(first, second, dataset, profile)
    fakes = int(units.label.sum())
    row = Comparison(
        dataset=dataset,
        first=first.name,
        second=second.name,
        reals=len(units) - fakes,
        fakes=fakes,
        differs=differs,
    )
    try:
        aucs = [float(auc.compute(units.label, scores)) for scores in (a, b)]
        row = replace(row, auc_first=aucs[0], auc_second=aucs[1], difference=aucs[1] - aucs[0])
        _, low, high, p = difference_test(units.label, a, b)
        row = replace(row, low=low, high=high, p=p)
    except UndefinedMetricError as error:
        return replace(row, reason=str(error))
    if reason := no_interval_because(units.label, units.cluster):
        return replace(row, reason=reason)
    rng = np.random.default_rng([seed, *b"comparison"])
    values = resample(units.label, units.cluster, [a, b], [auc], draws, rng)[:, 0]  # (2, D)
    return _with_bootstrap(row, values[1] - values[0])


def _paired(
    first: ComparedRun, second: ComparedRun, dataset: str, profile: str
) -> tuple[Units, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the videos with a score in both runs, by name, and the two detectors' scores of
    them.
    """
    mine, theirs = (_videos(run, dataset, profile) for run in (first, second))
    names, at, other = np.intersect1d(
        mine.video.astype(np.str_), theirs.video.astype(np.str_), return_indices=True
    )
    mine, theirs = mine.take(at), theirs.take(other)
    wrong = np.flatnonzero(mine.label != theirs.label)
    if wrong.size:
        raise DataError(
            f"video {names[wrong[0]]} of {dataset} is {_class(mine, wrong[0])} in {first.name} and"
            f" {_class(theirs, wrong[0])} in {second.name}; these are not the same data"
        )
    scores = mine.scores[first.settings.detector], theirs.scores[second.settings.detector]
    return mine, scores


def _videos(run: ComparedRun, dataset: str, profile: str) -> Units:
    own = run.table.filter(pc.equal(run.table["dataset"], dataset))
    return scored_units(own, replace(run.settings, profile=profile))["video"]


def _class(units: Units, at: int) -> str:
    return "fake" if units.label[at] else "real"


def _with_bootstrap(row: Comparison, differences: NDArray[np.float64]) -> Comparison:
    """Add to `row` the interval of the draws (D,) and twice the share of them beyond 0."""
    around = interval(differences)
    if around.low is None:
        return replace(row, reason=around.reason)
    beyond = min((differences <= 0).sum(), (differences >= 0).sum())
    p = min(1.0, 2 * (1 + int(beyond)) / (1 + differences.size))
    return replace(row, bootstrap_low=around.low, bootstrap_high=around.high, bootstrap_p=p)


def _corrected(rows: Sequence[Comparison]) -> tuple[Comparison, ...]:
    delong = _holm_where_given([row.p for row in rows])
    drawn = _holm_where_given([row.bootstrap_p for row in rows])
    return tuple(
        replace(row, p_holm=p, bootstrap_p_holm=q)
        for row, p, q in zip(rows, delong, drawn, strict=True)
    )


def _holm_where_given(values: Sequence[float | None]) -> list[float | None]:
    adjusted = iter(holm([value for value in values if value is not None]))
    return [None if value is None else next(adjusted) for value in values]
