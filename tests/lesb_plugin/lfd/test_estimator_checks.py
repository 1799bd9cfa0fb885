"""The checks of scikit-learn for estimators, of LFD."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.utils.validation import check_array

from lesb_plugin.lfd.estimator import LFD

pytest.importorskip("sklearn", minversion="1.6", reason="before, checks could not be left out")
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks


class PairsLFD(LFD):
    """LFD of rows: each two that follow each other are variants of one sample.

    The checks fit arrays (n, d), and LFD fits groups: this is the bridge, and everything behind it
    is LFD's own.
    """

    def __init__(self, rank: int = 1, *, reference: Any = "mean") -> None:
        super().__init__(rank, reference=reference)

    def fit(self, X: Any, y: object = None) -> PairsLFD:  # type: ignore[override]
        rows = check_array(X, dtype=np.float64, ensure_min_samples=2, input_name="X")
        even = rows[: len(rows) // 2 * 2]
        super().fit({"part": even.reshape(-1, 2, rows.shape[1])})
        return self


# Fit an array (n, d), where LFD fits a mapping of parts to variants (N, M, d): they apply to it by
# way of the bridge alone.
FIT_ARRAYS = (
    "check_complex_data",
    "check_dict_unchanged",
    "check_dont_overwrite_parameters",
    "check_dtype_object",
    "check_estimator_sparse_array",
    "check_estimator_sparse_matrix",
    "check_estimator_sparse_tag",
    "check_estimators_dtypes",
    "check_estimators_empty_data_messages",
    "check_estimators_fit_returns_self",
    "check_estimators_nan_inf",
    "check_estimators_overwrite_params",
    "check_estimators_pickle",
    "check_f_contiguous_array_estimator",
    "check_fit1d",
    "check_fit2d_1feature",
    "check_fit2d_1sample",
    "check_fit2d_predict1d",
    "check_fit_check_is_fitted",
    "check_fit_idempotent",
    "check_fit_score_takes_y",
    "check_methods_sample_order_invariance",
    "check_methods_subset_invariance",
    "check_n_features_in",
    "check_n_features_in_after_fitting",
    "check_pipeline_consistency",
    "check_positive_only_tag_during_fit",
    "check_readonly_memmap_input",
    "check_transformer_data_not_an_array",
    "check_transformer_general",
    "check_transformer_preserve_dtypes",
)


def name_of(check: Any) -> str:
    return str(check.func.__name__)


@parametrize_with_checks([PairsLFD()])
def test_it_passes_every_check_by_way_of_the_bridge(
    estimator: PairsLFD, check: Callable[[LFD], None]
) -> None:
    check(estimator)


@pytest.mark.parametrize(
    "check",
    [each for _, each in estimator_checks_generator(LFD()) if name_of(each) not in FIT_ARRAYS],
    ids=name_of,
)
def test_it_passes_the_checks_that_fit_no_array(check: Callable[[LFD], None]) -> None:
    check(LFD())
