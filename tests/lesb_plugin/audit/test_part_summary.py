"""What a kept audit of part scores says, and that audits kept earlier are read as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lesb_plugin.audit.part_summary import PartSummary
from registry import AuditFigure, keep_audit
from registry.results.audit_summary import find_audit
from tests.shared.measured_audit import WEIGHTS, facts_of, sha, write_artefact


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    return write_artefact(tmp_path)


def summary(artefact: Path, **changes: Any) -> PartSummary:
    given: dict[str, Any] = {
        **facts_of(artefact),
        "parts": ("eyes", "mouth"),
        "right_part": AuditFigure(value=0.351, low=0.3, high=0.4, control=1 / 3),
        "groups": {
            "transplants": AuditFigure(value=0.5, low=0.42, high=0.58, control=1 / 3),
            "warps": AuditFigure(value=0.3, low=0.2, high=0.4, control=1 / 3),
        },
        "auc_diagonal": AuditFigure(value=0.6, low=0.5, high=0.7),
        "redundancy": {"single_part": AuditFigure(value=0.9)},
        "made_edits": False,
    }
    return PartSummary(**{**given, **changes})


def words_of(artefact: Path) -> str:
    return find_audit(
        artefact,
        detector="some",
        weights_sha256=WEIGHTS,
        artefact_sha256=sha(artefact),
        command="",
        readers=[PartSummary],
    ).words


def test_parts_that_name_the_right_one_no_more_often_than_chance_are_said_to_be_no_places(
    artefact: Path,
) -> None:
    assert summary(artefact).words == (
        "Audited on manipulated, split test (1,146 real faces, 438 fakes; 2026-11-25): some names"
        " the changed part first in 35 % [30, 40] of faces with one changed part (mean over the"
        " parts), where always naming the same part reaches 33 %: its part scores do not show where"
        " a face was changed."
    )
    assert summary(artefact).line == (
        "the part scores of some do not show where a face was changed"
    )


def test_parts_that_localise_come_with_how_often_they_are_right_and_where_they_are_not(
    artefact: Path,
) -> None:
    good = AuditFigure(value=0.61, low=0.55, high=0.66, control=1 / 3)
    words = summary(artefact, right_part=good, made_edits=True).words
    assert summary(artefact, right_part=good).line == (
        "some names the changed part first in 61 % [55, 66] of audited fakes (mean over the parts;"
        " 33 % by chance)"
    )
    assert words.startswith("Audited on edits made of manipulated, ")
    assert "first in 61 % [55, 66] of faces" in words
    assert "do not show where" not in words
    assert words.endswith(
        " By kind of change: transplants 50 % [42, 58]; warps 30 % [20, 40], no better than always"
        " naming the same part."
    )


def test_a_kind_of_change_may_be_above_the_control_and_not_clearly_so(artefact: Path) -> None:
    good = AuditFigure(value=0.61, low=0.55, high=0.66, control=1 / 3)
    groups = {"warps": AuditFigure(value=0.57, low=0.47, high=0.67, control=0.5)}
    words = summary(artefact, right_part=good, groups=groups).words
    assert "warps 57 % [47, 67], not clearly better than always naming the same part." in words


def test_what_reports_single_out_is_told_where_it_was_measured(artefact: Path) -> None:
    good = AuditFigure(value=0.61, low=0.55, high=0.66, control=1 / 3)
    reports = {
        "right": AuditFigure(value=0.99, low=0.97, high=1.0, control=0.4),
        "singled": AuditFigure(value=0.38, low=0.33, high=0.43),
    }
    words = summary(artefact, right_part=good, reports=reports).words
    assert words.endswith(
        " Reports single out a part in 38 % [33, 43] of faces with one changed part, and it is"
        " the right one in 99 % [97, 100] of those."
    )
    reports["whole"] = AuditFigure(value=0.129, low=0.06, high=0.2)
    words = summary(artefact, right_part=good, reports=reports).words
    assert words.endswith(" They also single one out in 13 % [6, 20] of faces changed as a whole.")
    path = keep_audit(artefact, summary(artefact, right_part=good, reports=reports))
    assert words_of(artefact) == words
    assert json.loads(path.read_text("utf-8"))["reports"]["right"]["control"] == 0.4


def test_parts_that_beat_the_constant_answer_localise_and_the_audit_is_passed(
    artefact: Path,
) -> None:
    for low, localises in ((0.34, True), (1 / 3, False)):
        figure = AuditFigure(value=0.5, low=low, high=0.6, control=1 / 3)
        audit = summary(artefact, right_part=figure)
        assert audit.localises is audit.passed is localises


def test_an_audit_kept_by_an_earlier_version_says_what_it_said_then(artefact: Path) -> None:
    """The file as that version wrote it, every key at its place there."""
    figure = {"value": 0.61, "low": 0.55, "high": 0.66, "control": 1 / 3}
    record = {
        "schema": 1,
        "detector": "some",
        "weights_sha256": WEIGHTS,
        "artefact_sha256": sha(artefact),
        "parts": ["eyes", "mouth"],
        "right_part": figure,
        "groups": {"warps": {"value": 0.3, "low": 0.2, "high": 0.4, "control": 1 / 3}},
        "auc_diagonal": None,
        "redundancy": {"whole_face": figure},
        "reports": {},
        "datasets": ["manipulated"],
        "split": "test",
        "made_edits": True,
        "reals": 1146,
        "fakes": 438,
        "identities": 146,
        "data_fingerprint": "ef" * 32,
        "created": "2026-11-25T10:00:00+00:00",
        "version": "0.1.0",
    }
    artefact.with_name("some.audit.json").write_text(json.dumps(record))
    assert words_of(artefact) == (
        "Audited on edits made of manipulated, split test (1,146 real faces, 438 fakes;"
        " 2026-11-25): some names the changed part first in 61 % [55, 66] of faces with one"
        " changed part (mean over the parts), where always naming the same part reaches 33 %. By"
        " kind of change: warps 30 % [20, 40], no better than always naming the same part."
    )
