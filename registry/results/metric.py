"""What results need of a metric; registered metrics have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["CROSS_AUC", "Compute", "Metric", "Weighted"]

CROSS_AUC = "cross_auc"
"""The metric of pairs of data sets: AUC with the reals of one and the fakes of the other."""

Compute: TypeAlias = Callable[[NDArray[np.int64], NDArray[np.float64]], float]
Weighted: TypeAlias = Callable[
    [NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]
]


class Metric(Protocol):
    """A metric by name, with the package that provides it; its functions are those of
    MetricSpec.
    """

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def compute(self) -> Compute: ...
    @property
    def weighted(self) -> Weighted | None: ...
