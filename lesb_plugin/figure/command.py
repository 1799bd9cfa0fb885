"""The subcommand `bench figure`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from registry import say

if TYPE_CHECKING:
    from lesb_plugin.figure.sheet import Sheet

__all__ = ["configure_figure", "run_figure"]

_EXAMPLES = """\
examples:
  bench figure outcomes runs/lesb --out outcomes.png      TP, FN, TN and FP, parts coloured by score
  bench figure datasets runs/lesb --out datasets.pdf      a row for every manipulation
  bench figure parts runs/lesb --faces 2 --out parts.svg  maps of eyes, nose, mouth and face
  bench figure outcomes runs/lesb --style paper --set dataset=/new/place --out outcomes.png

RUN is a folder that `bench eval` has written; its images must still be there."""


def configure_figure(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench figure`."""
    parser.epilog = _EXAMPLES
    add = parser.add_argument
    add("kind", choices=("parts", "outcomes", "datasets"), help="which figure")
    add("run", type=Path, metavar="RUN", help="run folder of `bench eval`")
    add("--out", type=Path, required=True, metavar="FILE", help="file to write: .png, .svg or .pdf")
    add(
        "--faces",
        type=_count,
        default=4,
        metavar="N",
        help="faces per row; for parts: number of rows (4)",
    )
    add(
        "--style",
        choices=("default", "paper", "jet"),
        default="default",
        help="colours; the default suits colour-blind readers; paper: blue is fake",
    )
    add("--dpi", type=_count, default=200, metavar="N", help="resolution of a PNG (default: 200)")
    add("--quiet", action="store_true", help="no progress bars")
    add(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=(
            "override keys of the run's config.yaml if data or weights have moved: --set"
            " data_root=PATH"
        ),
    )
    one = parser.add_argument_group("parts")
    one.add_argument(
        "--explainer",
        metavar="NAME",
        help="explainer of the maps (default: the detector's own, else cam)",
    )
    one.add_argument("--method", help="how cam makes a map: gradcam, layercam, ...")
    one.add_argument(
        "--scale",
        choices=("all", "head"),
        default="all",
        help="one colour scale for all maps, or one per head (default: all)",
    )
    one.add_argument(
        "--limit",
        type=_positive,
        metavar="X",
        help="value at the ends of every scale, to compare figures (default: the largest shown)",
    )
    two = parser.add_argument_group("outcomes and datasets")
    two.add_argument(
        "--regions",
        default="eyes_nose_mouth",
        help="outlines of the parts: a YAML file, or a name of configs/regions",
    )
    two.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        metavar="X",
        help="outcomes: threshold from which a face is called fake (default: 0.5)",
    )
    two.add_argument(
        "--by",
        choices=("method", "dataset"),
        default="method",
        help="datasets: what a row is (default: method)",
    )


def run_figure(args: argparse.Namespace) -> int:
    """Draw the figure and name the file."""
    from lesb_plugin.figure.sheet import check_format, write_sheet

    check_format(args.out)
    sheet = _sheet(args)
    for row in sheet.rows:
        if not row.tiles:
            label = row.label.split("\n")[0]
            say(f"{label}: {row.instead}")
    say(f"figure: {write_sheet(sheet, args.out, args.dpi)}")
    return 0


def _sheet(args: argparse.Namespace) -> Sheet:
    from lesb_plugin.figure import pages
    from lesb_plugin.lfd.presets import region_preset
    from registry import FinishedRun

    run = FinishedRun(args.run, args.set)
    if args.kind == "parts":
        return pages.parts_sheet(
            run,
            count=args.faces,
            style=args.style,
            explainer=args.explainer,
            options={} if args.method is None else {"method": args.method},
            scale=args.scale,
            limit=args.limit,
            quiet=args.quiet,
        )
    regions = region_preset(args.regions)
    if args.kind == "outcomes":
        return pages.outcomes_sheet(
            run,
            regions,
            count=args.faces,
            style=args.style,
            threshold=args.threshold,
            quiet=args.quiet,
        )
    return pages.datasets_sheet(
        run, regions, count=args.faces, style=args.style, by=args.by, quiet=args.quiet
    )


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of 1 or more, got {text!r}")
    return int(text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text!r}")
    return value
