"""The subcommand `bench doctor`: what is installed, found and missing here, and what to do."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from textwrap import wrap

from registry.builtin.commands.doctor_checks import Finding, examine
from registry.console import say, say_block, terminal_width
from registry.plugins.discovery import load_plugins
from registry.untrusted import one_line

__all__ = ["configure_doctor", "run_doctor"]

_EXAMPLES = """\
examples:
  bench doctor
  bench doctor --json > doctor.json      for a bug report

The exit code is 1 if a problem would stop a command."""

_PIPE, _LEAST = 100, 30  # columns where there is no terminal, and those that a text has at least
_MARKS = {"ok": "", "note": "-", "problem": "!"}


def configure_doctor(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--json", action="store_true", help="as JSON")


def run_doctor(args: argparse.Namespace) -> int:
    """Print what was found and what to do; return 1 if there is a problem."""
    findings = list(examine(load_plugins()))
    problems = [each for each in findings if each.state == "problem"]
    if args.json:
        say_block(json.dumps([asdict(each) for each in findings], indent=1))
    else:
        _print(findings, problems)
    return int(bool(problems))


def _print(findings: Sequence[Finding], problems: Sequence[Finding]) -> None:
    width = terminal_width() or _PIPE
    for area, group in groupby(findings, key=lambda each: each.area):
        say(area)
        rows = list(group)
        name = max(len(each.what) for each in rows)
        for each in rows:
            say_block("\n".join(_lines(each, name, width)))
        say()
    if not problems:
        say("no problems here; lines with - are optional and missing")
        return
    say(f"{len(problems)} to fix:")
    for number, each in enumerate(problems, 1):
        say(f"  {number}. {each.what}: {each.value}. {each.do}")


def _lines(finding: Finding, name: int, width: int) -> list[str]:
    """Return `- name  what is there`, and below it `-> what to do`; long ones go on, indented."""
    indent = " " * (name + 4)
    first = f"{_MARKS[finding.state]:<2}{finding.what:<{name}}  "
    lines = _wrapped(finding.value, first, indent, width)
    do = _wrapped(finding.do, f"{indent}-> ", f"{indent}   ", width)
    return lines + do if finding.do else lines


def _wrapped(text: str, first: str, rest: str, width: int) -> list[str]:
    """Break lines between words only: a path or an address stays whole."""
    return wrap(
        one_line(text), max(width, len(rest) + _LEAST), initial_indent=first,
        subsequent_indent=rest, break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
