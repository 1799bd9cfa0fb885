"""Sanity: do heads that learned shuffled labels still name the right part?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.audit.extended.study import Study
from lesb_plugin.audit.measures.controls import TRUE_LABELS
from lesb_plugin.audit.measures.naming import macro_recall, named_share, standardised
from lesb_plugin.audit.rows.compared import unmeasured
from lesb_plugin.audit.rows.row import Row, at_most
from lesb_plugin.lesb.heads import HeadRecipe, Labelled, train_heads
from lesb_plugin.roi.detector import RoiDetector
from lesb_plugin.roi.encoding import part_features
from lesb_plugin.roi.heads import Examples, PartRecipe, train_part_heads
from registry import Crop, EmbeddingDetector, LocalDetector, map_shared

__all__ = ["labels_row"]

Array = NDArray[np.float64]
Inputs = NDArray[np.float32]
Rows = NDArray[np.int64]

SHUFFLES = 10
_KEY, _TITLE = "labels", "right part first, heads refitted on shuffled labels"
_FOLDS = 2


@dataclass(frozen=True, slots=True)
class _Refit:
    """Inputs (K, n, c) of a detector's heads, and `fit(train rows, labels' rows, seed)`: logits of
    heads fitted anew, which take inputs to (K, n).
    """

    inputs: Inputs
    fit: Callable[[Rows, Rows, int], Callable[[Inputs], Array]]


def labels_row(study: Study) -> list[Row]:
    """Return recall as in `right_part`, for heads trained again on faces with shuffled labels.

    On one half of the people heads of the detector's own kind learn the labels of other faces, and
    score the other half; the mean of SHUFFLES exchanges. Range [0, 1], lower is better. Chance is
    1/K for heads that see the whole face, and up to 1/2 for heads that each see their own part:
    what changes there moves one of them alone, up or down. Above 1/2 parts are told by something
    that no label taught. The control learns the true labels. All reals, and all fakes with a known
    change, take part.
    """
    found = study.found
    rows = np.flatnonzero(found.known | found.real)
    refit = _refit(study, rows)
    if isinstance(refit, str):
        return [unmeasured(_KEY, _TITLE, refit)]
    fold = np.unique(found.identity[rows], return_inverse=True)[1] % _FOLDS
    for each in range(_FOLDS):
        if np.unique(found.real[rows][fold == each]).size < 2:
            return [unmeasured(_KEY, _TITLE, "too few people to fit on one half of them")]
    truth = found.truth[rows] & found.single[rows, None]
    rng = study.rng(_KEY)
    shuffles = [rng.permuted(np.arange(len(rows))) for _ in range(SHUFFLES)]
    orders = list(enumerate([*shuffles, np.arange(len(rows))]))
    shares = map_shared(
        lambda each: named_share(_scored(refit, fold, each[1], found.real[rows], each[0]), truth),
        orders,
        _TITLE,
        quiet=study.config.quiet,
    )

    def recall(share: Array) -> Callable[[Array], Array]:
        return lambda weights: macro_recall(share, truth, weights[:, rows])

    return [
        Row(
            key=_KEY,
            title=_TITLE,
            n=int(truth.any(axis=1).sum()),
            figure=study.draws.figure(recall(np.mean(shares[:-1], axis=0))),
            aim=at_most(0.5),
            higher_is_better=False,
            controls={TRUE_LABELS: study.draws.figure(recall(shares[-1]))},
            people=study.draws.people(rows[truth.any(axis=1)]),
        )
    ]


def _scored(
    refit: _Refit, fold: NDArray[np.int64], order: Rows, real: NDArray[np.bool_], seed: int
) -> Array:
    """Return z (n, K), each face by heads fitted on the other fold with the labels of faces
    `order`.

    Labels are exchanged within a fold, so that each keeps as many of every kind.
    """
    z = np.zeros((len(fold), len(refit.inputs)))
    for each in range(_FOLDS):
        train, test = np.flatnonzero(fold != each), np.flatnonzero(fold == each)
        labels = order[np.isin(order, train)]
        logits = refit.fit(train, labels, seed)(refit.inputs[:, test]).T  # (m, K)
        z[test] = standardised(logits, real[test])
    return z


def _refit(study: Study, rows: Rows) -> _Refit | str:
    """Return how the detector's heads are trained again, or why that is impossible."""
    detector, found = study.subject.inputs.detector, study.found
    crops = [found.faces[row].crop for row in rows]
    if study.subject.inputs.explain is not None:
        return "an explainer was audited, not the detector's own heads"
    if isinstance(detector, RoiDetector):
        encoded = _embedded(detector, crops, study.config.batch)
        return _of_roi(detector, encoded, found.truth[rows])
    if isinstance(detector, LocalDetector):
        local = detector.project(_embedded(detector, crops, study.config.batch))
        inputs = np.stack([local[name] for name in found.names])
        return _of_lesb(inputs, (~found.real[rows]).astype(np.int64))
    return "the detector has no part heads that could be refitted"


def _embedded(
    detector: EmbeddingDetector | LocalDetector, crops: list[Crop], size: int
) -> NDArray[np.float32]:
    batches = [crops[at : at + size] for at in range(0, len(crops), size)]
    return np.concatenate(map_shared(detector.embed, batches, "embeddings", quiet=True))


def _of_lesb(inputs: Inputs, labels: NDArray[np.int64]) -> _Refit:
    """Train perceptrons, each of which learns whether the face is a fake."""

    def fit(train: Rows, taught: Rows, seed: int) -> Callable[[Inputs], Array]:
        # Stopped on what they learn from: held-out faces would be as wrongly labelled.
        given = Labelled(inputs[:, train], labels[taught])
        return train_heads(given, given, HeadRecipe(), seed).heads.logits

    return _Refit(inputs, fit)


def _of_roi(
    detector: RoiDetector, encoded: NDArray[np.float32], truth: NDArray[np.bool_]
) -> _Refit:
    """Train linear heads, each of which learns whether its own part was changed."""
    dim = detector.embedder.backbone.dim
    inputs, labels = part_features(encoded, dim, truth.shape[1]), truth.astype(np.float32)

    def fit(train: Rows, taught: Rows, seed: int) -> Callable[[Inputs], Array]:
        given = Examples(inputs[:, train], labels[taught])
        return train_part_heads(given, given, PartRecipe(), seed).logits

    return _Refit(inputs, fit)
