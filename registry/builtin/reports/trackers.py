"""The reporters `mlflow` and `wandb`: a run's settings and numbers in an experiment tracker.

The tracker's own settings decide where they go: MLFLOW_TRACKING_URI, WANDB_MODE and so on.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from registry.errors import ConfigError
from registry.files import write_text
from registry.results.result import RESULTS, Result

__all__ = ["check_mlflow", "check_wandb", "write_mlflow", "write_wandb"]

_PROJECT = "lesb-plugin"
_LONGEST = 500  # characters of a parameter that MLflow takes
_ODD = re.compile(r"[^A-Za-z0-9_\-. /]")  # what MLflow takes in no name


def check_mlflow() -> None:
    """Raise a ConfigError if the package is not installed."""
    _check("mlflow", "mlflow-skinny")


def check_wandb() -> None:
    """Raise a ConfigError if the package is not installed."""
    _check("wandb", "wandb")


def write_mlflow(result: Result, folder: Path) -> Path:
    """Log a run to MLflow; mlflow.json in the run folder says which."""
    import mlflow

    with mlflow.start_run(run_name=folder.name) as run:
        mlflow.log_params({key: str(value)[:_LONGEST] for key, value in _settings(result).items()})
        mlflow.log_metrics(_numbers(result))
        mlflow.log_artifact(str(folder / RESULTS))
        info = run.info
    record = {"run_id": info.run_id, "experiment_id": info.experiment_id}
    return _tell(folder / "mlflow.json", {**record, "tracking_uri": mlflow.get_tracking_uri()})


def write_wandb(result: Result, folder: Path) -> Path:
    """Log a run to Weights & Biases; wandb.json in the run folder says which."""
    import wandb

    project = os.environ.get("WANDB_PROJECT", _PROJECT)
    with wandb.init(
        project=project, name=folder.name, dir=str(folder), config=_settings(result)
    ) as run:
        run.summary.update(_numbers(result))
        record = {"id": run.id, "project": project, "url": run.url}
    return _tell(folder / "wandb.json", record)


def _check(module: str, package: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise ConfigError(
            f"reporter {module!r} needs the package {package}: pip install '{_PROJECT}[{module}]'"
        )


def _settings(result: Result) -> dict[str, Any]:
    """Return the configuration, with the weights and the data."""
    origin = result.provenance
    backbone = origin.backbone
    return {
        **origin.config,
        "weights_sha256": "" if backbone is None else backbone.weights_sha256,
        "artefact_sha256": origin.artefact_sha256,
        "data_fingerprint": origin.data_fingerprint,
    }


def _numbers(result: Result) -> dict[str, float]:
    """Return every measurement as DATASET/METHOD/VARIANT/LEVEL/METRIC, with the ends of its
    interval.
    """
    numbers: dict[str, float] = {}
    for each in result.measurements:
        names = (each.dataset, each.method, each.variant, each.level, each.metric)
        name = "/".join(_ODD.sub("_", part.replace("/", "_")) for part in names)
        values = {"": each.value, " low": each.low, " high": each.high}
        numbers |= {name + end: value for end, value in values.items() if value is not None}
    return numbers


def _tell(path: Path, record: Mapping[str, Any]) -> Path:
    write_text(path, json.dumps(record, indent=1) + "\n")
    return path
