"""Metrics as DeepfakeBench computes them, including its faults: pure functions of stored
vectors.

They are here so that a number can be set beside one of that benchmark; `strict` is what a number
should be. What differs: a video is all frames whose folder has one name, wherever the folder lies;
its label is the whole part of the mean label; the EER is taken at a corner of the ROC curve; a
score of exactly 0.5 is called real. AUC and average precision of a given sample do not differ.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from registry.errors import DataError, UndefinedMetricError

__all__ = ["accuracy", "eer", "folder_groups", "folder_name", "group_labels", "group_means"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def folder_name(path: str) -> str:
    r"""Return the part before the file's name, cut at every `\` if there is one, else at every
    `/`.

    So `a\b/000/1.png` lies in `a`: a path of mixed separators is cut at one kind only.
    """
    parts = path.split("\\" if "\\" in path else "/")
    if len(parts) < 2:
        raise DataError(
            f"the path {path!r} names no folder, and profile deepfakebench identifies"
            " videos by the name of their folder; put each video's frames into a folder,"
            " or use --profile strict"
        )
    return parts[-2]


def folder_groups(paths: Sequence[str]) -> tuple[list[str], Ints]:
    """Return folder names in order of first appearance, and the index of each path's (n,)
    folder.
    """
    numbers: dict[str, int] = {}
    group = [numbers.setdefault(folder_name(path), len(numbers)) for path in paths]
    return list(numbers), np.asarray(group, dtype=np.int64)


def group_means(values: Floats, group: Ints, count: int) -> Floats:
    """Return means (count,) of `values` (n,) over the members of each group."""
    means: Floats = np.bincount(group, values, count) / np.bincount(group, minlength=count)
    return means


def group_labels(labels: Ints, group: Ints, count: int) -> Ints:
    """Return (count,) the whole part of each group's mean label: fake only where every frame is."""
    fakes = np.bincount(group[labels == 1], minlength=count)
    whole: Ints = (fakes == np.bincount(group, minlength=count)).astype(np.int64)
    return whole


def eer(labels: Ints, scores: Floats) -> float:
    """Return the FPR at the corner of the ROC curve where FPR and FNR are nearest; the first, if
    tied.

    Constant scores have the corners (0, 0) and (1, 1) alone, equally near, and so an EER of 0.
    """
    reals, fakes = int((labels == 0).sum()), int((labels == 1).sum())
    if not reals or not fakes:
        raise UndefinedMetricError(f"a single class: {reals} real, {fakes} fake")
    fp, tp = _corners(labels, scores)  # (K,)
    fpr, fnr = fp / reals, 1 - tp / fakes
    return float(fpr[np.argmin(np.abs(fnr - fpr))])


def accuracy(labels: Ints, scores: Floats) -> float:
    """Return the share of correct decisions when a score above 0.5 is called fake."""
    if labels.size == 0:
        raise UndefinedMetricError("no samples")
    return float(((scores > 0.5) == (labels == 1)).mean())


def _corners(labels: Ints, scores: Floats) -> tuple[Ints, Ints]:
    """Return false and true positives (K,) at (0, 0) and at the thresholds that scikit-learn keeps.

    Those are the first, the last, and every one whose step differs from the next.
    """
    thresholds, place = np.unique(-scores, return_inverse=True)  # (T,), highest score first
    fp, tp = (np.cumsum(np.bincount(place[labels == c], minlength=thresholds.size)) for c in (0, 1))
    corners = np.ones(thresholds.size, dtype=np.bool_)
    corners[1:-1] = (np.diff(fp, 2) != 0) | (np.diff(tp, 2) != 0)
    return np.append(0, fp[corners]), np.append(0, tp[corners])
