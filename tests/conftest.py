"""Fixtures every test may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

collect_ignore = [
    "plugins",
    "sample_plugin",
]  # packages that tests install, with tests of their own

DATA = Path(os.environ.get("BENCH_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


# A shell starts what it puts into the background deaf to Ctrl-C, and so are all that this starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def faces() -> Path:
    """The folder of real faces with landmarks; tests that need it skip where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no real faces at {DATA}; set BENCH_TEST_DATA to a folder that has them")
    return DATA


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test, and no fixture of a wider scope, reads or writes the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        yield
