"""`bench merge`: combine the parts that `bench eval --shard I/N` scored into one run."""

from __future__ import annotations

import argparse
from pathlib import Path

from registry.cli.flags import add_json_flag
from registry.console import say, say_block

__all__ = ["configure_merge", "run_merge"]

_MERGE_EXAMPLES = """\
examples:
  bench eval --dataset DATA --shard 1/2 --out runs/x/1        on one machine
  bench eval --dataset DATA --shard 2/2 --out runs/x/2        on another
  bench merge runs/x/1 runs/x/2 --out runs/x/all              on any that has data and weights"""


def configure_merge(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench merge`."""
    parser.epilog = _MERGE_EXAMPLES
    parser.add_argument(
        "parts", nargs="+", type=Path, metavar="PART", help="a folder of `bench eval --shard I/N`"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the merged run")
    parser.add_argument("--overwrite", action="store_true", help="replace another run in --out")
    parser.add_argument("--quiet", action="store_true", help="do not print notes on the data")
    add_json_flag(parser, "results.json")


def run_merge(args: argparse.Namespace) -> int:
    """Merge, print the tables, name the run folder."""
    from registry.builtin.reports.terminal import print_results
    from registry.tasks.parts import merge_parts

    result = merge_parts(args.parts, args.out, overwrite=args.overwrite, quiet=args.quiet)
    if args.as_json:
        say_block(result.to_text().rstrip())
        return 0
    print_results([result])
    say(f"run folder: {args.out}")
    return 0
