"""A finished evaluation: its measurements and counts, and where they come from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from registry.contracts.types import ALL_METHODS
from registry.errors import BenchError, DataError
from registry.files import file_sha256, read_json, write_text
from registry.html.markup import joined, table_head, tag
from registry.results.aggregation import aggregate
from registry.results.explanatory_notes import why_no_pairs, why_other
from registry.results.frames_of_data import data_frame
from registry.results.measure import Count, Measurement, Pooled, count, pooled
from registry.results.metric import CROSS_AUC, Metric
from registry.results.predictions import PREDICTIONS, Settings, read_predictions
from registry.results.profiles import DEEPFAKEBENCH_PROFILE, measure
from registry.results.provenance import Provenance
from registry.results.run_contents import lacking
from registry.results.sources import Across, DataSource, across, by_source
from registry.settings.coerce import build

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["RESULTS", "Result", "changed_since", "recompute"]

RESULTS = "results.json"

_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Result:
    """What `bench eval` finds and results.json holds.

    `measurements` come by variant, data set, method, level and metric; `notes` are what a reader
    of the numbers must know, in full sentences. `groups` says which methods each group of methods
    pools; its rows among `measurements` and `counts` bear its name in place of a method's.
    `sources` are the real faces of each data set, `across` Cross-AUCs of each pair of them.
    """

    settings: Settings
    measurements: tuple[Measurement, ...]
    counts: tuple[Count, ...]
    provenance: Provenance
    notes: tuple[str, ...] = ()
    groups: tuple[Pooled, ...] = ()
    sources: tuple[DataSource, ...] = ()
    across: tuple[Across, ...] = ()

    @classmethod
    def of(
        cls,
        table: pa.Table,
        settings: Settings,
        metrics: Mapping[str, Metric],
        provenance: Provenance,
        notes: tuple[str, ...] = (),
    ) -> Result:
        """Measure a table of predictions; `metrics` maps names to metrics.

        Under profile deepfakebench the notes also say why its numbers are not those of `strict`.
        """
        other = settings.profile == DEEPFAKEBENCH_PROFILE
        why = why_other(table, settings, metrics, provenance.config) if other else ()
        videos = None if other else aggregate(table, settings)["video"]
        pairs = () if videos is None else across(videos, settings, metrics)
        why += why_no_pairs(pairs, settings)
        return cls(
            settings=settings,
            measurements=measure(table, settings, metrics),
            counts=count(table, settings.groups),
            provenance=provenance,
            notes=tuple(dict.fromkeys((*notes, *why))),
            groups=pooled(table, settings.groups),
            sources=() if videos is None else by_source(table, videos, settings, metrics),
            across=pairs,
        )

    @property
    def variants(self) -> tuple[str, ...]:
        """Return the detector first, then its parts, then its other variants."""
        return tuple(dict.fromkeys(each.variant for each in self.measurements))

    def pooled_in(self, dataset: str, method: str) -> tuple[str, ...]:
        """Return the methods behind a group's row; none for any other row."""
        found = (each for each in self.groups if (each.dataset, each.name) == (dataset, method))
        return next((each.methods for each in found), ())

    def select(self, **wanted: str) -> tuple[Measurement, ...]:
        """Return measurements whose fields have these values: `select(metric="auc",
        method="all")`.
        """
        return tuple(
            each
            for each in self.measurements
            if all(getattr(each, name) == value for name, value in wanted.items())
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return measurements by their fields, then the pairs of data sets, metric "cross_auc".

        `reals_of` names the data set of the reals: another than `dataset` in those of pairs.
        """
        own = [{**asdict(each), "reals_of": each.dataset} for each in self.measurements]
        return [*own, *(self._row(each) for each in self.across if each.reals_of != each.fakes_of)]

    def _row(self, pair: Across) -> dict[str, Any]:
        whole = {each.dataset: each for each in self.counts if each.method == ALL_METHODS}
        return {
            "dataset": pair.fakes_of,
            "method": ALL_METHODS,
            "variant": self.settings.detector,
            "level": "video",
            "metric": CROSS_AUC,
            "value": pair.auc.value,
            "low": pair.auc.low,
            "high": pair.auc.high,
            "reason": "",
            "reals": whole[pair.reals_of].reals,
            "fakes": whole[pair.fakes_of].fakes,
            "reals_of": pair.reals_of,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame of `rows`; a ConfigError without pandas."""
        return data_frame(self.rows())

    def __repr__(self) -> str:
        """Show detector and AUC per video on each data set, without the other numbers."""
        found = (
            f"{each.dataset} {each.value:.3f}"
            for each in self.select(
                metric="auc", method="all", level="video", variant=self.settings.detector
            )
            if each.value is not None
        )
        return f"<Result {self.settings.detector}: AUC {', '.join(found) or 'not measured'}>"

    def _repr_html_(self) -> str:
        """Show a table of what is measured per video on all fakes, with 95 % intervals."""
        rows = self.select(method="all", level="video")
        header = ("data set", "score", "metric", "value", "95 % interval", "reals", "fakes")
        body = joined(*(tag("tr", *(tag("td", cell) for cell in _cells(each))) for each in rows))
        return str(tag("table", table_head(header), tag("tbody", body)))

    def save(self, folder: Path) -> Path:
        """Write results.json into the run folder, whole or not at all."""
        path = folder / RESULTS
        write_text(path, self.to_text())
        return path

    def to_json(self) -> dict[str, Any]:
        """Return plain data, as in results.json."""
        return {
            "schema": _SCHEMA,
            "settings": self.settings.to_json(),
            "notes": self.notes,
            "groups": [asdict(each) for each in self.groups],
            "sources": [asdict(each) for each in self.sources],
            "across": [asdict(each) for each in self.across],
            "counts": [asdict(each) for each in self.counts],
            "provenance": self.provenance.to_json(),
            "measurements": [asdict(each) for each in self.measurements],
        }

    def to_text(self) -> str:
        """Return the text of results.json."""
        return json.dumps(self.to_json(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, folder: Path) -> Result:
        """Load the result of a run folder, equal to what was saved; a DataError if there is
        none.
        """
        path = folder / RESULTS if folder.is_dir() else folder
        try:
            record = read_json(path)
            schema = record["schema"]
            if schema == _SCHEMA:
                return _from_json(record)
        except FileNotFoundError:
            raise lacking(folder, RESULTS, other=PREDICTIONS) from None
        except (BenchError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} is not a result of `bench eval` ({_reason(error)}); `bench report"
                " --write` rewrites it from predictions.parquet"
            ) from error
        raise DataError(
            f"{path} has schema {schema}, and this version of bench reads {_SCHEMA}; read"
            " it with the version that wrote it"
        )

    def differences(self, other: Result) -> tuple[str, ...]:
        """List every measurement, count or group that is not equal in both, one per line."""
        return tuple(
            f"{'/'.join(key)}: {_short(mine.get(key))} and {_short(theirs.get(key))}"
            for mine, theirs in zip(_by_key(self), _by_key(other), strict=True)
            for key in sorted(mine.keys() | theirs.keys())
            if mine.get(key) != theirs.get(key)
        )


def _cells(found: Measurement) -> tuple[str, ...]:
    value = found.reason if found.value is None else f"{found.value:.3f}"
    ends = "" if found.low is None else f"[{found.low:.3f} {found.high:.3f}]"
    names = (found.dataset, found.variant, found.metric)
    return (*names, value, ends, str(found.reals), str(found.fakes))


def recompute(folder: Path, metrics: Mapping[str, Metric], profile: str | None = None) -> Result:
    """Recompute every number of a run from predictions.parquet alone.

    results.json, where there is one, adds provenance and notes; no number is taken from it.
    `metrics` maps names to metrics; `profile` is by default the run's own.
    """
    table, settings = read_predictions(folder)
    if profile is not None:
        settings = replace(settings, profile=profile)
    try:
        stored = Result.load(folder)
    except DataError as error:
        note = f"Weights, data and configuration of this run are not known: {error}."
        return Result.of(table, settings, metrics, Provenance(), (note,))
    notes = (*stored.notes, *changed_since(folder, stored))
    return Result.of(table, settings, metrics, stored.provenance, notes)


def changed_since(folder: Path, stored: Result) -> tuple[str, ...]:
    """Return a sentence where the predictions are not the file that the evaluation wrote, or none.

    results.json keeps that file's sha256 for good, so that numbers which are computed again from
    another one never look like the evaluation's own.
    """
    then = stored.provenance.predictions_sha256
    now = file_sha256(folder / PREDICTIONS if folder.is_dir() else folder)
    if not then or then == now:
        return ()
    line = (
        f"{PREDICTIONS} was changed after the evaluation, which wrote a file with sha256"
        f" {then[:12]}; these numbers come from one with sha256 {now[:12]}."
    )
    return (line,)


def _from_json(record: Mapping[str, Any]) -> Result:
    """Invert `to_json`; a ConfigError or KeyError if something is malformed."""
    # Results of earlier versions lack these three.
    complete = {"groups": (), "sources": (), "across": (), **record}
    return build(Result, {each.name: complete[each.name] for each in fields(Result)})


def _reason(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


_KEY = ("dataset", "method", "variant", "level", "metric", "name", "reals_of", "fakes_of")
_Record: TypeAlias = Measurement | Count | Pooled | DataSource | Across


def _kinds(result: Result) -> tuple[tuple[_Record, ...], ...]:
    return (
        result.measurements, result.counts, result.groups, result.sources, result.across
    )  # fmt: skip


def _by_key(result: Result) -> list[dict[tuple[str, ...], _Record]]:
    """Return measurements, then counts, groups and sources, by their subjects."""
    return [
        {tuple(getattr(each, name) for name in _KEY if hasattr(each, name)): each for each in kind}
        for kind in _kinds(result)
    ]


def _short(record: _Record | None) -> str:
    """Shorten a record to its values without the key."""
    if record is None:
        return "nothing"
    named = ((each.name, getattr(record, each.name)) for each in fields(record))
    return ", ".join(f"{name} {value!r}" for name, value in named if name not in _KEY)
