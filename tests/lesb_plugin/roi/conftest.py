"""The one fit of `lesb_roi` on drawn faces that several files look at."""

from __future__ import annotations

import pytest

from lesb_plugin.roi.fit import fit_roi
from registry import FitReport
from tests.shared.textured import fit_context


@pytest.fixture(scope="session")
def roi_report(tmp_path_factory: pytest.TempPathFactory) -> FitReport:
    """Read only."""
    return fit_roi(fit_context(tmp_path_factory.mktemp("roi")))
