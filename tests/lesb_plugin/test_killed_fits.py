"""A fit that is killed with SIGKILL and started again by the same line: nothing finished is lost.

The artefact is compared tensor by tensor with that of a fit which nothing has disturbed, and the
images that the network sees are counted.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.campaigns.trial import make_data
from tests.shared.artefacts import unlike
from tests.shared.ranked import environment
from tests.shared.torchrun import BENCH, TORCHRUN, run

_FACES, _VAL_FACES = 6, 2  # real ones of `make_data`
_PIECE = 2  # faces of a file
_PAIRS = 5  # images of a face: itself, and two pairs
_VARIANTS = 13  # images of a face: itself, and four variants of three parts
_FIT = [
    "fit", "--backbone", "counted", "--workers", "0", "--no-tensorboard", "--pseudo-fakes", "2",
    "--epochs", "2", "--quiet",
]  # fmt: skip
_LESB = ["--detector", "lesb", "--rank", "4", "--variants", "4", "--control-seeds", "1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("killed")
    make_data(folder)
    return folder


def fit(
    folder: Path, out: Path, *line: str, start: tuple[str, ...] = (), **more: str
) -> tuple[int, int]:
    """The code that a fit into `out` ends with, and how many images its network has seen."""
    plugin = out.parent / "plugin"
    variables = environment(plugin, BENCH_TEST_PIECE=str(_PIECE), **more)
    log = plugin / "log.images"
    log.unlink(missing_ok=True)
    line = (*_FIT, *line, "--train", str(folder / "data"), "--out", str(out))
    ended = run([*(start or (sys.executable,)), *BENCH, *line], variables)
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
    return ended.returncode, sum(map(int, log.read_text().split()))


def stored(out: Path) -> list[Path]:
    return sorted((out.parent / "plugin" / "cache" / "fits").rglob("*.npz"))


@pytest.fixture(scope="module")
def whole(folder: Path) -> Path:
    """A fit of lesb that nothing has disturbed."""
    code, images = fit(folder, folder / "whole", *_LESB)
    assert code == 0
    assert images == _FACES * (_VARIANTS + _PAIRS) + _VAL_FACES * _PAIRS
    assert not stored(folder / "whole")
    return folder / "whole"


@pytest.mark.slow
def test_a_killed_fit_of_lesb_embeds_what_was_not_finished(
    folder: Path, whole: Path, tmp_path: Path
) -> None:
    """It dies with all of LFD stored, and one file of the pairs to train on."""
    code, _ = fit(folder, tmp_path / "fit", *_LESB, BENCH_TEST_KILL_FILE="0:5")
    assert code == -signal.SIGKILL
    assert len(stored(tmp_path / "fit")) == 4
    code, images = fit(folder, tmp_path / "fit", *_LESB)
    assert code == 0
    assert images == (_FACES - _PIECE + _VAL_FACES) * _PAIRS
    assert list(unlike(whole, tmp_path / "fit")) == []
    assert not stored(tmp_path / "fit")


@pytest.mark.slow
def test_damaged_pieces_are_made_again_and_those_of_another_seed_are_not_taken(
    folder: Path, whole: Path, tmp_path: Path
) -> None:
    code, _ = fit(folder, tmp_path / "fit", *_LESB, BENCH_TEST_KILL_FILE="0:5")
    assert code == -signal.SIGKILL
    path = stored(tmp_path / "fit")[0]
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    code, all_images = fit(folder, tmp_path / "other_seed", *_LESB, "--seed", "1")
    assert all_images == _FACES * (_VARIANTS + _PAIRS) + _VAL_FACES * _PAIRS
    code, images = fit(folder, tmp_path / "fit", *_LESB)
    assert code == 0
    without = (_FACES - _PIECE + _VAL_FACES) * _PAIRS
    assert images - without in (_PIECE * _PAIRS, _PIECE * _VARIANTS)
    assert list(unlike(whole, tmp_path / "fit")) == []


@pytest.mark.slow
def test_a_killed_fit_of_lesb_roi_encodes_what_was_not_finished(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "whole").mkdir()
    code, all_images = fit(folder, tmp_path / "whole" / "fit", "--detector", "lesb_roi")
    assert code == 0
    line = ("--detector", "lesb_roi")
    code, _ = fit(folder, tmp_path / "fit", *line, BENCH_TEST_KILL_FILE="0:3")
    assert code == -signal.SIGKILL
    code, images = fit(folder, tmp_path / "fit", *line)
    assert code == 0
    assert images == all_images - 2 * _PIECE * _PAIRS
    assert list(unlike(tmp_path / "whole" / "fit", tmp_path / "fit")) == []
    assert not stored(tmp_path / "fit")


@pytest.mark.slow
def test_torchrun_starts_a_killed_fit_again_where_it_stopped(
    folder: Path, whole: Path, tmp_path: Path
) -> None:
    """The second rank dies when it has stored its faces for LFD, as the first one has by then."""
    start = (*TORCHRUN, "--max-restarts", "1")
    kill = "1:3"
    code, images = fit(folder, tmp_path / "fit", *_LESB, start=start, BENCH_TEST_KILL_FILE=kill)
    assert code == 0
    assert (tmp_path / "plugin" / "log.killed").exists()
    once = _FACES * (_VARIANTS + _PAIRS) + _VAL_FACES * _PAIRS
    assert once < images <= once + _FACES * _PAIRS + _VAL_FACES * _PAIRS
    assert list(unlike(whole, tmp_path / "fit")) == []
    assert not stored(tmp_path / "fit")
