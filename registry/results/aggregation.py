"""From face scores to frame scores to video scores.

A frame's score is the largest of its faces', and its part scores are those of the face with the
largest score of the detector itself. A video's score is the mean of its frames'. A vote is taken
anew at each level from that level's part scores: fake where more than half of them exceed 0.5, and
where exactly half do, fake if their mean is 0.5 or more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from registry.errors import DataError
from registry.results.predictions import OK, Settings, score_columns

__all__ = ["Units", "aggregate", "check_videos", "variant_columns"]

_ORDER = [(name, "ascending") for name in ("dataset", "video", "frame", "face")]


@dataclass(frozen=True, slots=True)
class Units:
    """The frames or videos that have a score, in the order of their names.

    `cluster` numbers the identity, or the video where no identity is known; `path` is the frame's,
    for a video its first frame's, as the data set's index writes it where there is one; `scores`
    maps each variant to values (n,).
    """

    dataset: NDArray[np.object_]
    video: NDArray[np.object_]
    method: NDArray[np.object_]
    label: NDArray[np.int64]
    cluster: NDArray[np.int64]
    path: NDArray[np.object_]
    scores: Mapping[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(self.label)

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Units:
        """Return the units at a mask or at indices."""
        return Units(
            self.dataset[chosen],
            self.video[chosen],
            self.method[chosen],
            self.label[chosen],
            self.cluster[chosen],
            self.path[chosen],
            {name: values[chosen] for name, values in self.scores.items()},
        )


def aggregate(table: pa.Table, settings: Settings) -> dict[str, Units]:
    """Score the units of level "frame" and of level "video"; rows with an error are left out.

    The order of the table's rows does not matter. Raises DataError where two rows are the same
    face, or a video has two labels, methods or identities.
    """
    check_videos(table)
    rows = table.filter(pc.equal(table["status"], OK)).sort_by(_ORDER).combine_chunks()
    keys = [_codes(rows[name]) for name, _ in _ORDER]
    _check_faces(rows, keys)
    starts = _starts(keys[:3])
    columns = variant_columns(rows, settings.detector)
    frames = _units(rows).take(starts)
    frames = _with_scores(frames, _of_frames(rows, starts, columns), columns, settings)
    starts = _starts([code[starts] for code in keys[:2]])
    if starts.size == len(frames):  # images: a frame is its video
        return {"frame": frames, "video": frames}
    means = {name: _means(values, starts) for name, values in frames.scores.items()}
    return {"frame": frames, "video": _with_scores(frames.take(starts), means, columns, settings)}


def variant_columns(table: pa.Table, detector: str) -> dict[str, str]:
    """Return each variant and its column: the detector, `<detector>:<part>`s, then the others."""
    columns = sorted(score_columns(table), key=lambda name: (name != "fake", name[:2] != "p_"))
    variants: dict[str, str] = {}
    for column in columns:
        kind, _, name = column.partition("_")
        variant = name if name and kind == "fake" else f"{detector}:{name}" if name else detector
        if variant in variants:
            raise DataError(f"two variants are named {variant!r}; rename one in the detector")
        variants[variant] = column
    return variants


def check_videos(table: pa.Table) -> None:
    """Raise a DataError where the rows of one video disagree about what the video is."""
    facts = ["label", "method", "identity"]
    counts = table.group_by(["dataset", "video"]).aggregate(
        [(fact, "count_distinct", pc.CountOptions(mode="all")) for fact in facts]
    )
    for fact in facts:
        mixed = pc.index(pc.greater(counts[f"{fact}_count_distinct"], 1), True).as_py()
        if mixed >= 0:
            row = counts.slice(mixed, 1).to_pylist()[0]
            raise DataError(
                f"video {row['video']!r} of {row['dataset']!r} has rows with different"
                f" {fact}s; videos that share a name need different ids in the data set's"
                " index"
            )


def _check_faces(rows: pa.Table, keys: list[NDArray[np.int64]]) -> None:
    repeated = np.setdiff1d(np.arange(len(rows)), _starts(keys))
    if repeated.size:
        face = rows.select([name for name, _ in _ORDER]).slice(repeated[0], 1).to_pylist()[0]
        raise DataError(f"two rows are for the same face: {face}; ids must be unique in a data set")


def _units(rows: pa.Table) -> Units:
    known = pc.not_equal(pc.fill_null(rows["identity"], ""), "")
    person = pc.binary_join_element_wise(rows["dataset"], rows["identity"], "\0identity\0")
    video = pc.binary_join_element_wise(rows["dataset"], rows["video"], "\0video\0")
    return Units(
        _objects(rows["dataset"]),
        _objects(rows["video"]),
        _objects(rows["method"]),
        rows["label"].to_numpy().astype(np.int64),
        _codes(pc.if_else(known, person, video)),
        _objects(_paths(rows)),
        {},
    )


def _paths(rows: pa.Table) -> pa.ChunkedArray:
    """Return the paths that the index lists, else the files that were read."""
    return (
        pc.coalesce(rows["listed"], rows["path"]) if "listed" in rows.schema.names else rows["path"]
    )


def _of_frames(
    rows: pa.Table, starts: NDArray[np.int64], columns: Mapping[str, str]
) -> dict[str, NDArray[np.float64]]:
    """Return frame scores by variant, before votes; a frame's rows begin at each of `starts`."""
    frame = np.repeat(np.arange(starts.size), np.diff(np.append(starts, len(rows))))
    fake = rows["fake"].to_numpy()
    best = np.lexsort((-fake, frame))[starts]  # of each frame the highest; the first, if tied
    scores = {}
    for variant, column in columns.items():
        values = rows[column].to_numpy()
        own = column.startswith("fake_") and starts.size
        scores[variant] = np.maximum.reduceat(values, starts) if own else values[best]
    return scores


def _with_scores(
    units: Units,
    scores: Mapping[str, NDArray[np.float64]],
    columns: Mapping[str, str],
    settings: Settings,
) -> Units:
    """Return `units` with these scores, and votes from the part scores among them."""
    parts = [values for name, values in scores.items() if columns[name].startswith("p_")]
    votes = [name for name in scores if name in settings.vote_variants]
    if votes and not parts:
        raise DataError(f"{votes[0]!r} is a vote of face parts, but there are no p_<part> columns")
    voted = {**scores, **{name: _vote(np.stack(parts)) for name in votes}}
    return replace(units, scores=voted)


def _vote(parts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vote: part scores (K, n) to decisions (n,), 1.0 for fake."""
    lead = 2 * (parts > 0.5).sum(axis=0) - len(parts)  # (n,)
    tied_fake = (lead == 0) & (parts.mean(axis=0) >= 0.5)
    verdicts: NDArray[np.float64] = ((lead > 0) | tied_fake).astype(np.float64)
    return verdicts


def _means(values: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    sums: NDArray[np.float64] = np.add.reduceat(values, starts)
    return sums / np.diff(np.append(starts, values.size))


def _starts(keys: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return where each group begins in rows sorted by `keys`."""
    new = np.zeros(keys[0].size, dtype=bool)
    new[:1] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(new)


def _codes(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Number the values in their order; equal values get equal numbers."""
    codes: NDArray[np.int64]
    if pa.types.is_integer(column.type):
        codes = column.to_numpy().astype(np.int64)
    else:
        codes = pc.rank(column, tiebreaker="dense").to_numpy().astype(np.int64)
    return codes


def _objects(column: pa.ChunkedArray) -> NDArray[np.object_]:
    values: NDArray[np.object_] = column.to_numpy(zero_copy_only=False)
    return values
