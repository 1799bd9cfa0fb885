"""A fitted LFD, and its file: safetensors with JSON metadata."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.lfd.regions import RegionSet, load_regions
from registry import Backbone, ConfigError, DataError, Embedder, reading, replacing

__all__ = [
    "SCHEMA",
    "Lfd",
    "check_fitted_on",
    "check_matches",
    "check_precision",
    "describe_backbone",
    "load",
    "save",
]

_WHOLE = {"frame", "frame_cubic"}  # crop policies that take a frame as the crop that it is

FORMAT = "lesb-plugin artefact"  # the one key of the header: several come in random order
SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Lfd:
    """Local subspaces of one backbone's embedding space, K parts of rank r.

    `bases[part]` is (d, r) float32, `eigenvalues[part]` all d of them in descending order, `mean`
    (d,) the mean embedding c of unchanged faces. `provenance` says what it was fitted on and with,
    and under `subspaces` how the bases were made; without that key as in Eq. 5.
    """

    regions: RegionSet
    bases: Mapping[str, NDArray[np.float32]]
    eigenvalues: Mapping[str, NDArray[np.float64]]
    mean: NDArray[np.float32]
    diagnostics: Mapping[str, Any]
    provenance: Mapping[str, Any]

    @property
    def parts(self) -> tuple[str, ...]:
        return self.regions.names

    @property
    def rank(self) -> int:
        return int(self.bases[self.parts[0]].shape[1])

    def project(self, embeddings: NDArray[np.floating[Any]]) -> dict[str, NDArray[np.float32]]:
        """Eq. 6, 7 by part: V_k^T (e - c), (B, d) -> (B, r) each."""
        centred = embeddings - self.mean  # (B, d)
        return {part: (centred @ self.bases[part]).astype(np.float32) for part in self.parts}

    def to_tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by their names in the file."""
        tensors: dict[str, NDArray[Any]] = {"lfd.mean": self.mean}
        for part in self.parts:
            tensors[f"lfd.{part}.basis"] = self.bases[part]
            tensors[f"lfd.{part}.eigenvalues"] = self.eigenvalues[part]
        return tensors

    def to_metadata(self) -> dict[str, Any]:
        """Return everything else, as JSON has it, under the key `lfd`.

        Times are left out, so that equal fits give equal files.
        """
        diagnostics = {name: value for name, value in self.diagnostics.items() if name != "seconds"}
        return {
            "lfd": {
                "regions": self.regions.to_mapping(),
                "diagnostics": diagnostics,
                "provenance": dict(self.provenance),
            }
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> Lfd:
        """Return the inverse of `to_tensors` and `to_metadata`; DataError for what is missing."""
        with reading("the LFD of the artefact", "fit it again"):
            record = metadata["lfd"]
            regions = load_regions(record["regions"])
            return cls(
                regions=regions,
                bases={part: tensors[f"lfd.{part}.basis"] for part in regions.names},
                eigenvalues={part: tensors[f"lfd.{part}.eigenvalues"] for part in regions.names},
                mean=tensors["lfd.mean"],
                diagnostics=record["diagnostics"],
                provenance=record["provenance"],
            )


# --- the file --------------------------------------------------------------------------------


def save(path: Path, tensors: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> Path:
    """Write tensors and metadata to one file, whole or not at all; returns `path`."""
    from safetensors.numpy import save as to_bytes

    content = to_bytes(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
        metadata={FORMAT: json.dumps({"schema": SCHEMA, "metadata": metadata})},
    )
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return path


def load(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Load tensors and metadata of an artefact; a DataError if it is missing, truncated or
    foreign.
    """
    from safetensors import safe_open

    if not path.is_file():
        raise DataError(f"no artefact at {path}; make one with `bench fit`")
    damaged = "it is damaged or cut short: copy it again, or fit it again"
    with reading(f"the artefact {path}", damaged), safe_open(path, framework="numpy") as file:
        header = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if FORMAT not in header:
        raise DataError(
            f"{path} is a safetensors file but not an artefact of `bench fit`; pass"
            " weights with --weights"
        )
    with reading(f"the record in {path}", "fit it again"):
        record = json.loads(header[FORMAT])
        schema, metadata = record["schema"], dict(record["metadata"])
    if schema != SCHEMA:
        raise DataError(
            f"{path} has artefact schema {schema}, and this version reads {SCHEMA}: fit it"
            " again, or install the version that wrote it"
        )
    return tensors, metadata


def describe_backbone(backbone: Backbone) -> dict[str, Any]:
    """Return what an artefact records of its backbone."""
    return {
        "name": backbone.name,
        "weights": backbone.weights,
        "weights_sha256": backbone.weights_sha256,
        "dim": backbone.dim,
        "crop": dataclasses.asdict(backbone.crop),
    }


def check_matches(metadata: Mapping[str, Any], backbone: Backbone) -> None:
    """Raise a DataError, naming both sides, unless the LFD was fitted on this backbone."""
    check_fitted_on(metadata["lfd"]["provenance"]["backbone"], backbone)


def check_fitted_on(fitted: Mapping[str, Any], backbone: Backbone) -> None:
    """Raise a DataError, naming both sides, unless `fitted` is what `describe_backbone` returns
    here.

    Frames that are taken whole are crops from elsewhere; the caller vouches for them.
    """
    given = describe_backbone(backbone)
    whole = given["crop"]["name"] in _WHOLE and given["crop"]["size"] == fitted["crop"]["size"]
    for field in ("name", "weights_sha256", *(() if whole else ("crop",)), "dim"):
        if fitted[field] != given[field]:
            raise DataError(
                f"the artefact belongs to {_title(fitted)}, not to {_title(given)} "
                f"({field}: {fitted[field]} against {given[field]}); pass the backbone and weights "
                "it was fitted on, or fit again with `bench fit`"
            )


def check_precision(artefact: Path, fitted: str, embedder: Embedder) -> None:
    """Raise a ConfigError unless embeddings have the precision that the artefact was fitted with.

    bfloat16 changes an embedding by a few per cent, as much as the differences that the
    subspaces detect. Backends of one precision agree to a millionth, and may use each other's
    artefacts.
    """
    if fitted != embedder.precision:
        flags = {"bfloat16": "--backend bf16", "float16": "--backend fp16"}.get(
            fitted, "--backend torch and --precision float32"
        )
        raise ConfigError(
            f"{artefact} was fitted at precision {fitted}, not {embedder.precision};"
            f" pass {flags}, or fit again"
        )


def _title(description: Mapping[str, Any]) -> str:
    return f"backbone {description['name']!r} with weights {description['weights_sha256'][:12]}"
