"""Workers end with the process that started them, and nothing of a killed run is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest

from registry.cli.processes import Terminated, terminating
from registry.leftovers import is_unfinished

BENCH = Path(sys.executable).with_name("bench")
# Workers that write for ever, under a pool of `bench` or under torch's.
POOL = """
import sys, time
from pathlib import Path
from registry.cli.processes import worker_pool

def begin(folder):
    global here
    here = folder

def write(number):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        (Path(here) / str(number)).write_text(str(time.monotonic()))
        time.sleep(0.01)

if __name__ == "__main__":
    with worker_pool(2, begin, sys.argv[1]) as pool:
        list(pool.map(write, range(2)))
"""
LOADER = """
import sys, time
from pathlib import Path
import torch
from lesb_plugin.lfd.variants import as_it_is, worker_context
from lesb_plugin.pseudo_fakes.pairs import _quiet_worker

class Slow(torch.utils.data.Dataset):
    def __len__(self):
        return 100

    def __getitem__(self, index):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            (Path(sys.argv[1]) / str(index)).write_text(str(time.monotonic()))
            time.sleep(0.01)

if __name__ == "__main__":
    for _ in torch.utils.data.DataLoader(
        Slow(), batch_size=None, num_workers=2, collate_fn=as_it_is,
        worker_init_fn=_quiet_worker,
        multiprocessing_context=worker_context("lesb_plugin.pseudo_fakes.pairs"),
    ):
        pass
"""


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The process and all that it has started."""
    own = psutil.Process(process.pid)
    return [own, *own.children(recursive=True)]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [
        each for each in processes
        if each.is_running() and each.status() != psutil.STATUS_ZOMBIE
    ]  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("script", [POOL, pytest.param(LOADER, marks=pytest.mark.slow)])
def test_workers_end_within_a_second_of_their_parent(
    tmp_path: Path, number: signal.Signals, script: str
) -> None:
    program, written = tmp_path / "program.py", tmp_path / "written"
    program.write_text(script)
    written.mkdir()
    process = subprocess.Popen(
        [sys.executable, program, written], stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: len(list(written.iterdir())) == 2)
    everybody = family(process)
    assert len(everybody) >= 3
    process.send_signal(number)
    process.communicate(timeout=20)
    wait_for(lambda: not alive(everybody), 5)


def films(folder: Path, count: int) -> Path:
    """A manifest of images with landmarks."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points = 450 + 150 * np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (68, 2)
    np.save(folder / "points.npy", points.astype(np.float32))
    rows = [f"{at:03d}.png,{at % 2},points.npy" for at in range(count)]
    (folder / "manifest.csv").write_text("\n".join(["path,label,landmarks", *rows]) + "\n")
    for at in range(count):
        image = cv2.resize(rng.integers(0, 255, (40, 40, 3), np.uint8), (900, 900))
        cv2.imwrite(str(folder / f"{at:03d}.png"), image)
    return folder


def prepare(data: Path, out: Path) -> list[str]:
    line = [str(BENCH), "prepare", str(data), "--crop-from", "landmarks"]
    return [*line, "--policy", "sbi", "--workers", "2", "--quiet", "--out", str(out)]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_prepare_that_is_ended_leaves_no_process_and_goes_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    data, out = films(tmp_path / "data", 24), tmp_path / "out"
    process = subprocess.Popen(
        prepare(data, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: len(list(out.rglob("records/*.json"))) >= 3)
    everybody = family(process)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    wait_for(lambda: not alive(everybody), 5)
    codes = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}
    assert process.returncode == codes[number]
    assert "Traceback" not in err
    done = subprocess.run(prepare(data, out), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(out.rglob("records/*.json"))) == 24
    assert len(list(out.rglob("frames/*/*.png"))) == 24
    assert not [path for path in out.rglob("*") if is_unfinished(path.name)]


def test_sigterm_is_an_interrupt_inside_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert before is signal.SIG_DFL

    def ended() -> None:
        with terminating():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)

    with pytest.raises(Terminated):
        ended()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_handler_of_somebody_else_is_left_alone() -> None:
    seen: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        with terminating():
            os.kill(os.getpid(), signal.SIGTERM)
            wait_for(lambda: bool(seen), 5)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert seen == [signal.SIGTERM]
