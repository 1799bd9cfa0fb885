"""Rows of predictions for tests: drawn scores with real structure, and rows written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from registry.builtin import metrics
from registry.contracts.training import Training
from registry.contracts.types import CropPolicy
from registry.plugins.specs import MetricSpec
from registry.results.predictions import PREDICTIONS, Settings, predictions_table, write_predictions
from registry.results.provenance import BackboneRecord, Provenance
from registry.results.result import Result

NAMES = ("auc", "ap", "eer", "accuracy", "false_alarms", "tpr_at_fpr_1", "tpr_at_fpr_5")
METRICS: Mapping[str, MetricSpec] = {
    name: MetricSpec(
        name=name,
        summary="one of the metrics",
        compute=getattr(metrics, name),
        weighted=getattr(metrics, f"{name}_weighted"),
        higher_is_better=name not in {"eer", "false_alarms"},
    )
    for name in NAMES
}
PARTS = ("eyes", "nose", "mouth")
Row = dict[str, Any]


def settings(**changes: Any) -> Settings:
    given: dict[str, Any] = {
        "detector": "lesb",
        "metrics": NAMES,
        "draws": 60,
        "vote_variants": frozenset({"vote"}),
    }
    return Settings(**{**given, **changes})


def row(**changes: Any) -> Row:
    """A face of a real video that was scored, with whatever is changed."""
    given: Row = {
        "dataset": "faces",
        "video": "v",
        "frame": 0,
        "face": 0,
        "identity": None,
        "label": 0,
        "method": "",
        "region": None,
        "split": "test",
        "path": "v/000.png",
        "x0": 1,
        "y0": 2,
        "x1": 101,
        "y1": 102,
        "status": "ok",
        "fake": 0.5,
    }
    return {**given, **changes}


def failed(reason: str, **changes: Any) -> Row:
    """A frame without a score; name the score columns that other rows have as None."""
    return row(status=reason, x0=0, y0=0, x1=0, y1=0, **{"fake": None, **changes})


def table(rows: Sequence[Row]) -> pa.Table:
    return predictions_table({name: [each[name] for each in rows] for name in rows[0]})


def drawn_rows(
    dataset: str = "drawn",
    people: int = 8,
    frames: int = 3,
    methods: Sequence[str] = ("swap", "warp"),
    seed: int = 0,
) -> list[Row]:
    """Videos of every person, real and of each method; some faces and frames more, some failed."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        for method in ("", *methods):
            for frame in range(frames if method != "warp" else 1):
                faces = 1 + int(rng.random() < 0.3)
                place = {
                    "dataset": dataset,
                    "video": f"{person}{method}",
                    "frame": 10 * frame,
                    "identity": f"p{person}" if person % 3 else None,
                    "label": int(bool(method)),
                    "method": method,
                }
                if rng.random() < 0.1:
                    blank = dict.fromkeys(("fake_head", "fake_vote", *(f"p_{p}" for p in PARTS)))
                    rows.append(failed("no face found", **place, **blank))
                    continue
                rows += [row(**place, face=face, **_scores(rng, method)) for face in range(faces)]
    return rows


def _scores(rng: np.random.Generator, method: str) -> dict[str, float]:
    """Whole 64ths: they tie often, and sums of them are exact in whatever order they are taken."""
    parts = 1 / (1 + np.exp(-rng.normal(0.8 * bool(method) - 0.4, 1.2, 3)))
    values = np.array([parts.mean(), rng.random(), *parts]) * 64
    names = ("fake", "fake_head", *(f"p_{part}" for part in PARTS))
    scores = dict(zip(names, (values.round() / 64).tolist(), strict=True))
    return {**scores, "fake_vote": float((parts > 0.5).sum() >= 2)}


def provenance(**changes: Any) -> Provenance:
    backbone = BackboneRecord(
        name="some_net",
        weights="some.safetensors",
        weights_sha256="ab" * 32,
        crop=CropPolicy(size=256, margin=0.1),
        trained_on=(Training(dataset="FaceForensics++", task="forgery"),),
    )
    given: dict[str, Any] = {
        "config": {"detector": "lesb", "dataset": ("drawn",), "options": {"fusion": "mean"}},
        "backbone": backbone,
        "artefact": "runs/lesb/lesb.safetensors",
        "artefact_sha256": "cd" * 32,
        "data_fingerprint": "ef" * 32,
        "domains": {"drawn": "cross-dataset"},
        "timing": {"score": 1 / 3, "measure": 0.1},
        "fitted": {"lesb": {"seed": 0, "loss": float("nan")}},
    }
    return Provenance.here_and_now(**{**given, **changes})


def run_folder(
    folder: Path, rows: Sequence[Row] | None = None, notes: tuple[str, ...] = (), **changes: Any
) -> Result:
    """A run folder with predictions.parquet and results.json; `changes` are to the settings."""
    made = table(drawn_rows() if rows is None else rows)
    chosen = settings(**changes)
    write_predictions(folder / PREDICTIONS, made, chosen)
    result = Result.of(made, chosen, METRICS, provenance(), notes)
    result.save(folder)
    return result


def manifest(folder: Path, people: int = 4) -> Path:
    """A manifest of one real and one fake image of noise per person, with landmarks."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points = 32 + 14 * np.stack([np.cos(angles), np.sin(angles)], axis=1)  # (68, 2)
    np.save(folder / "landmarks.npy", points.astype(np.float32))
    lines = ["path,label,landmarks"]
    for kind, label in (("real", 0), ("fake", 1)):
        for person in range(people):
            image = folder / kind / str(person) / "0.png"
            image.parent.mkdir(parents=True)
            cv2.imwrite(str(image), rng.integers(0, 255, (64, 64, 3)).astype(np.uint8))
            lines.append(f"{kind}/{person}/0.png,{label},landmarks.npy")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder
