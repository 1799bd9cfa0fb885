"""Standard output is the command's own, and a terminal is shown no control characters."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry.console import say
from registry.streams import output, own_output, write

BENCH = Path(sys.executable).with_name("bench")
# Prints at import as libraries do: by print, from C, through a process, and from a handler that
# has kept the stream.
CHATTY = """\
import os, subprocess, sys
print("no GPU found")
sys.__stdout__.write("kept stream\\n")
os.write(1, b"from C\\n")
subprocess.run([sys.executable, "-c", "print('from a process')"], check=True)
from registry import CommandSpec, hookimpl

def run(args):
    print("a command's own line")
    return 0

@hookimpl
def bench_commands():
    return [CommandSpec(name="chat", summary="s", configure=lambda parser: None, run=run)]
"""


def package(site: Path, name: str, module: str | None = None, metadata: bool = True) -> None:
    """A package with one plugin, as an installer leaves it, or as half an uninstall does."""
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "entry_points.txt").write_text(f"[bench]\n{name} = {name}\n")
    if metadata:
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    if module is not None:
        (site / f"{name}.py").write_text(module)


def bench(*arguments: str, site: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site), **changes}
    return subprocess.run(
        [BENCH, *arguments], capture_output=True, text=True, env=environment, check=False
    )


def test_what_a_plugin_prints_goes_to_standard_error(tmp_path: Path) -> None:
    package(tmp_path, "chatty", CHATTY)
    done = bench("list", "backbones", "--json", site=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {each["name"] for each in json.loads(done.stdout)} >= {"timm/*"}
    for line in ("no GPU found", "kept stream", "from C", "from a process"):
        assert line in done.stderr


def test_a_command_of_another_package_may_print(tmp_path: Path) -> None:
    package(tmp_path, "chatty", CHATTY)
    done = bench("chat", site=tmp_path)
    assert done.stdout == "a command's own line\n"


def test_help_stays_on_standard_output(tmp_path: Path) -> None:
    for arguments in (("--help",), ("--version",), ("list", "--help")):
        assert bench(*arguments, site=tmp_path).stdout.startswith(("usage", "bench"))


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_letters_that_standard_output_has_not_are_written_by_their_numbers(
    tmp_path: Path, encoding: str
) -> None:
    name = "caf\u00e9\u0394"
    module = "from registry import hookimpl, MetricSpec\n@hookimpl\ndef bench_metrics():\n"
    module += f"    return [MetricSpec(name='m', summary={name!r}, compute=max,"
    module += " higher_is_better=True)]\n"
    (tmp_path / "greek.py").write_text(module, encoding="utf-8")
    package(tmp_path, "greek")
    done = subprocess.run(
        [BENCH, "list", "metrics"],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": encoding},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert r"\u0394" in done.stdout.decode(encoding)


def test_rules_of_tables_have_a_stand_in_where_there_are_none() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="latin-1")
    write("caf\u00e9 \u2500\u2500 \u0394\n", stream)
    stream.flush()
    assert raw.getvalue() == b"caf\xe9 -- \\u0394\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_traceback(closed: str, tmp_path: Path) -> None:
    kept = tmp_path / "err"
    line = f"{BENCH} list metrics {closed}" + ("" if "2>" in closed else f" 2>{kept}")
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert not kept.exists() or kept.read_text() == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_standard_output_is_one_sentence() -> None:
    done = subprocess.run(
        ["sh", "-c", f"{BENCH} list metrics >/dev/full"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "error: cannot write to standard output: No space left on device\n"


def test_in_one_process_the_streams_are_as_before(capfd: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout
    with own_output():
        print("a library")  # noqa: T201
        say("a line")
        assert output() is before
    print("after")  # noqa: T201
    out, err = capfd.readouterr()
    assert (out, err) == ("a line\nafter\n", "a library\n")
    assert sys.stdout is before


def test_a_line_keeps_what_its_stream_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="latin-1"))
    say("\u2500 \u00e9 \u0394")
    sys.stdout.flush()
    assert raw.getvalue() == b"- \xe9 \\u0394\n"
