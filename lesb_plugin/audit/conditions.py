"""The audits of one command: one, or one without corruptions and one under each of several."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lesb_plugin.audit.folder import audit_folder
from lesb_plugin.audit.options import AuditConfig
from registry import (
    CLEAN,
    CORRUPTED,
    ConfigError,
    CountedFigure,
    Dose,
    conditions,
    print_robustness,
    say,
    say_block,
    write_robustness,
    write_text,
)

if TYPE_CHECKING:
    from lesb_plugin.audit.measures.intervals import Figure
    from lesb_plugin.audit.run import Audit

__all__ = ["AuditPlan", "plan_audits", "show_together"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditPlan:
    """An audit to make: its settings and folder, the corruptions of its frames and their dose."""

    config: AuditConfig
    folder: Path
    condition: str = CLEAN
    dose: str = ""


def plan_audits(config: AuditConfig) -> list[AuditPlan]:
    """List the audits that `corrupt` asks for.

    None or one condition is one audit, in `out` or a folder named by its settings. Several are one
    without any, there, and one for each in its folder `corrupted`.
    """
    wanted = conditions(config.corrupt)
    if len(wanted) < 2:
        return [AuditPlan(config=config, folder=audit_folder(config))]
    if config.keep:
        raise ConfigError(
            "--keep stores one audit, of frames as they are, and --corrupt names"
            f" {len(wanted)} conditions; keep the audit without --corrupt"
        )
    clean = replace(config, corrupt=())
    out = audit_folder(clean)
    audits = [AuditPlan(config=clean, folder=out)]
    for each in wanted:
        folder = out / CORRUPTED / each.name.replace(":", "-")
        own = replace(config, corrupt=(each.name,), out=str(folder))
        audits.append(AuditPlan(config=own, folder=folder, condition=each.name, dose=each.dose))
    return audits


def show_together(audits: Sequence[tuple[AuditPlan, Audit]], *, as_json: bool) -> Path:
    """Print AUC, false alarms and right part first by condition; write corrupted.json and .html.

    The first audit is that without corruptions. The page is returned.
    """
    rows = [_dose(plan, audit) for plan, audit in audits]
    plan, clean = audits[0]
    text = json.dumps([row.to_json() for row in rows], indent=1, allow_nan=False)
    write_text(plan.folder / f"{CORRUPTED}.json", text + "\n")
    about = f"Without corruptions: {clean.summary}" if clean.summary else ""
    if as_json:
        say_block(text)
    else:
        say()
        print_robustness(rows, about)
    return write_robustness(rows, plan.folder, about)


def _dose(plan: AuditPlan, audit: Audit) -> Dose:
    reals = int(audit.found.real.sum())
    first = audit.first
    return Dose(
        condition=plan.condition,
        dose=plan.dose,
        dataset=", ".join(Path(name).name for name in plan.config.dataset),
        figures={
            "auc": _counted(audit.detection["auc"], len(audit.found.real)),
            "false_alarms": _counted(audit.detection["false_alarms"], reals),
            "right_part": CountedFigure() if first is None else _counted(first.figure, first.n),
        },
    )


def _counted(figure: Figure, count: int) -> CountedFigure:
    return CountedFigure(value=figure.value, low=figure.low, high=figure.high, count=count)
