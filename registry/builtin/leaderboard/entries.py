"""Leaderboard entries: what runs measured, and what others published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from registry.contracts.training import Training
from registry.contracts.types import ALL_METHODS
from registry.errors import ConfigError
from registry.fingerprints import fingerprint
from registry.results.figure import figure_text
from registry.results.profiles import STRICT
from registry.results.result import Result
from registry.results.sources import DataSource
from registry.settings.coerce import build
from registry.settings.load import config_dir, load_yaml

__all__ = [
    "BoardEntry",
    "Cell",
    "Published",
    "canonical_name",
    "known_names",
    "measured",
    "published",
    "reported",
]

FOLDER, NAMES = "leaderboard", "datasets"
Level = Literal["video", "frame", "not stated"]
_SEVERAL = 2  # values from which two equal rows of one publication are the same row
_OURS = " (Ours)"  # the publication's authors, which only its own tables make clear
UNKNOWN = "unknown"
IN_DOMAIN = "in-domain"
# What of a run's configuration changes its scores, beside weights, artefact and crop.
_SCORING = frozenset(
    ("options", "wrap", "frames", "frame_policy", "split", "corrupt", "crop_from", "face_detector",
     "landmarker", "precision", "fit_on", "compression", "faces", "detection_size")
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """An AUC in [0, 1], its 95 % interval if known, and how the data set relates to the training
    data.

    `domain` is "in-domain", "cross-dataset" or "unknown".
    """

    auc: float
    low: float | None = None
    high: float | None = None
    domain: str = UNKNOWN

    @property
    def in_domain(self) -> bool:
        """Say whether the detector or its backbone was trained on this data set."""
        return self.domain == IN_DOMAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardEntry:
    """A row: AUCs by data set, and what is needed to interpret them.

    Rows of kind "measured" come from a run here, those of kind "reported" from a publication; the
    two are never ranked together. What is not known is None or "unknown". `link` is the address
    of the method's paper and `source_link` that of the publication with these numbers; "" without
    one. Rows of one `setup` are of the same detector, weights, artefact and protocol. `split` is
    that of a run ("" for a publication); `limit` is set where a run scored only so many videos of
    each label, and then the row competes with no other. `reals` says of the data sets that have
    reals only, and so no AUC, how many of them are called fake.
    """

    kind: Literal["measured", "reported"]
    name: str
    cells: Mapping[str, Cell]
    reals: Mapping[str, str] = field(default_factory=dict)
    level: str
    protocol: str
    source: str
    split: str = ""
    limit: int | None = None
    parameters: int | None = None
    seconds_per_frame: float | None = None
    crop: str = UNKNOWN
    weights_sha256: str = UNKNOWN
    checkpoint_selection: str = UNKNOWN
    date: str = UNKNOWN
    detector: str = ""
    artefact_sha256: str = UNKNOWN
    setup: str = ""
    run: str = ""
    doubt: str = ""
    link: str = ""
    source_link: str = ""

    @property
    def averaged(self) -> frozenset[str]:
        """Name the data sets that the average covers: those that the detector has not seen."""
        return frozenset(name for name, cell in self.cells.items() if not cell.in_domain)

    @property
    def average(self) -> float | None:
        """Return the mean AUC over `averaged`; None without any."""
        values = [cell.auc for cell in self.cells.values() if not cell.in_domain]
        return sum(values) / len(values) if values else None


# --- measured --------------------------------------------------------------------------------


def measured(result: Result, run: str, variant: str | None = None, doubt: str = "") -> BoardEntry:
    """Return a run's entry: AUC per video of the detector itself, or of one of its variants.

    `doubt` says why its numbers may not be the evaluation's own, and stands beside its source.
    """
    origin, settings = result.provenance, result.settings
    chosen = settings.detector if variant is None else variant
    backbone = origin.backbone
    on = f" on {backbone.name}" if backbone else ""
    crop = backbone.crop if backbone else origin.crop
    frames = origin.frames_scored
    seconds = origin.timing.get("score", 0.0)
    config = origin.config
    return BoardEntry(
        kind="measured",
        name=f"{chosen}{on} ({run})",
        cells=_cells(result, chosen),
        reals={} if variant else _reals(result),
        level="video" if settings.profile == STRICT else f"video, profile {settings.profile}",
        protocol=f"profile {settings.profile}, {config.get('frames', UNKNOWN)} frames a video,"
        f" split {config.get('split', UNKNOWN)}",
        source=f"run {run}" + (f" ({doubt})" if doubt else ""),
        split=str(config.get("split", UNKNOWN)),
        limit=config.get("limit"),
        parameters=backbone.parameters if backbone else None,
        seconds_per_frame=seconds / frames if frames else None,
        crop=f"{crop.name} {crop.size} px margin {crop.margin:.1%}" if crop else UNKNOWN,
        weights_sha256=backbone.weights_sha256 if backbone else "none",
        checkpoint_selection=origin.checkpoint_selection,
        date=origin.created[:10] or UNKNOWN,
        detector=f"{chosen}{on}",
        artefact_sha256=origin.artefact_sha256 or "none",
        setup=_setup(result, chosen),
        run=run,
        doubt=doubt,
    )


def _setup(result: Result, variant: str) -> str:
    """Return a fingerprint of everything that scores a file: equal for runs that differ only in
    data.
    """
    origin, settings = result.provenance, result.settings
    backbone = asdict(origin.backbone) if origin.backbone else None
    config = {key: value for key, value in origin.config.items() if key in _SCORING}
    limit = origin.config.get("limit")
    config |= {} if limit is None else {"limit": limit}  # runs of earlier versions have none
    crop = asdict(origin.crop) if origin.crop else None
    chosen = (variant, settings.profile, origin.checkpoint_selection)
    return fingerprint([chosen, backbone, crop, origin.artefact_sha256, config])


def _cells(result: Result, variant: str) -> dict[str, Cell]:
    names = known_names()
    origin = result.provenance
    seen = {canonical_name(each.dataset, names) for each in _trained_on(result)}
    cells: dict[str, Cell] = {}
    for each in result.select(variant=variant, method=ALL_METHODS, level="video", metric="auc"):
        if each.value is None:
            continue
        name = canonical_name(each.dataset, names)
        if name in cells:
            raise ConfigError(
                f"{each.dataset!r} of this run is {name!r}, and so is another of its data sets;"
                " evaluate them in two runs"
            )
        domain = IN_DOMAIN if name in seen else origin.domains.get(each.dataset, UNKNOWN)
        cells[name] = Cell(auc=each.value, low=each.low, high=each.high, domain=domain)
    return cells


def _reals(result: Result) -> dict[str, str]:
    """Say of each data set without fakes which share of its reals is called fake."""
    fakes = {each.dataset for each in result.counts if each.fakes}
    return {each.dataset: _alarms(each) for each in result.sources if each.dataset not in fakes}


def _alarms(source: DataSource) -> str:
    called = ""
    if source.manipulated.value is not None:
        called = f", {figure_text(source.manipulated)} called MANIPULATED"
    return f"{figure_text(source.above_half)} above 0.5{called}"


def _trained_on(result: Result) -> Iterable[Training]:
    backbone = result.provenance.backbone
    return backbone.trained_on if backbone else ()


# --- reported --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """AUCs in per cent by data set; missing fields are those of the file.

    `link` is the address of the method's own paper.
    """

    name: str
    auc: Mapping[str, float]
    level: Level | None = None
    average: float | None = None
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One file of configs/leaderboard: a table as it was published.

    `trained_on` decides in-domain or cross-dataset, and is empty where it is not known. `paper` is
    the name that `--paper` takes, and `columns` maps that table's headings to data sets. `link` is
    the address of the publication.
    """

    source: str
    level: Level
    protocol: str
    rows: tuple[PublishedRow, ...]
    trained_on: tuple[str, ...] = ()
    paper: str | None = None
    link: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


def published() -> tuple[Published, ...]:
    """Return every shipped table, by the name of its file; a ConfigError if one is malformed."""
    files = sorted(path.stem for path in (config_dir() / FOLDER).glob("*.yaml"))
    return tuple(
        build(Published, load_yaml(FOLDER, name), prefix=f"{name}.")
        for name in files
        if name != NAMES
    )


def reported(tables: Iterable[Published]) -> tuple[BoardEntry, ...]:
    """Return the rows of published tables as entries, AUCs in [0, 1].

    A row that another table of the same publication gives with more data sets is left out.
    """
    names = known_names()
    rows = [_reported(table, row, names) for table in tables for row in table.rows]
    return tuple(row for row in rows if not any(_holds(other, row) for other in rows))


def _holds(other: BoardEntry, row: BoardEntry) -> bool:
    """Say whether both are of one publication, and `other` has all values of `row` and more."""
    if not row.source_link or other.source_link != row.source_link or len(row.cells) < _SEVERAL:
        return False
    return row.cells.items() < other.cells.items()


def _reported(table: Published, row: PublishedRow, names: Mapping[str, str]) -> BoardEntry:
    seen = {canonical_name(each, names) for each in table.trained_on}
    cells, method = {}, row.name.removesuffix(_OURS)
    for dataset, percent in row.auc.items():
        name = canonical_name(dataset, names)
        domain = UNKNOWN if not seen else IN_DOMAIN if name in seen else "cross-dataset"
        cells[name] = Cell(auc=percent / 100, domain=domain)
    return BoardEntry(
        kind="reported",
        name=method,
        cells=cells,
        level=row.level or table.level,
        protocol=table.protocol,
        source=table.source,
        detector=method,
        link=row.link or table.link,
        source_link=table.link,
    )


# --- names -----------------------------------------------------------------------------------


def known_names() -> dict[str, str]:
    """Map every spelling of a data set's name, in lower case, to the name of its column."""
    listed: Mapping[str, list[str]] = load_yaml(FOLDER, NAMES)["datasets"]
    return {
        spelling.lower(): name for name, others in listed.items() for spelling in (name, *others)
    }


def canonical_name(dataset: str, names: Mapping[str, str]) -> str:
    """Return the column of a data set; its own name if it is not listed."""
    return names.get(dataset.lower(), dataset)
