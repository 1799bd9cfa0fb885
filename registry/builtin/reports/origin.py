"""The section of a report on the origin of its numbers, and the folds it consists of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from registry.contracts.types import CropPolicy
from registry.html.markup import Markup, joined, tag
from registry.results.provenance import BackboneRecord
from registry.results.result import Result

__all__ = ["fold", "provenance_section", "section"]

_SHORT = 12  # characters of a sha256


def provenance_section(result: Result) -> Markup:
    """Return the origin of the numbers: one line, which opens to everything that is recorded."""
    origin, settings = result.provenance, result.settings
    facts = {
        "detector": settings.detector,
        **_backbone_facts(origin.backbone),
        "crops": _crop_text(origin.backbone.crop if origin.backbone else origin.crop),
        "checkpoint selection": origin.checkpoint_selection,
        "artefact": origin.artefact,
        "artefact sha256": origin.artefact_sha256,
        "data fingerprint": origin.data_fingerprint,
        "domain": ", ".join(f"{name}: {domain}" for name, domain in origin.domains.items()),
        "profile": settings.profile,
        "seed": str(settings.seed),
        "bootstrap draws": f"{settings.draws:,}",
        "git commit": origin.git or "",
        "versions": ", ".join(f"{k} {v or 'not installed'}" for k, v in origin.versions.items()),
        "time": ", ".join(f"{stage} {t:.1f} s" for stage, t in origin.timing.items()),
        "finished": origin.created,
    }
    everything = fold(
        _line(result),
        _facts({name: text or "not recorded" for name, text in facts.items()}),
        _json_block("Resolved configuration", origin.config),
        _json_block("What the artefact records", origin.fitted) if origin.fitted else "",
    )
    return section("Provenance", "origin", everything)


def _line(result: Result) -> str:
    """Return what identifies a run in one line: detector, weights, artefact, data, version, day."""
    origin = result.provenance
    known = {
        "weights": "" if origin.backbone is None else origin.backbone.weights_sha256,
        "artefact": origin.artefact_sha256,
        "data": origin.data_fingerprint,
    }
    version = origin.versions.get("lesb-plugin")
    facts = [
        result.settings.detector + (f" on {origin.backbone.name}" if origin.backbone else ""),
        *(f"{name} {text[:_SHORT]}" for name, text in known.items() if text),
        *([f"bench {version}"] if version else []),
        *([origin.created[:10]] if origin.created else []),
    ]
    return ", ".join(facts)


def _backbone_facts(backbone: BackboneRecord | None) -> dict[str, str]:
    if backbone is None:
        return {"backbone": "none"}
    trained = ", ".join(f"{each.dataset} ({each.task})" for each in backbone.trained_on)
    return {
        "backbone": backbone.name,
        "weights": backbone.weights,
        "weights sha256": backbone.weights_sha256,
        "trained on": trained,
        "parameters": "" if backbone.parameters is None else f"{backbone.parameters:,}",
    }


def _crop_text(crop: CropPolicy | None) -> str:
    return f"{crop.name}, {crop.size} px, margin {crop.margin:.1%}" if crop else ""


def _facts(facts: Mapping[str, str]) -> Markup:
    return tag("dl", *(joined(tag("dt", key), tag("dd", value)) for key, value in facts.items()))


def fold(title: str, *children: str) -> Markup:
    """Return a section that the reader can open."""
    return tag("details", tag("summary", title), *children)


def _json_block(title: str, values: Mapping[str, Any]) -> Markup:
    text = json.dumps(values, indent=2, ensure_ascii=False)
    block = tag("pre", text, tabindex=0, role="region", aria_label=title)  # it scrolls
    return fold(title, block)


def section(title: str, anchor: str, *children: str) -> Markup:
    """Return a part of the page under a heading."""
    return tag("section", tag("h2", title), *children, id=anchor)
