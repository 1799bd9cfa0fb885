"""Contracts of detectors and explainers."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.checks.samples import example_crops, from_threads, require, same, unchanged
from registry.contracts.detector import Detector, EmbeddingDetector
from registry.contracts.traits import traits_of
from registry.contracts.types import Crop, Explanation, Scores
from registry.errors import PluginError
from registry.plugins.specs import ExplainerSpec

__all__ = ["check_detector", "check_explainer"]


def check_detector(detector: Detector, crops: Sequence[Crop] | None = None) -> None:
    """Check that a crop's scores are finite, in [0, 1], repeatable, and independent of its
    batch.
    """
    crops = list(crops or example_crops())
    require(isinstance(detector, Detector), "a detector must have score(crops)", type(detector))
    before = copy.deepcopy(crops)
    together = _columns(detector.score(crops), len(crops))
    unchanged(crops, before, "score(crops)")
    _require_equal(
        _columns(detector.score(crops), len(crops)), together, "must not change from call to call"
    )
    _require_equal(
        _joined([_columns(detector.score([crop]), 1) for crop in crops]),
        together,
        "of a crop must not depend on the other crops of its batch",
    )
    backwards = _columns(detector.score(crops[::-1]), len(crops))
    _require_equal(
        {name: values[::-1] for name, values in backwards.items()},
        together,
        "must come in the order of the crops",
    )
    _check_traits(detector)
    if traits_of(detector).concurrent:
        _check_concurrent(detector, crops, together)
    votes = traits_of(detector).vote_variants
    known = {name.removeprefix("variant ") for name in together if name.startswith("variant ")}
    # One name more is the detector's own: its main score may be a vote too.
    require(
        len(votes - known) <= 1,
        f"vote_variants must be among the variants {sorted(known)} and the detector's own name",
        votes,
    )
    if isinstance(detector, EmbeddingDetector):
        _check_embedding(detector, crops, together)


def _check_traits(detector: Detector) -> None:
    """Check that each attribute of DescribedDetector that exists is of its type."""
    kinds: dict[str, tuple[type[Any], type[Any] | None]] = {
        "head_kind": (str, None),
        "trained_on": (tuple, str),
        "fitted": (Mapping, None),
        "vote_variants": (frozenset, str),
        "explained_by": (str, None),
        "concurrent": (bool, None),
    }
    found = traits_of(detector)
    for name, (kind, item) in kinds.items():
        value = getattr(found, name)
        right = isinstance(value, kind) and (
            item is None or all(isinstance(e, item) for e in value)
        )
        of = "" if item is None else f" of {item.__name__}"
        require(right, f"{name} of a detector must be a {kind.__name__}{of}", repr(value))
    try:
        json.dumps(found.fitted)
    except (TypeError, ValueError) as error:
        raise PluginError(f"fitted of a detector must be plain data for JSON; {error}") from error


def _check_concurrent(
    detector: Detector, crops: list[Crop], together: dict[str, NDArray[np.float64]]
) -> None:
    orders = [crops, crops[::-1]]
    found, backwards = from_threads(lambda each: _columns(detector.score(each), len(each)), orders)
    turned = {name: values[::-1] for name, values in backwards.items()}
    for each in (found, turned):
        _require_equal(each, together, "must be the same from several threads, as it is concurrent")


def check_explainer(
    spec: ExplainerSpec, detector: Detector, crops: Sequence[Crop] | None = None
) -> None:
    """Check that each crop has one Explanation of finite numbers, independent of its batch."""
    crops = list(crops or example_crops())
    explain = spec.build(detector)
    what = f"explainer {spec.name!r}"
    before = copy.deepcopy(crops)
    explained = explain(crops)
    unchanged(crops, before, what)
    contract = f"{what} must explain each of {len(crops)} crops"
    require(len(explained) == len(crops), contract, f"{len(explained)} explanations")
    for crop, explanation in zip(crops, explained, strict=True):
        _check_explanation(explanation, what)
        (alone,) = explain([crop])
        first, second = _numbers(explanation), _numbers(alone)
        require(
            first.keys() == second.keys() and all(same(first[k], second[k]) for k in first),
            f"{what} must give the same for a crop in every batch",
            "something else for the crop alone",
        )


def _columns(scores: Scores, count: int) -> dict[str, NDArray[np.float64]]:
    """Collect all scores by a name for errors, each checked."""
    require(isinstance(scores, Scores), "score(crops) must return Scores", type(scores).__name__)
    columns = {"fake": scores.fake}
    columns |= {f"region {name}": values for name, values in scores.regions.items()}
    columns |= {f"variant {name}": values for name, values in scores.variants.items()}
    for name, values in columns.items():
        array = np.asarray(values)
        require(array.dtype == np.float64, f"the scores {name!r} must be float64", array.dtype.name)
        shape = f"the scores {name!r} of {count} crops must be ({count},)"
        require(array.shape == (count,), shape, array.shape)
        inside = np.isfinite(array) & (array >= 0) & (array <= 1)
        require(
            bool(inside.all()),
            f"the scores {name!r} must be finite and in [0, 1], higher = more fake",
            array[~inside][:1],
        )
    return columns


def _joined(parts: list[dict[str, NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
    names = parts[0]
    require(
        all(part.keys() == names.keys() for part in parts),
        "every crop must have the same regions and variants",
        "others for other crops",
    )
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _require_equal(
    found: dict[str, NDArray[np.float64]], wanted: dict[str, NDArray[np.float64]], contract: str
) -> None:
    require(found.keys() == wanted.keys(), "regions and variants must stay the same", list(found))
    for name, values in found.items():
        difference = float(np.abs(values - wanted[name]).max(initial=0))
        require(
            difference <= 1e-4,
            f"the scores {name!r} {contract}",
            f"a difference of {difference:.2g}",
        )


def _check_embedding(
    detector: EmbeddingDetector, crops: list[Crop], together: dict[str, NDArray[np.float64]]
) -> None:
    require(
        isinstance(detector.encoder, str) and detector.encoder != "",
        "encoder must be text that identifies the embeddings",
        repr(detector.encoder),
    )
    embeddings = np.asarray(detector.embed(crops))
    require(
        embeddings.ndim == 2 and len(embeddings) == len(crops) and embeddings.dtype == np.float32,
        f"embed(crops) of {len(crops)} crops must be ({len(crops)}, d) of float32",
        f"{embeddings.shape} of {embeddings.dtype.name}",
    )
    alone = np.concatenate([np.asarray(detector.embed([crop])) for crop in crops])
    require(same(alone, embeddings), "embed must not depend on the batch", "other embeddings")
    before = embeddings.copy()
    scored = _columns(detector.score_embeddings(embeddings), len(crops))
    require(np.array_equal(before, embeddings), "score_embeddings must not change them", "changes")
    _require_equal(scored, together, "must be score_embeddings(embed(crops))")


def _check_explanation(explanation: Any, what: str) -> None:
    require(isinstance(explanation, Explanation), f"{what} must return Explanations", explanation)
    for target, values in explanation.maps.items():
        require(
            np.ndim(values) == 2, f"the map {target!r} of {what} must be (h, w)", np.shape(values)
        )
    for name, values in _numbers(explanation).items():
        require(bool(np.isfinite(values).all()), f"{name!r} of {what} must be finite", "NaN or inf")


def _numbers(explanation: Explanation) -> dict[str, NDArray[Any]]:
    maps = {f"map {name}": np.asarray(values) for name, values in explanation.maps.items()}
    regions = {f"region {name}": np.asarray(value) for name, value in explanation.regions.items()}
    return {**maps, **regions}
