"""The subcommand `bench weights`: what a checkpoint is, where it belongs, and the mean of several.

Nothing in a file is run.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.console import print_table, say, say_block
from registry.errors import ConfigError

if TYPE_CHECKING:
    from registry.backbones.checkpoint import State

__all__ = ["configure_weights", "run_weights"]

_EXAMPLES = """\
examples:
  bench weights inspect FFraw.tar
  bench weights inspect xception_best.pth --json
  bench weights add FFraw.tar                       then --backbone sbi_effb4 finds it
  bench weights add weights.pth --backbone timm/resnet18
  bench weights average one.safetensors two.safetensors --out mean.safetensors

Files are read as safetensors or with torch's weights_only: nothing in them is executed. They are
identified by the names and shapes of their tensors. A backbone is suggested if the file fits it
strictly, as `bench eval --weights` would load it; where none with a name of its own does, the timm
model that fits is named as timm/NAME."""

_ARTEFACT = "an artefact of `bench fit`"

# Which backbones a network, as `looks_like` names it, may be meant for; the first is preferred.
_CANDIDATES = (
    ("DeepfakeBench UCF", ("dfb_ucf",)),
    ("DeepfakeBench LSDA", ("dfb_lsda",)),
    ("DeepfakeBench PCL", ("dfb_xception", "xception")),
    ("DeepfakeBench SLADD", ("dfb_xception", "xception")),
    ("DeepfakeBench efficientnetb4", ("dfb_effb4", "dfb_sbi_effb4")),
    ("Xception of DeepfakeBench", ("dfb_xception", "xception")),
    ("efficientnet_pytorch", ("sbi_effb4", "efflite0_in1k")),
    ("timm EfficientNet", ("sbi_efflite0", "efflite0_in1k", "sbi_effb4")),
    ("Xception", ("xception", "dfb_xception")),
    ("resnet34", ("dfb_resnet34",)),
    ("Effort", ("effort_clip_l14",)),
    ("GenD", ("gend_clip_l14",)),
    ("CLIP vision tower", ("dfb_clip_b16", "effort_clip_l14")),
    ("vision transformer", ("vit_s16", "vit_b16")),
)


def configure_weights(parser: argparse.ArgumentParser) -> None:
    """Add `inspect FILE` and `add FILE`, both with `--json`, and `average FILE ... --out FILE`."""
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "action",
        choices=["inspect", "add", "average"],
        help="identify a file, put it where its backbone finds it, or average several with one"
        " origin",
    )
    parser.add_argument(
        "files",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="a checkpoint: safetensors, or written by torch.save",
    )
    parser.add_argument("--json", action="store_true", help="inspect and add: print JSON")
    parser.add_argument(
        "--backbone", metavar="NAME", help="add: the backbone, if the file fits several"
    )
    parser.add_argument("--overwrite", action="store_true", help="add: replace an existing file")
    parser.add_argument("--out", type=Path, help="average: file to write, .safetensors")


def run_weights(args: argparse.Namespace) -> int:
    """Print kind, backbones, classes, tensors and sha256 of a file, keep it, or write a mean."""
    if args.action == "average":
        return _average(args)
    if len(args.files) > 1:
        raise ConfigError(f"`bench weights {args.action}` takes one file, not {len(args.files)}")
    found = inspect(args.files[0])
    if args.action == "add":
        return _add(args, found)
    if args.json:
        say_block(json.dumps(found, indent=1))
        return 0
    rows = [(key.replace("_", " "), _text(value)) for key, value in found.items() if key != "file"]
    print_table(found["file"], ("what", "value"), rows)
    if found["kind"] == _ARTEFACT:
        say("pass it to `bench eval --artefact`, together with the backbone that it was fitted on")
    elif not found["backbones"]:
        say("no registered backbone can load this file as it is")
    return 0


def _add(args: argparse.Namespace, found: dict[str, Any]) -> int:
    from registry.builtin.commands.weights_add import add_weights

    added = add_weights(found, args.backbone, overwrite=args.overwrite)
    if args.json:
        say_block(json.dumps({**found, **added}, indent=1))
        return 0
    say(f"{found['file']} is {found['kind']}: weights of backbone {added['backbone']!r}")
    say(f"kept:  {added['kept']}")
    say(f"next:  bench eval --detector linear --backbone {added['backbone']} --dataset DATA")
    return 0


def _average(args: argparse.Namespace) -> int:
    from registry.builtin.commands.weights_average import average_weights

    if args.out is None:
        raise ConfigError("`bench weights average` needs --out FILE.safetensors")
    sha256 = average_weights(args.files, args.out)
    say(f"weights: {args.out}, the mean of {len(args.files)} files, sha256 {sha256}")
    return 0


def inspect(path: Path) -> dict[str, Any]:
    """Return the content of a file in a form for JSON; DataError if it is not a checkpoint."""
    from registry.backbones.checkpoint import HEADS, kind_of, load_state

    state, sha256 = load_state(path)
    heads = [
        tensor.shape[0] for name, tensor in state.items() if HEADS.search(name) and tensor.ndim > 1
    ]
    kind = _ARTEFACT if _is_artefact(path) else kind_of(state)
    return {
        "file": str(path),
        "kind": kind,
        "backbones": _fitting(kind, path) or _timm_fitting(kind, state, path),
        "classes": int(heads[-1]) if heads else None,
        "tensors": len(state),
        "parameters": _parameters(state),
        "bytes": path.stat().st_size,
        "sha256": sha256,
    }


def _is_artefact(path: Path) -> bool:
    """Say whether `bench fit` wrote a file: then its metadata has a key that names the package."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return any(key.endswith(" artefact") for key in file.metadata() or {})
    except SafetensorError:
        return False


def _fitting(kind: str, path: Path) -> list[str]:
    """Return the named backbones that load the file strictly."""
    names = next((names for part, names in _CANDIDATES if part in kind), ())
    return _loading(names, path)


def _timm_fitting(kind: str, state: State, path: Path) -> list[str]:
    """Return `timm/NAME` for the first timm model that loads the file strictly, if there is one."""
    from registry.backbones.timm_match import timm_matches

    if kind == _ARTEFACT:
        return []
    for name in timm_matches(state):
        if found := _loading([f"timm/{name}"], path):
            return found
    return []


def _loading(names: Iterable[str], path: Path) -> list[str]:
    """Return those of these backbones that load the file strictly."""
    from registry.errors import BenchError
    from registry.plugins.discovery import load_plugins

    plugins = load_plugins()
    fitting = []
    for name in names:
        if name not in plugins.specs("backbone") and not name.startswith("timm/"):
            continue
        try:
            plugins.get("backbone", name).build(name, str(path), 0)
        except BenchError:
            continue  # it does not fit, which is the answer
        fitting.append(name)
    return fitting


def _parameters(state: State) -> int:
    """Count the numbers in the file, without statistics and counters of batch norms."""
    left_out = ("running_mean", "running_var", "num_batches_tracked")
    return sum(tensor.numel() for name, tensor in state.items() if not name.endswith(left_out))


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "unknown" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
