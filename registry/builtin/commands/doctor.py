"""The subcommand `bench doctor`: what is installed, found and missing here, and what to do."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

from registry.builtin.commands.doctor_checks import Finding, examine
from registry.console import print_table, say, say_block
from registry.plugins.discovery import load_plugins

__all__ = ["configure_doctor", "run_doctor"]

_EXAMPLES = """\
examples:
  bench doctor
  bench doctor --json > doctor.json      for a bug report

The exit code is 1 if a problem would stop a command."""

_MARKS = {"ok": "", "note": "-", "problem": "!"}


def configure_doctor(parser: argparse.ArgumentParser) -> None:
    """`--json`, and nothing else."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--json", action="store_true", help="as JSON")


def run_doctor(args: argparse.Namespace) -> int:
    """Print what was found and what to do; 1 where there is a problem."""
    findings = list(examine(load_plugins()))
    problems = [each for each in findings if each.state == "problem"]
    if args.json:
        say_block(json.dumps([asdict(each) for each in findings], indent=1))
    else:
        _print(findings, problems)
    return int(bool(problems))


def _print(findings: Sequence[Finding], problems: Sequence[Finding]) -> None:
    for area, group in groupby(findings, key=lambda each: each.area):
        rows = [(_MARKS[each.state], each.what, each.value, each.do) for each in group]
        print_table("", ("", area, "what is there", "what to do"), rows)
        say()
    if not problems:
        say("no problems here; lines with - are optional and missing")
        return
    say(f"{len(problems)} to fix:")
    for number, each in enumerate(problems, 1):
        say(f"  {number}. {each.what}: {each.value}. {each.do}")
