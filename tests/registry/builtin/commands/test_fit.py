"""`bench fit` prints what its detector's fit reports."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.builtin.commands.fit import _print_fit
from registry.contracts.detector import FitReport
from registry.settings.tasks import FitConfig


def test_a_sentence_stands_below_its_table(capsys: pytest.CaptureFixture[str]) -> None:
    tables = tuple((title, ("part", "AUC"), (("eyes", "0.700"),)) for title in ("one", "two"))
    report = FitReport(
        artefact=Path("runs/mine/a.bin"),
        tables=tables,
        notes=("a note",),
        findings=("Eyes are found.",),
    )
    _print_fit(FitConfig(), report)
    lines = capsys.readouterr().out.splitlines()
    one, two = lines.index("one"), lines.index("two")
    assert one < lines.index("Eyes are found.") < two < lines.index("note: a note")
    assert lines[-1].startswith("next:     bench eval --detector lesb")
