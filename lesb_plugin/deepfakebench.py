"""Use LESB in a DeepfakeBench checkout without changing its files.

Imported where the checkout's `detectors` can be imported, this module registers LESB there under
the name `lesb`. As a program it does so and then runs one of the checkout's scripts:

    python -m lesb_plugin.deepfakebench training/test.py --detector_path lesb.yaml ...
"""

from __future__ import annotations

import importlib
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lesb_plugin.export.checkout_faults import find_faults, out_of_scope
from lesb_plugin.export.checkout_mends import apply_mends
from lesb_plugin.export.checkout_sources import Sources, read_sources
from registry import BenchError, ConfigError

__all__ = ["NAME", "main", "register"]

NAME = "lesb"

_USAGE = """\
usage: python -m lesb_plugin.deepfakebench SCRIPT ARGS...

Runs a script of a DeepfakeBench checkout, unmodified, with the detector `lesb` registered. Run it
in the checkout's folder. Functions that newer packages have dropped and the checkout still calls
are restored for this run, with a note. Packages that it imports: pip install
'lesb-plugin[deepfakebench]'. Testing only: train.py is not supported.

  bench export deepfakebench --out lesb/
  python -m lesb_plugin.deepfakebench training/test.py --detector_path lesb/lesb.yaml \\
      --weights_path lesb/lesb.pth --test_dataset Celeb-DF-v2
"""


_ENDLESS = (
    "the checkout's loader keeps retrying its first frame: that frame cannot be read"
    " (damaged or missing). `bench data check` lists such files"
)


def register() -> type[Any]:
    """Add LESB to the checkout's DETECTOR registry; a ConfigError says why that is impossible."""
    try:
        detectors = importlib.import_module("detectors")
        contract = importlib.import_module("detectors.base_detector")
        registry, abstract = detectors.DETECTOR, contract.AbstractDetector
    except (ImportError, AttributeError) as error:
        raise ConfigError(_why_not(error)) from error
    from lesb_plugin.export.checkout_model import LesbModel

    model = type("LesbDetector", (LesbModel, abstract), {"__doc__": LesbModel.__doc__})
    registry.register_module(module_name=NAME)(model)
    return model


def main(argv: Sequence[str]) -> int:
    """Run `argv[0]` as a script with the other arguments; return 2 for errors that the user can
    fix.

    Exceptions of the script itself, including SystemExit, pass to the caller.
    """
    if not argv or argv[0] in {"-h", "--help"}:
        (sys.stdout if argv else sys.stderr).write(_USAGE)
        return 0 if argv else 2
    try:
        _run(Path(argv[0]), list(argv))
    except BenchError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    return 0


def _run(script: Path, argv: list[str]) -> None:
    if not script.is_file():
        raise ConfigError(
            f"no script {script} in {Path.cwd()}; run this in the folder of a"
            " DeepfakeBench checkout, with the script's path as the first argument:"
            " training/test.py"
        )
    if why := out_of_scope(script):
        raise ConfigError(why)
    sources = _sources(script)
    if faults := find_faults(sources, argv[1:]):
        raise ConfigError(f"{script} cannot run yet:", *(f"  - {fault}" for fault in faults))
    for line in apply_mends(sources):
        sys.stderr.write(f"mended: {line}\n")
    sys.path.insert(0, str(script.resolve().parent))  # as Python does for a script
    register()
    sys.argv = argv
    try:
        runpy.run_path(str(script), run_name="__main__")
    except RecursionError:
        raise ConfigError(_ENDLESS) from None


def _sources(script: Path) -> Sources:
    """Return the checkout's files that the script and register() import."""
    folder = script.resolve().parent
    return read_sources(script.resolve(), [folder, Path.cwd().resolve()])


def _why_not(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == "detectors":
        return (
            "no package `detectors` can be imported: it is the folder training/detectors"
            " of a DeepfakeBench checkout; in the checkout, run `python -m"
            " lesb_plugin.deepfakebench training/test.py ...`, or put training/ on"
            " PYTHONPATH"
        )
    return (
        f"the checkout's own detectors cannot be imported ({error}); `python"
        " training/test.py --help` fails in the same way: install what DeepfakeBench"
        " requires"
    )


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
register()
