"""The kinds of things that can be registered, and the contract of a record of each kind."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from registry.errors import PluginError
from registry.plugins.specs import (
    ArtefactSpec,
    BackboneSpec,
    CommandSpec,
    DatasetSpec,
    DetectorSpec,
    ExplainerSpec,
    FaceDetectorSpec,
    LandmarkerSpec,
    Lazy,
    MetricSpec,
    ReporterSpec,
    Spec,
    WrapperSpec,
)

__all__ = ["KINDS", "brief", "kind_of", "stamp"]

# Everything that can be registered: the hook of a kind is `bench_<kind>s`.
KINDS: Mapping[str, type[Spec]] = {
    "backbone": BackboneSpec,
    "wrapper": WrapperSpec,
    "detector": DetectorSpec,
    "artefact": ArtefactSpec,
    "dataset": DatasetSpec,
    "face_detector": FaceDetectorSpec,
    "landmarker": LandmarkerSpec,
    "explainer": ExplainerSpec,
    "metric": MetricSpec,
    "reporter": ReporterSpec,
    "command": CommandSpec,
}
_NAME = re.compile(r"[A-Za-z0-9][\w.\-]*(/(\*|[\w.\-]+))?")


def stamp(record: Any, kind: str, dist: str) -> Spec:
    """Return the record with its package as `source`; a PluginError if it breaks the contract."""
    wanted = KINDS[kind]
    if not isinstance(record, wanted):
        raise PluginError(f"bench_{kind}s must return {wanted.__name__}s, got {brief(record)}")
    if not isinstance(record.name, str) or not _NAME.fullmatch(record.name):
        raise PluginError(
            f"{kind} name {record.name!r} must consist of letters, digits, '_', '-' and"
            " '.', or of two such names joined by '/', the second of which may be '*'"
        )
    if not isinstance(record.summary, str) or not record.summary or "\n" in record.summary:
        raise PluginError(f"{kind} {record.name!r} needs a one-line summary")
    for each in dataclasses.fields(record):
        _check_field(record, kind, each)
    return dataclasses.replace(record, source=dist)


def _check_field(record: Spec, kind: str, each: dataclasses.Field[Any]) -> None:
    """Check a field: factories must be callable, so an address not wrapped in `lazy` is found
    here.
    """
    value, annotation = getattr(record, each.name), str(each.type)
    if value is None and "None" in annotation:
        return
    if "Callable" in annotation and not callable(value):
        wanted = 'a function or lazy("package.module:name")'
    elif annotation.startswith("Lazy") and not isinstance(value, Lazy):
        wanted = 'lazy("package.module:name")'
    else:
        return
    raise PluginError(f"{each.name} of {kind} {record.name!r} must be {wanted}, got {value!r}")


def kind_of(record: Spec) -> str:
    """Return the kind of a record: `detector` for a DetectorSpec."""
    for kind, wanted in KINDS.items():
        if isinstance(record, wanted):
            return kind
    raise PluginError(f"{brief(record)} is not a record that can be registered")


def brief(value: Any) -> str:
    """Show a value in an error: its type and the start of its repr."""
    return f"{type(value).__name__} {value!r:.60}"
