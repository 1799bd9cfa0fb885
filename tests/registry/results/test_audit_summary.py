"""The summary of an audit beside an artefact: what it says, and what it counts for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry import AuditFigure, AuditSummary, DataError, keep_audit
from registry.results.audit_summary import audit_file, find_audit

WEIGHTS = "ab" * 32
COMMAND = "bench audit --detector some --dataset DATA --keep"
NEVER = (
    "The part scores of some were never audited: whether they say where a face was changed is not"
    f" known. To audit them on fakes whose changed parts are known: {COMMAND}"
)


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    path = tmp_path / "some.safetensors"
    path.write_bytes(b"fitted")
    return path


def sha(artefact: Path) -> str:
    return hashlib.sha256(artefact.read_bytes()).hexdigest()


def summary(artefact: Path, **changes: Any) -> AuditSummary:
    given: dict[str, Any] = {
        "detector": "some",
        "weights_sha256": WEIGHTS,
        "artefact_sha256": sha(artefact),
        "parts": ("eyes", "mouth"),
        "right_part": AuditFigure(value=0.351, low=0.3, high=0.4, control=1 / 3),
        "groups": {
            "transplants": AuditFigure(value=0.5, low=0.42, high=0.58, control=1 / 3),
            "warps": AuditFigure(value=0.3, low=0.2, high=0.4, control=1 / 3),
        },
        "auc_diagonal": AuditFigure(value=0.6, low=0.5, high=0.7),
        "redundancy": {"single_part": AuditFigure(value=0.9)},
        "datasets": ("manipulated",),
        "split": "test",
        "made_edits": False,
        "reals": 1146,
        "fakes": 438,
        "identities": 146,
        "data_fingerprint": "ef" * 32,
        "created": "2026-11-25T10:00:00+00:00",
        "version": "0.1.0",
    }
    return AuditSummary(**{**given, **changes})


def found(artefact: Path | None, **changes: str) -> Any:
    mine = {
        "detector": "some",
        "weights_sha256": WEIGHTS,
        "artefact_sha256": "" if artefact is None else sha(artefact),
        "command": COMMAND,
    }
    return find_audit(artefact, **{**mine, **changes})


# --- what it says -----------------------------------------------------------------------------


def test_parts_that_name_the_right_one_no_more_often_than_chance_are_said_to_be_no_places(
    artefact: Path,
) -> None:
    assert summary(artefact).words == (
        "Audited on manipulated, split test (1,146 real faces, 438 fakes; 2026-11-25): some names"
        " the changed part first in 35 % [30, 40] of faces with one part changed (mean over the"
        " parts), where naming always the same part reaches 33 %: do not read its parts as places."
    )


def test_parts_that_localise_come_with_how_often_they_are_right_and_where_they_are_not(
    artefact: Path,
) -> None:
    good = AuditFigure(value=0.61, low=0.55, high=0.66, control=1 / 3)
    words = summary(artefact, right_part=good, made_edits=True).words
    assert words.startswith("Audited on edits made of manipulated, ")
    assert "first in 61 % [55, 66] of faces" in words
    assert "do not read" not in words
    assert words.endswith(
        " By kind of change: transplants 50 % [42, 58]; warps 30 % [20, 40], no better than always"
        " the same part."
    )


def test_a_kind_of_change_may_be_above_the_control_and_not_clearly_so(artefact: Path) -> None:
    good = AuditFigure(value=0.61, low=0.55, high=0.66, control=1 / 3)
    groups = {"warps": AuditFigure(value=0.57, low=0.47, high=0.67, control=0.5)}
    words = summary(artefact, right_part=good, groups=groups).words
    assert "warps 57 % [47, 67], not clearly better than always the same part." in words


def test_what_reports_single_out_is_told_where_it_was_measured(artefact: Path) -> None:
    good = AuditFigure(value=0.61, low=0.55, high=0.66, control=1 / 3)
    reports = {
        "right": AuditFigure(value=0.99, low=0.97, high=1.0, control=0.4),
        "singled": AuditFigure(value=0.38, low=0.33, high=0.43),
    }
    words = summary(artefact, right_part=good, reports=reports).words
    assert words.endswith(
        " Reports single a part out in 38 % [33, 43] of faces with one part changed; it is the"
        " changed one in 99 % [97, 100] of those."
    )
    reports["whole"] = AuditFigure(value=0.129, low=0.06, high=0.2)
    words = summary(artefact, right_part=good, reports=reports).words
    assert words.endswith(" They also do in 13 % [6, 20] of faces changed as a whole.")
    path = keep_audit(artefact, summary(artefact, right_part=good, reports=reports))
    assert found(artefact).words == words
    assert json.loads(path.read_text("utf-8"))["reports"]["right"]["control"] == 0.4


@pytest.mark.parametrize(
    ("figure", "localises"),
    [
        (AuditFigure(value=0.5, low=0.34, high=0.6, control=1 / 3), True),
        (AuditFigure(value=0.5, low=1 / 3, high=0.6, control=1 / 3), False),
        (AuditFigure(value=0.5, control=1 / 3), False),
        (AuditFigure(value=0.5, low=0.4, high=0.6), False),
    ],
    ids=["above", "touches", "no interval", "no control"],
)
def test_to_localise_is_an_interval_above_the_control(
    artefact: Path, figure: AuditFigure, localises: bool
) -> None:
    assert summary(artefact, right_part=figure).localises is localises


# --- what it counts for -----------------------------------------------------------------------


def test_what_is_kept_is_found_again_and_leaves_the_artefact_as_it_was(artefact: Path) -> None:
    before = sha(artefact)
    path = keep_audit(artefact, summary(artefact))
    assert path == artefact.with_name("some.audit.json")
    assert sha(artefact) == before
    audit = found(artefact)
    assert audit.summary == summary(artefact)
    assert audit.words == summary(artefact).words
    assert audit.to_json() == {
        "words": audit.words, "summary": json.loads(path.read_text("utf-8"))
    }  # fmt: skip


def test_without_an_audit_that_is_said_with_the_line_that_makes_one(artefact: Path) -> None:
    for place in (artefact, None):
        audit = found(place)
        assert (audit.words, audit.summary) == (NEVER, None)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"artefact_sha256": "0" * 64}, "it is of artefact sha256 000000000000, and this is "),
        ({"weights_sha256": "1" * 64}, "it is of weights sha256 111111111111, and this is abab"),
        ({"detector": "other"}, "it is of detector other, and this is some"),
    ],
)
def test_an_audit_of_anything_else_does_not_count_and_that_is_said(
    artefact: Path, changes: dict[str, str], told: str
) -> None:
    keep_audit(artefact, summary(artefact, **changes))
    audit = found(artefact)
    assert audit.summary is None
    assert audit.words.startswith(f"The audit in some.audit.json does not count: {told}")
    assert audit.words.endswith(NEVER)


def test_an_artefact_fitted_again_has_lost_its_audit(artefact: Path) -> None:
    keep_audit(artefact, summary(artefact))
    artefact.write_bytes(b"fitted again")
    assert found(artefact).summary is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "no audit that can be read"),
        ("[]", "it holds no JSON object"),
        ("{}", "missing key"),
        ('{"schema": 2}', "schema cannot be 2"),
        ('{"schema": 1, "right_part": {"value": "high"}}', "right_part.value must be a number"),
        ('{"right_part": {"value": NaN}}', "must be a finite number"),
    ],
)
def test_a_damaged_audit_is_told_and_ends_nothing(artefact: Path, text: str, told: str) -> None:
    audit_file(artefact).write_text(text)
    audit = found(artefact)
    assert audit.summary is None
    assert told in audit.words
    assert audit.words.endswith(NEVER)


def test_an_older_audit_is_replaced(artefact: Path) -> None:
    keep_audit(artefact, summary(artefact, reals=1))
    keep_audit(artefact, replace(summary(artefact), reals=2))
    assert found(artefact).summary.reals == 2


def test_where_nothing_can_be_written_that_is_an_error(artefact: Path) -> None:
    (artefact.parent / "file").touch()
    with pytest.raises(DataError, match="cannot write"):
        keep_audit(artefact.parent / "file" / "a.safetensors", summary(artefact))


def test_an_audit_on_fewer_fakes_does_not_take_the_place_of_one_on_more(artefact: Path) -> None:
    keep_audit(artefact, summary(artefact))
    with pytest.raises(DataError, match="holds an audit on 438 fakes, this one is on 6"):
        keep_audit(artefact, summary(artefact, fakes=6))
    assert json.loads(audit_file(artefact).read_text())["fakes"] == 438
    keep_audit(artefact, summary(artefact, fakes=439))
    artefact.write_bytes(b"fitted anew")
    keep_audit(artefact, summary(artefact, fakes=6))  # what is there is of another artefact
