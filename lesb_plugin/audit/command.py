"""The subcommand `bench audit`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
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
    on_interrupt,
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
    from lesb_plugin.audit.conditions import AuditPlan
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
  bench audit --detector lesb_roi --dataset MANIFEST --corrupt h264:2,h264:4,resize:2+jpeg:3

Without --detector it audits lesb, the paper's detector; the parts that bench predict and explain
name are those of lesb_roi: --detector lesb_roi.

The data needs real faces, and fakes whose changed part is known: a manifest with a column region
(eyes, nose, mouth, eyes+mouth, face) or mask. A fake's source is the only real image of its person.
If a column `perceived` says, in the same words, which parts people take to be changed, the rows on
agreement compare the explanation with that instead.

--make-edits needs real faces only; its edits are reported by kind: blur and colour, noise and
compression, warps, transplants. Which of these a fit has seen depends on its --style.

docs/corruptions.md says what the severities of --corrupt are.
Under several conditions of --corrupt each audit lies in OUT/corrupted/NAME, that of undamaged
frames in OUT; OUT/corrupted.html shows AUC, false alarms and right part first against severity.

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
    add_json_flag(parser, "audit.json, or what several conditions of --corrupt give,")


def run_audit_command(args: argparse.Namespace) -> int:
    """Audit, print the table, write audit.json and audit.html; of each of several conditions."""
    config = resolve(AuditConfig, args.config, args.set, given_flags(args, AuditConfig))
    from lesb_plugin.audit.conditions import plan_audits

    plans = plan_audits(config)
    finished: list[tuple[AuditPlan, Audit]] = []
    with on_interrupt(lambda: _finished([plan for plan, _ in finished], plans)):
        _check(config, plans)
        if "detector" not in given_flags(args, AuditConfig) and this_rank().first:
            named = "--detector names another (bench list detectors)"
            tell(f"auditing detector {config.detector}; {named}")
        with owned_folder(plans[0].folder):  # an error here comes before the long work
            return _audit_all(plans, finished, as_json=args.as_json)


def _check(config: AuditConfig, plans: Sequence[AuditPlan]) -> None:
    """Raise a BenchError for what can be wrong before anything is read."""
    for plan in plans:
        _refuse_other(plan)
    check_ready(config)
    from lesb_plugin.audit.summary import check_can_keep  # loads torch: after what fails without it

    if config.keep:
        check_can_keep(config)


def _audit_all(
    plans: Sequence[AuditPlan], finished: list[tuple[AuditPlan, Audit]], *, as_json: bool
) -> int:
    """Make the audits, the first in a folder that is owned; return the exit code.

    Each is appended to `finished` once it is written.
    """
    from lesb_plugin.audit.conditions import show_together

    several, first = len(plans) > 1, this_rank().first
    for number, plan in enumerate(plans):
        if number and first and not plan.config.quiet:
            tell(f"{plan.condition} ({number} of {len(plans) - 1}): {plan.dose}")
        brief = several and (as_json or number > 0)
        with owned_folder(plan.folder) if number else nullcontext():
            audit = _audit(plan, as_json=as_json, brief=brief)
        finished.append((plan, audit))
        if audit.stopped:
            if first and plans[number + 1 :]:
                tell(f"not audited: {_conditions(plans[number + 1 :])}")
            return INTERRUPTED
    if several and first:
        page = show_together(finished, as_json=as_json)
        (tell if as_json else say)(f"robustness: {page.resolve().as_uri()}")
    return 0


def _finished(done: Sequence[AuditPlan], plans: Sequence[AuditPlan]) -> str:
    """Say after Ctrl-C which audits are written, and that the same line makes all of them anew."""
    if not done:
        return (
            "nothing was written, as only the rows of --extended are saved one by one; the same"
            " line begins anew, and --faces N or --only ROWS take less time"
        )
    folders = ", ".join(str(plan.folder) for plan in done)
    left = _conditions([plan for plan in plans if plan not in done]) or "none"
    return f"finished: {folders}; not audited: {left}; the same line measures all of them anew"


def _conditions(plans: Sequence[AuditPlan]) -> str:
    return ", ".join(plan.condition for plan in plans)


def _audit(plan: AuditPlan, *, as_json: bool, brief: bool) -> Audit:
    """Make one audit; a `brief` one is written and not printed."""
    from lesb_plugin.audit.run import run_audit

    if not this_rank().first:
        return run_audit(replace(plan.config, quiet=True))
    _refuse_other(plan)  # again: another may have run here in the meantime
    audit = run_audit(plan.config)
    report = json.dumps(audit.to_json(), indent=1)
    _print(audit, "" if brief else report, as_json=as_json)
    _write(audit, report, plan, tell if as_json or brief else say)
    return audit


def _print(audit: Audit, report: str, *, as_json: bool) -> None:
    from lesb_plugin.audit.table import print_audit

    if report and as_json:
        say_block(report)
    elif report:
        print_audit(audit)


def _write(audit: Audit, report: str, plan: AuditPlan, line: Callable[[str], None]) -> None:
    """Write the files of an audit; one that was stopped replaces none."""
    from lesb_plugin.audit.page import audit_page
    from lesb_plugin.audit.summary import keep

    if audit.stopped and (plan.folder / REPORT).exists():
        line(f"stopped: the audit already in {plan.folder} stays as it is")
        return
    write_text(plan.folder / REPORT, report + "\n")
    write_text(plan.folder / PAGE, audit_page(audit))
    line(f"figures: {plan.folder / REPORT}")
    line(f"report:  {(plan.folder / PAGE).resolve().as_uri()}")
    if plan.config.keep:
        line(f"kept:    {keep(audit)}")


def _refuse_other(plan: AuditPlan) -> None:
    if not plan.config.overwrite:
        refuse_other_run(plan.folder, _audit_there(plan.folder), asdict(plan.config))


def _audit_there(folder: Path) -> dict[str, Any]:
    """Return the configuration of the audit in a folder; empty if there is none."""
    try:
        return dict(read_json(folder / REPORT)["config"])
    except (OSError, BenchError, ValueError, KeyError, TypeError):
        return {}
