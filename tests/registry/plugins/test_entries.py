"""Half-installed packages and plugins that end the interpreter hurt nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from registry.plugins.discovery import discover

BENCH = Path(sys.executable).with_name("bench")


def half_package(site: Path, name: str, entries: bytes, metadata: bytes | None = None) -> None:
    folder = site / f"{name}.dist-info"
    folder.mkdir(parents=True)
    (folder / "entry_points.txt").write_bytes(entries)
    if metadata is not None:
        (folder / "METADATA").write_bytes(metadata)


@pytest.mark.parametrize(
    ("folder", "metadata"),
    [("gone-1.0", None), ("gone", None), ("gone-1.0", b""), ("gone-1.0", b"\xff\xfe\x00Name")],
)
def test_a_package_without_readable_metadata_is_known_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, metadata: bytes | None
) -> None:
    half_package(tmp_path, folder, b"[bench]\nbroken = nothere\n", metadata)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins = discover()
    (failure,) = plugins.failures
    assert (failure.plugin, failure.distribution, failure.stage) == ("broken", "gone", "import")
    assert "nothere" in failure.reason
    assert "lesb" in plugins.specs("detector")
    assert discover(disabled=["broken"]).failures == ()


@pytest.mark.parametrize("entries", [b"\xff\xfe[bench]", b"[bench]\nno equals sign\n\x00"])
def test_entry_points_that_cannot_be_read_are_a_failure_of_their_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: bytes
) -> None:
    half_package(tmp_path, "odd-2.0", entries)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins = discover()
    assert all(each.plugin in {"odd", "no equals sign"} for each in plugins.failures)
    assert "lesb" in plugins.specs("detector")


@pytest.mark.parametrize(
    "line",
    [
        "raise KeyboardInterrupt",
        "raise SystemExit('give up')",
        "class Own(BaseException): pass\nraise Own",
        "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute",
    ],
)
def test_a_plugin_that_ends_at_import_is_a_failure_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    half_package(tmp_path, "quits-1.0", b"[bench]\nquits = quits_at_import\n")
    (tmp_path / "quits_at_import.py").write_text(line)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins = discover()
    (failure,) = plugins.failures
    assert (failure.plugin, failure.stage) == ("quits", "import")
    assert "lesb" in plugins.specs("detector")
    sys.modules.pop("quits_at_import", None)


def test_a_hook_that_raises_keyboard_interrupt_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_package(tmp_path, "hook-1.0", b"[bench]\nhook = quits_in_hook\n")
    (tmp_path / "quits_in_hook.py").write_text(
        "from registry import hookimpl\n@hookimpl\ndef bench_metrics():\n"
        "    raise KeyboardInterrupt\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (failure,) = discover().failures
    assert (failure.plugin, failure.stage) == ("hook", "bench_metrics")
    sys.modules.pop("quits_in_hook", None)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_while_a_plugin_loads_ends_the_command_and_names_it(tmp_path: Path) -> None:
    half_package(tmp_path, "slow-1.0", b"[bench]\nslow = slow_at_import\n")
    (tmp_path / "slow_at_import.py").write_text(
        f"open({str(tmp_path / 'begun')!r}, 'w').close()\nimport time\ntime.sleep(30)\n"
    )
    process = subprocess.Popen(
        [BENCH, "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    deadline = time.monotonic() + 20
    while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == "interrupted while plugin 'slow' was loading\n"
