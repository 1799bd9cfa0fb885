"""The subcommand `bench audit`."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesb_plugin.audit.options import AuditConfig
from registry import (
    BenchError,
    add_config_flags,
    add_json_flag,
    check_ready,
    given_flags,
    owned_folder,
    read_json,
    refuse_other_run,
    resolve,
    say,
    say_block,
    tell,
    this_rank,
    write_text,
)

if TYPE_CHECKING:
    from lesb_plugin.audit.run import Audit

__all__ = ["configure_audit", "run_audit_command"]

REPORT, PAGE = "audit.json", "audit.html"
INTERRUPTED = 130  # the exit code of every `bench` that was
_EXAMPLES = """\
examples:
  bench audit --dataset MANIFEST --out runs/audit
  bench audit --detector lesb --backbone sbi_efflite0 --dataset MANIFEST --only right_part,restore
  bench audit --detector linear --explainer cam --dataset MANIFEST
  bench audit --dataset MANIFEST --explainer cam --set explain.method=layercam
  bench audit --dataset FACES --split val --make-edits
  bench audit --detector lesb_roi --dataset MANIFEST --keep
  bench audit --dataset MANIFEST --extended --extended-faces 32

Without --detector it audits lesb, the paper's detector; the parts that bench predict and explain
name are those of lesb_roi: --detector lesb_roi.

The data needs real faces, and fakes whose changed part is known: a manifest with a column region
(eyes, nose, mouth, eyes+mouth, face) or mask. A fake's source is the only real image of its person.
If a column `perceived` says, in the same words, which parts people take to be changed, the rows on
agreement compare the explanation with that instead.

--make-edits needs real faces only; its edits are reported by kind: blur and colour, noise and
compression, warps, transplants. Which of these a fit has seen depends on its --style.

OUT/audit.json holds every figure; the first one, right part first, is right_part. --keep writes
the first rows to NAME.audit.json beside the artefact: from then on bench explain, predict and eval
report next to part scores how often the right part comes first. It is valid for that artefact
only. Extended rows take up to two hours, most of them for the attack; Ctrl-C stops them and writes
the rows that are finished."""


def configure_audit(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench audit`: those of AuditConfig."""
    parser.usage = f"{parser.prog} [options]"
    parser.epilog = _EXAMPLES
    add_config_flags(parser, AuditConfig)
    add_json_flag(parser, "audit.json")


def run_audit_command(args: argparse.Namespace) -> int:
    """Audit, print the table, write audit.json and audit.html."""
    config = resolve(AuditConfig, args.config, args.set, given_flags(args, AuditConfig))
    out = Path(config.out or _default_folder(config))
    _refuse_other(out, config)
    check_ready(config)
    from lesb_plugin.audit.run import run_audit  # loads torch: after what fails without it
    from lesb_plugin.audit.summary import check_can_keep

    if config.keep:
        check_can_keep(config)
    if not this_rank().first:
        run_audit(replace(config, quiet=True))
        return 0
    if "detector" not in given_flags(args, AuditConfig):
        tell(
            f"auditing detector {config.detector}; --detector names another (bench list detectors)"
        )
    with owned_folder(out):  # an error here comes before the long work
        _refuse_other(out, config)  # again: another may have run here in the meantime
        return _report(run_audit(config), out, as_json=args.as_json)


def _report(audit: Audit, out: Path, *, as_json: bool) -> int:
    """Print and write a finished audit; return the exit code."""
    from lesb_plugin.audit.page import audit_page
    from lesb_plugin.audit.summary import keep
    from lesb_plugin.audit.table import print_audit

    line = tell if as_json else say
    report = json.dumps(audit.to_json(), indent=1)
    if as_json:
        say_block(report)
    else:
        print_audit(audit)
    if audit.stopped and (out / REPORT).exists():
        line(f"stopped: the audit already in {out} stays as it is")
        return INTERRUPTED
    write_text(out / REPORT, report + "\n")
    write_text(out / PAGE, audit_page(audit))
    line(f"figures: {out / REPORT}")
    line(f"report:  {(out / PAGE).resolve().as_uri()}")
    if audit.config.keep:
        line(f"kept:    {keep(audit)}")
    return INTERRUPTED if audit.stopped else 0


def _default_folder(config: AuditConfig) -> str:
    names = ["audit", config.detector, config.explainer or "", config.backbone or ""]
    return "runs/" + "_".join(name.replace("/", "_") for name in names if name)


def _refuse_other(out: Path, config: AuditConfig) -> None:
    if not config.overwrite:
        refuse_other_run(out, _audit_there(out), asdict(config))


def _audit_there(folder: Path) -> dict[str, Any]:
    """Return the configuration of the audit in a folder; empty if there is none."""
    try:
        return dict(read_json(folder / REPORT)["config"])
    except (OSError, BenchError, ValueError, KeyError, TypeError):
        return {}
