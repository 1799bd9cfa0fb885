"""The subcommand `bench faces`: which face detectors are ready, and which one a command uses."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass

from registry.console import print_table, say, say_block
from registry.errors import BenchError, guarded
from registry.plugins.discovery import Plugins, load_plugins
from registry.plugins.specs import FaceDetectorSpec

__all__ = ["DetectorState", "configure_faces", "detector_state", "run_faces"]

_EXAMPLES = """\
examples:
  bench faces
  BENCH_INSIGHTFACE=~/packs/buffalo_l bench faces      with your own model pack
  bench faces --json

Builds each detector as a command that needs it would; its row says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorState:
    """Whether a detector can be used here; `why` says what it lacks, or what it is.

    `install` is the command that installs what it lacks, "" for none.
    """

    name: str
    ready: bool
    why: str
    install: str = ""


def configure_faces(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.epilog = _EXAMPLES
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_faces(args: argparse.Namespace) -> int:
    """Print every face detector with its state, and the default of each command."""
    plugins = load_plugins()
    states = [detector_state(plugins, name) for name in plugins.specs("face_detector")]
    uses = [_use(command, name, states) for command, name in _defaults().items()]
    if args.json:
        say_block(
            json.dumps({"detectors": [asdict(each) for each in states], "uses": uses}, indent=1)
        )
        return 0
    rows = [(each.name, "yes" if each.ready else "no", each.why) for each in states]
    print_table("face detectors", ("name", "ready", "what it is, or what is missing"), rows)
    for line in uses:
        say(line)
    return 0


def detector_state(plugins: Plugins, name: str) -> DetectorState:
    """Say whether the face detector of a name can be built here."""
    spec: FaceDetectorSpec = plugins.get("face_detector", name)
    try:
        guarded(f"face detector {name!r}", spec.source, spec.build)
    except BenchError as error:
        return DetectorState(name=name, ready=False, why=str(error), install=error.install)
    return DetectorState(name=name, ready=True, why=spec.summary)


def _defaults() -> dict[str, str]:
    """Return the default face detector of each command."""
    from registry.settings.shared import PREPARE_DETECTOR
    from registry.settings.tasks import EvalConfig

    return {
        "bench eval, fit and predict": EvalConfig().face_detector,
        "bench prepare": PREPARE_DETECTOR,
    }


def _use(command: str, name: str, states: list[DetectorState]) -> str:
    ready = next(each.ready for each in states if each.name == name)
    others = [each.name for each in states if each.ready]
    ending = "" if ready else f"; it is not ready: pass --face-detector {others[0]}"
    return f"{command}: {name}, unless --face-detector names another{ending}"
