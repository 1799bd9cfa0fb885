"""One command, undisturbed and killed, and what is compared of the two."""

from __future__ import annotations

import atexit
import hashlib
import importlib
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np
import psutil
import pyarrow.parquet as pq
import torch

from registry.cli import main
from registry.leftovers import is_unfinished
from tests.campaigns.doomed import count_renames
from tests.shared.drawn_training import BACKBONE, EASY, people

_MODEL = ["--backbone", BACKBONE, "--weights", "random", "--quiet"]
_LESB = [*_MODEL, "--detector", "lesb", "--artefact", "../fitted"]
_STYLES = ["--style", "../easy.yaml", "--val-style", "../easy.yaml"]
# In a folder of its own, beside `data` and what else `set_up` has made.
COMMANDS: Mapping[str, list[str]] = {
    "eval": ["eval", *_LESB, "--dataset", "../data", "--chunk", "2", "--draws", "20"],
    "fit": [
        "fit", *_MODEL, "--workers", "0", "--train", "../data", "--no-tensorboard", "--rank", "8",
        "--variants", "4", "--pseudo-fakes", "2", "--epochs", "3", "--control-seeds", "1",
    ],
    "prepare": [
        "prepare", "../data", "--crop-from", "landmarks", "--split", "train", "--size", "64",
        "--workers", "2", "--quiet",
    ],
    "train": [
        "train", *_MODEL, "--train", "../data", *_STYLES, "--val-fakes", "1", "--val-reals", "1",
        "--epochs", "3", "--val-every", "1", "--checkpoint-minutes", "0", "--pairs", "2",
        "--workers", "0", "--no-tensorboard",
    ],
    "explain": [
        "explain", *map("../data/{}.png".format, range(4)), *_LESB, "--crop-from", "frame",
        "--reference", "../data/reals.csv",
    ],
    "audit": [
        "audit", *_LESB, "--dataset", "../data", "--split", "train", "--make-edits", "--edits",
        "1", "--draws", "20", "--only", "right_part,localisation",
    ],
}  # fmt: skip
# What they need is imported once, and is there in every fork.
_MODULES = (
    *("lesb_plugin.audit.command", "lesb_plugin.audit.run", "lesb_plugin.explain.command"),
    *("lesb_plugin.explain.explained", "lesb_plugin.explain.report", "lesb_plugin.lesb.fit"),
    *("lesb_plugin.train.command", "lesb_plugin.train.run", "registry.builtin.prepare.command"),
    *("registry.builtin.prepare.crops", "registry.builtin.reports.html", "registry.tasks.fit"),
    *("registry.tasks.evaluate", "registry.backbones.timm_backbone", "scipy.stats", "sklearn"),
)
_OF_THE_MOMENT = re.compile(r"second|timing|date|time|created|frames_scored")
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.+Z]*|\b\d+(\.\d+)? (s|min|ms)\b"
    r"|resume: \w+|&quot;seconds&quot;: \{[^}]*\}"
)
_PATIENCE = 600  # seconds


@dataclass(frozen=True)
class Verdict:
    """What a kill has left; `faults` are sentences."""

    command: str
    moment: str
    died: bool
    faults: tuple[str, ...]

    def __str__(self) -> str:
        how = self.moment if self.died else f"{self.moment}, when it had ended"
        return f"{self.command:8s} {how}: {'; '.join(self.faults) or 'good'}"


def set_up(folder: Path) -> None:
    """Images, an artefact and a style, in `folder`."""
    for module in _MODULES:
        importlib.import_module(module)
    make_data(folder)
    _, ended = _run(folder / "set_up", COMMANDS["fit"])
    assert ended.returncode == 0, ended.stderr
    (folder / "set_up" / "out").rename(folder / "fitted")


def make_data(folder: Path) -> None:
    """What COMMANDS read, but for the artefact."""
    data = folder / "data"
    data.mkdir(parents=True)
    rows, reals = ["path,label,landmarks,split,method,identity"], ["path,label,landmarks"]
    for person in people(20):
        at, (image, face) = person.number, person.load()
        cv2.imwrite(str(data / f"{at}.png"), image[..., ::-1])
        np.save(data / f"{at}.npy", np.asarray(face.landmarks))
        reals.append(f"{at}.png,0,{at}.npy")
        label, split = int(at > 9), ("train", "val", "test")[(0, 0, 1, 2)[at % 4]]
        rows.append(f"{at}.png,{label},{at}.npy,{split},{'drawn' * label},{at}")
    (data / "manifest.csv").write_text("\n".join(rows[:13]) + "\n")
    (data / "reals.csv").write_text("\n".join(reals) + "\n")
    (folder / "easy.yaml").write_text(EASY)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A command that ran undisturbed in `seconds`, and left `files` by their names."""

    folder: Path
    name: str
    seconds: float
    renames: int
    files: Mapping[str, str]

    @classmethod
    def undisturbed(cls, folder: Path, name: str) -> Trial:
        """Run it with nothing at hand that an earlier run has left."""
        place = folder / f"{name}_whole"
        started = time.monotonic()
        _, ended = _run(place, COMMANDS[name])
        assert ended.returncode == 0, ended.stderr
        seconds, renames = time.monotonic() - started, (place / "renames").stat().st_size
        files = dict(_files(place / "out"))
        return cls(folder=folder, name=name, seconds=seconds, renames=renames, files=files)

    def killed_before_rename(self, rename: int, number: int) -> Verdict:
        """Before file `rename` of 1 to `renames` takes its place."""
        place = self.folder / f"kill_{number}"
        process, ended = _run(place, COMMANDS[self.name], doom=rename)
        moment = f"before rename {rename} of {self.renames}"
        return self._judged(place, moment, process, died=ended.returncode == -signal.SIGKILL)

    def killed_after(self, seconds: float, number: int) -> Verdict:
        """At a moment that nobody chose."""
        place = self.folder / f"kill_{number}"
        process = _start(place, COMMANDS[self.name])
        ended = _wait(process, seconds, place)
        if ended is None:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
        moment = f"after {seconds:.2f} s of {self.seconds:.1f}"
        return self._judged(place, moment, process, died=ended is None)

    def _judged(self, place: Path, moment: str, process: int, *, died: bool) -> Verdict:
        faults = [f"{left} outlives it" for left in _survivors(process)]
        work = {path: path.stat().st_mtime_ns for path in _work(place / "out")}
        process, ended = _again(place, COMMANDS[self.name])
        if ended.returncode:
            faults.append(f"the next run ends with {ended.returncode}: {ended.stderr[-300:]}")
        faults += [f"{left} outlives the next run" for left in _survivors(process)]
        faults += [f"{left} is left" for left in _leftovers(place)]
        faults += self._differences(dict(_files(place / "out")))
        faults += [f"{path.name} was made again" for path in work if _is_anew(path, work[path])]
        shutil.rmtree(place)
        return Verdict(self.name, moment, died, tuple(faults))

    def _differences(self, files: Mapping[str, str]) -> Iterator[str]:
        yield from (f"{name} is lost" for name in self.files.keys() - files.keys())
        yield from (f"{name} is new" for name in files.keys() - self.files.keys())
        both = self.files.keys() & files.keys()
        yield from (f"{name} differs" for name in both if files[name] != self.files[name])


# --- processes --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """How a command ended; negative for the number of a signal."""

    returncode: int
    stderr: str


def _start(place: Path, command: Sequence[str], doom: int = 0) -> int:
    """Fork, so that nothing is imported anew, and run the command in `place`: its process.

    It leads a group of processes, and has a cache and a TMPDIR of its own that are kept from call
    to call.
    """
    (place / "tmp").mkdir(exist_ok=True, parents=True)
    (place / "renames").unlink(missing_ok=True)
    process = os.fork()
    if process == 0:
        _be_the_command(place, [*command, "--out", "out"], doom)
    return process


def _be_the_command(place: Path, line: Sequence[str], doom: int) -> NoReturn:
    code = 70
    try:
        _become(place, doom)
        code = main(line)
        atexit._run_exitfuncs()
    except BaseException:  # noqa: BLE001 - this process must not go on as the campaign
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _become(place: Path, doom: int) -> None:
    os.setpgid(0, 0)
    os.chdir(place)
    written = os.open("stderr", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(written, descriptor)
    os.environ |= {
        "BENCH_CACHE": str(place / "cache"), "TMPDIR": str(place / "tmp"),
        "BENCH_DOOM": str(doom), "BENCH_DOOM_COUNT": str(place / "renames"),
        "BENCH_DOOM_PROCESS": str(os.getpid()), "GIT_DIR": os.devnull,  # no commit in the results
    }  # fmt: skip
    tempfile.tempdir = None
    count_renames()


def _wait(process: int, seconds: float, place: Path) -> Ended | None:
    """How it ended; None if it has not within the seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            return Ended(code, (place / "stderr").read_text("utf-8", "replace"))
        time.sleep(0.005)
    return None


def _run(place: Path, command: Sequence[str], doom: int = 0) -> tuple[int, Ended]:
    process = _start(place, command, doom)
    ended = _wait(process, _PATIENCE, place)
    if ended is None:
        os.killpg(process, signal.SIGKILL)
        raise AssertionError(f"{command[0]} does not end")
    return process, ended


def _again(place: Path, command: Sequence[str]) -> tuple[int, Ended]:
    """The same command, or as it says that one goes on; a finished fit is only to be there."""
    process, ended = _run(place, command)
    if ended.returncode == 2 and "exists" in ended.stderr:
        if "--resume" in ended.stderr:
            return _run(place, [*command, "--resume"])
        if command[0] != "fit":
            return _run(place, [*command, "--overwrite"])
        return process, Ended(0, ended.stderr)  # whole, as the comparison of files will show
    return process, ended


def _survivors(group: int, seconds: float = 5) -> list[str]:
    """Processes of a command that are there although it has ended, after some seconds."""
    end = time.monotonic() + seconds
    while (found := list(_processes_of(group))) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def _processes_of(group: int) -> Iterator[str]:
    for process in psutil.process_iter(["status"]):
        with suppress(ProcessLookupError):
            ours = os.getpgid(process.pid) == group
            if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
                yield f"process {process.pid}"


# --- files ------------------------------------------------------------------------------------


def _work(out: Path) -> Iterator[Path]:
    """What is finished of a run that can be gone on with."""
    yield from out.glob("chunks/*.npz")
    yield from out.rglob("records/*.json")


def _is_anew(path: Path, before: int) -> bool:
    return path.is_file() and path.stat().st_mtime_ns != before


def _leftovers(place: Path) -> Iterator[str]:
    yield from (str(path) for path in place.rglob("*") if is_unfinished(path.name))
    yield from (str(path) for path in (place / "tmp").iterdir())


def _files(out: Path) -> Iterator[tuple[str, str]]:
    """Names below a folder and a digest of what each says, whenever it was written."""
    for path in sorted(out.rglob("*")):
        if path.is_file():
            said = _said(path)
            yield str(path.relative_to(out)), hashlib.sha256(said).hexdigest()


def _said(path: Path) -> bytes:
    if path.suffix == ".json":
        return json.dumps(_timeless(json.loads(path.read_text("utf-8"))), sort_keys=True).encode()
    if path.suffix in {".html", ".yaml"}:
        return _MOMENT.sub("", path.read_text("utf-8")).encode()
    if path.suffix == ".parquet":
        return repr(pq.read_table(path).to_pylist()).encode()
    if path.suffix == ".npz":  # the archive holds the time, a key the folder that data lie in
        with np.load(path) as arrays:
            names = sorted(set(arrays) - {"key", "sha256"})
            return b"".join(name.encode() + arrays[name].tobytes() for name in names)
    if path.name == "checkpoint.pt":
        state = torch.load(path, weights_only=False)["network"]
        return b"".join(state[name].numpy().tobytes() for name in sorted(state))
    return path.read_bytes()


def _timeless(value: Any) -> Any:
    """JSON without what tells of the moment; numbers of scored frames are of the last run."""
    if isinstance(value, dict):
        return {key: _timeless(value[key]) for key in value if not _OF_THE_MOMENT.search(key)}
    if isinstance(value, list):
        return [_timeless(each) for each in value]
    return _MOMENT.sub("", value) if isinstance(value, str) else value
