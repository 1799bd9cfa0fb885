"""The subcommand `bench export`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from lesb_plugin.lesb.fusion import FUSIONS
from registry import ConfigError, progress_bar, say, say_block, write_text

if TYPE_CHECKING:
    from lesb_plugin.export.source import ExportSource

__all__ = ["configure_export", "run_export"]

YAML, STATE, GRAPH = "lesb.yaml", "lesb.pth", "lesb.onnx"
MODULE = "lesb_plugin.deepfakebench"

_EXAMPLES = """\
targets:
  onnx           one ONNX graph: images (B, 3, S, S), RGB in [0, 1], to `fake`, `p_<part>`,
                 `fake_head` and `embedding`; compared with torch where onnxruntime is installed
  deepfakebench  lesb.yaml and lesb.pth, with which DeepfakeBench's own test.py runs LESB;
                 without --out the YAML is printed; with --standalone also lesb_detector.py,
                 which needs no package of this project, for
                 DeepfakeBench's own environment (Python 3.7)

examples:
  bench export onnx --out lesb.onnx
  bench export onnx --backbone sbi_effb4 --weights FFraw.tar --artefact runs/lesb --out lesb.onnx
  bench export deepfakebench --backbone sbi_effb4 --weights FFraw.tar --artefact runs/lesb --out DIR
  bench export deepfakebench --standalone --out DIR
  bench export deepfakebench > lesb.yaml
  bench export deepfakebench --base training/config/detector/xception.yaml --out DIR

Without flags the shipped LESB is exported; an artefact of lesb_gep works the same
way. In a DeepfakeBench checkout:
  python -m lesb_plugin.deepfakebench training/test.py --detector_path DIR/lesb.yaml \\
      --weights_path DIR/lesb.pth --test_dataset Celeb-DF-v2"""


def configure_export(parser: argparse.ArgumentParser) -> None:
    """Add `onnx` or `deepfakebench`, what to export, and where to."""
    parser.epilog = _EXAMPLES
    parser.add_argument("target", choices=["onnx", "deepfakebench"], help="target of the export")
    parser.add_argument(
        "--backbone",
        metavar="TEXT",
        default="sbi_efflite0",
        help="backbone that LESB was fitted on (default: sbi_efflite0)",
    )
    parser.add_argument("--weights", metavar="PATH", help="weights of the backbone")
    parser.add_argument(
        "--artefact",
        metavar="PATH",
        help="folder or file that `bench fit` wrote (default: the one shipped for the weights)",
    )
    parser.add_argument(
        "--fusion",
        metavar="{" + ",".join(FUSIONS) + "}",
        choices=list(FUSIONS),
        default="mean",
        help="how part scores are fused (default: mean)",
    )
    parser.add_argument(
        "--out",
        metavar="PATH",
        type=Path,
        help=f"onnx: the file (default: {GRAPH}); deepfakebench: a folder or the .yaml file",
    )
    parser.add_argument(
        "--base",
        metavar="FILE",
        type=Path,
        help="for deepfakebench: YAML of a detector of the checkout, whose other keys are kept",
    )
    parser.add_argument(
        "--standalone",
        action="store_true",
        help="deepfakebench: also write the detector as one file for training/detectors/",
    )


def run_export(args: argparse.Namespace) -> int:
    """Write the requested files and say what to do with them."""
    _check_out(args)
    from lesb_plugin.export.source import load_source  # torch: after what can fail without it

    source = load_source(args.backbone, args.weights, args.artefact, args.fusion)
    if args.target == "onnx":
        _export_onnx(source, args.out or Path(GRAPH))
    else:
        _export_for_checkout(source, args)
    return 0


def _export_onnx(source: ExportSource, path: Path) -> None:
    from lesb_plugin.export.onnx_graph import EXTRA, output_names, write_onnx

    with progress_bar("writing and checking the graph", total=1, unit="graph") as advance:
        difference = write_onnx(source, path)
        advance(1)
    crop = source.network.crop
    say(f"graph:   {path} ({path.stat().st_size / 1e6:.1f} MB)")
    say(f"input:   images (B, 3, {crop.size}, {crop.size}), RGB in [0, 1], crop policy {crop.name}")
    say(f"outputs: {', '.join(output_names(source.network))}")
    if difference is None:
        say(f"not checked: onnxruntime is not installed; {EXTRA}")
    else:
        say(f"checked: onnxruntime's outputs are within {difference:.1g} of torch's")


def _export_for_checkout(source: ExportSource, args: argparse.Namespace) -> None:
    from lesb_plugin.export.checkout import configuration, read_base, section, write_state

    own = section(args.backbone, args.weights, args.artefact, args.fusion)
    text = configuration(source, own, None if args.base is None else read_base(args.base))
    if args.out is None:
        say_block(text.removesuffix("\n"))
        return
    path = args.out if args.out.suffix in {".yaml", ".yml"} else args.out / YAML
    write_text(path, text)
    state = write_state(source, path.with_name(STATE))
    say(f"configuration: {path}")
    say(f"state dict:    {state}")
    if args.standalone:
        _write_standalone(source, path.parent)
    program = ["training/test.py"] if args.standalone else ["-m", MODULE, "training/test.py"]
    given = ["--detector_path", str(path.resolve()), "--weights_path", str(state.resolve())]
    say("next, in the folder of a DeepfakeBench checkout:")
    say(f"  {shlex.join(['python', *program, *given])} --test_dataset Celeb-DF-v2")


def _write_standalone(source: ExportSource, folder: Path) -> None:
    from lesb_plugin.export.standalone_file import FILE, write_standalone

    file = write_standalone(source, folder / FILE)
    say(f"detector:      {file}")
    say(
        "put it into training/detectors/ of the checkout, and add this line to the"
        " __init__.py there:"
    )
    say("  from .lesb_detector import LesbDetector")


def _check_out(args: argparse.Namespace) -> None:
    """Check --out before anything is computed."""
    out: Path | None = args.out
    if args.target == "onnx" and out is not None and (out.is_dir() or out.suffix != ".onnx"):
        raise ConfigError(f"--out {out} does not end in .onnx; name a file, such as {out / GRAPH}")
    if args.base is not None and args.target == "onnx":
        raise ConfigError("--base is for `bench export deepfakebench`; a graph has no YAML")
    if args.standalone and (args.target == "onnx" or out is None):
        raise ConfigError(
            "--standalone is for `bench export deepfakebench` with --out DIR, into which it writes"
            " three files"
        )
