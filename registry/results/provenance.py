"""The origin of a run's numbers: weights, crops, data, configuration, versions, time."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from registry.contracts.backbone import Backbone
from registry.contracts.training import Training
from registry.contracts.types import CropPolicy
from registry.settings.coerce import build

__all__ = ["BackboneRecord", "Provenance", "git_hash", "package_versions", "versions"]

_PACKAGES = {
    "lesb-plugin": ("lesb-plugin",),
    "numpy": ("numpy",),
    "opencv": ("opencv-python-headless", "opencv-python"),
    "timm": ("timm",),
    "torch": ("torch",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneRecord:
    """What a result records of a backbone; `parameters` is their number, None if unknown."""

    name: str
    weights: str
    weights_sha256: str
    crop: CropPolicy
    trained_on: tuple[Training, ...] = ()
    parameters: int | None = None

    @classmethod
    def of(cls, backbone: Backbone) -> BackboneRecord:
        return cls(
            name=backbone.name,
            weights=backbone.weights,
            weights_sha256=backbone.weights_sha256,
            crop=backbone.crop,
            trained_on=tuple(backbone.trained_on),
            parameters=_parameter_count(backbone),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Everything that a result records besides its numbers; unknown values are empty.

    `backbone` is None for a detector without one, then `crop` alone says how faces were cut.
    `config` and `fitted` (what the detector's artefact records) are plain JSON values; `domains`
    says of each data set whether it is "in-domain", "cross-dataset" or "unknown"; `resolved` says
    by data set and label how many files of its index were there, and of how many; `timing` is
    in seconds by stage; `git` is the commit of the checkout the package ran from, if it did.
    `frames_scored` are the frames that the stage "score" was spent on, fewer than all where
    finished work was taken over; `checkpoint_selection` says on what data the weights were chosen
    among checkpoints ("val", "last", "test" or "unknown"), as the run was told. `audit` holds
    `words` on how well part scores say where a face was changed, and the `summary` that they come
    from or None; it is empty where there are no part scores. `predictions_sha256` is of the file
    that the evaluation wrote, and stays when its numbers are computed again. `plugins` are the
    packages whose plugins were loaded, used or not, with their versions.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    backbone: BackboneRecord | None = None
    crop: CropPolicy | None = None
    artefact: str = ""
    artefact_sha256: str = ""
    fitted: Mapping[str, Any] = field(default_factory=dict)
    data_fingerprint: str = ""
    domains: Mapping[str, str] = field(default_factory=dict)
    resolved: Mapping[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)
    timing: Mapping[str, float] = field(default_factory=dict)
    versions: Mapping[str, str | None] = field(default_factory=dict)
    git: str | None = None
    created: str = ""
    frames_scored: int | None = None
    checkpoint_selection: str = "unknown"
    audit: Mapping[str, Any] = field(default_factory=dict)
    predictions_sha256: str = ""
    plugins: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def here_and_now(cls, *, packages: Iterable[str] = (), **known: Any) -> Provenance:
        """Return a Provenance of the given fields, with versions, commit and time of this process.

        `config` and `fitted` are made plain: each may be a dataclass, or hold paths, sets, tuples.
        `packages` are further distributions to name, such as those of the plugins in use.
        """
        for name in ("config", "fitted"):
            text = json.dumps(known.get(name, {}), default=_plain)
            known[name] = json.loads(text, parse_constant=str)  # NaN has no number in JSON
        return cls(
            versions=versions(packages),
            git=git_hash(),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            **known,
        )

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Provenance:
        """Invert `to_json`; a ConfigError says what is wrong with a value."""
        return build(cls, values)


def versions(packages: Iterable[str] = ()) -> dict[str, str | None]:
    """Return versions of Python and of what decides numbers, from metadata; None: not installed."""
    wanted = {**_PACKAGES, **{name: (name,) for name in packages}}
    found = {name: _version(candidates) for name, candidates in sorted(wanted.items())}
    return {"python": platform.python_version(), **found}


def package_versions(packages: Iterable[str]) -> dict[str, str | None]:
    """Return versions of distributions by their names, in their order; None: not installed."""
    return {name: _version((name,)) for name in packages}


def git_hash() -> str | None:
    """Return the commit of the checkout that this package lies in, `-dirty` if changed; else
    None.
    """
    root = Path(__file__).resolve().parents[2]
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    command = [
        git,
        "-C",
        str(root),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]
    try:
        done = subprocess.run(  # noqa: S603 - every argument is ours
            command, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _parameter_count(backbone: Backbone) -> int | None:
    """Count the parameters of a backbone that is a torch module."""
    parameters = getattr(backbone, "parameters", None)
    return sum(each.numel() for each in parameters()) if callable(parameters) else None


def _version(candidates: tuple[str, ...]) -> str | None:
    for name in candidates:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _plain(value: Any) -> Any:
    """Convert what JSON cannot hold to plain data."""
    if is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{value!r} cannot be written to a configuration")
