"""The summary of an audit beside an artefact: what it says, and what it counts for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from registry import AuditFigure, DataError, keep_audit
from registry.results.audit_summary import audit_file, find_audit
from tests.shared.measured_audit import WEIGHTS, Measured, facts_of, sha, write_artefact

COMMAND = "bench audit --detector some --dataset DATA --keep"
NEVER = (
    "The part scores of some have not been audited: it is unknown whether they show where a"
    f" face was changed. To audit them on fakes whose changed parts are known: {COMMAND}"
)


@pytest.fixture
def artefact(tmp_path: Path) -> Path:
    return write_artefact(tmp_path)


@dataclass(frozen=True, kw_only=True)
class Other(Measured):
    """One that another plugin's command keeps."""

    other: int


def summary(artefact: Path, **changes: Any) -> Measured:
    given: dict[str, Any] = {
        **facts_of(artefact),
        "figure": AuditFigure(value=0.5, low=0.42, high=0.58, control=1 / 3),
    }
    return Measured(**{**given, **changes})


def found(artefact: Path | None, **changes: Any) -> Any:
    mine = {
        "readers": (Other, Measured),
        "detector": "some",
        "weights_sha256": WEIGHTS,
        "artefact_sha256": "" if artefact is None else sha(artefact),
        "command": COMMAND,
    }
    return find_audit(artefact, **{**mine, **changes})


# --- what it counts for -----------------------------------------------------------------------


def test_what_is_kept_is_found_again_and_leaves_the_artefact_as_it_was(artefact: Path) -> None:
    before = sha(artefact)
    path = keep_audit(artefact, summary(artefact))
    assert path == artefact.with_name("some.audit.json")
    assert sha(artefact) == before
    audit = found(artefact)
    assert audit.summary == summary(artefact)
    assert audit.words == summary(artefact).words
    assert audit.line == f"some {summary(artefact).finding}; the whole audit: {path}"
    assert audit.to_json() == {
        "words": audit.words,
        "line": audit.line,
        "summary": json.loads(path.read_text("utf-8")),
    }


def test_without_an_audit_that_is_said_with_the_line_that_makes_one(artefact: Path) -> None:
    for place in (artefact, None):
        audit = found(place)
        assert audit.line == f"the part scores of some have not been audited: {COMMAND}"
        assert (audit.words, audit.summary) == (NEVER, None)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"artefact_sha256": "0" * 64}, "it is for artefact sha256 000000000000, and this is "),
        ({"weights_sha256": "1" * 64}, "it is for weights sha256 111111111111, and this is abab"),
        ({"detector": "other"}, "it is for detector other, and this is some"),
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


def test_each_audit_is_read_by_the_class_that_it_fits(artefact: Path) -> None:
    keep_audit(artefact, Other(**asdict(summary(artefact)), other=1))
    read = found(artefact)
    assert type(read.summary) is Other
    assert read.words == "some gets 0.5 on manipulated"
    assert "unknown key 'other'" in found(artefact, readers=[Measured]).words


def test_without_a_command_that_audits_there_is_no_line_to_type(artefact: Path) -> None:
    assert found(None, command="").words == NEVER.partition(" To audit")[0]
    keep_audit(artefact, summary(artefact))
    words = found(artefact, readers=()).words
    assert words == f"some.audit.json is not a readable audit (no plugin can read audits). {NEVER}"


@pytest.mark.parametrize(
    ("figure", "beats"),
    [
        (AuditFigure(value=0.5, low=0.34, high=0.6, control=1 / 3), True),
        (AuditFigure(value=0.5, low=1 / 3, high=0.6, control=1 / 3), False),
        (AuditFigure(value=0.5, control=1 / 3), False),
        (AuditFigure(value=0.5, low=0.4, high=0.6), False),
    ],
    ids=["above", "touches", "no interval", "no control"],
)
def test_to_beat_a_control_is_an_interval_above_it(figure: AuditFigure, beats: bool) -> None:
    assert figure.beats_control is beats


def test_an_artefact_fitted_again_has_lost_its_audit(artefact: Path) -> None:
    keep_audit(artefact, summary(artefact))
    artefact.write_bytes(b"fitted again")
    assert found(artefact).summary is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not a readable audit"),
        ("[]", "it does not hold a JSON object"),
        ("{}", "missing key"),
        ('{"schema": 2}', "schema cannot be 2"),
        ('{"schema": 1, "figure": {"value": "high"}}', "figure.value must be a number"),
        ('{"figure": {"value": NaN}}', "must be a finite number"),
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
    with pytest.raises(DataError, match="holds an audit on 438 fakes, and this one is on 6"):
        keep_audit(artefact, summary(artefact, fakes=6))
    assert json.loads(audit_file(artefact).read_text())["fakes"] == 438
    keep_audit(artefact, summary(artefact, fakes=439))
    artefact.write_bytes(b"fitted anew")
    keep_audit(artefact, summary(artefact, fakes=6))  # what is there is of another artefact
