"""One file as a JSON object: the fields that `bench predict` and `bench explain` share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from registry.cli.verdict_lines import line_notes
from registry.results.verdict import FileVerdict

if TYPE_CHECKING:
    from registry.results.audit_summary import PartAudit
    from registry.results.file_scores import Prediction

__all__ = ["FILE_SCHEMA", "file_record"]

FILE_SCHEMA = 3  # another number means that a field has changed or gone


def file_record(
    found: Prediction, *, audit: PartAudit | None, origin: Mapping[str, Any]
) -> dict[str, Any]:
    """Return everything known of a file as plain data, null where something is absent.

    `audit` is dropped for a file without part scores; `origin` says what the scores come from.
    """
    verdict = found.verdict or FileVerdict()
    return {
        "schema": FILE_SCHEMA,
        "path": str(found.path),
        "sha256": found.sha256,
        "verdict": verdict.to_json(),
        "no_verdict": verdict.none or None,
        "score": found.score,
        "parts": verdict.parts_json(found.parts),
        "part": verdict.part_json(),
        "variants": dict(found.variants) or None,
        "faces": found.faces,
        "faces_left_out": found.faces_left_out,
        "frames_used": found.frames_used,
        "sharpness": found.sharpness,
        "notes": line_notes(found),
        "error": found.error or None,
        "frames": [asdict(frame) for frame in found.frames],
        "audit": audit.to_json() if audit is not None and found.parts else None,
        "origin": dict(origin),
    }
