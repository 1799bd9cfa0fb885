"""List everything that a run lacks, data sets included, before torch is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from registry.errors import BenchError, ConfigError, DataError
from registry.plugins.chosen import Chosen
from registry.plugins.discovery import Plugins
from registry.plugins.needs import Absent, check_needs, named_data
from registry.plugins.specs import DatasetSpec
from registry.settings.shared import LearningSettings, ModelSettings
from registry.urls import refuse_url

__all__ = ["absent_data", "check_run"]

_LEARNT_FROM = {"--fit-on": "train", "--train": "train", "--val": "val"}  # which split, by flag


def check_run(chosen: Chosen, config: ModelSettings, plugins: Plugins) -> None:
    """Check weights, artefacts and data; see `check_needs`."""
    check_needs(chosen, config, lambda: absent_data(config, plugins))


def absent_data(config: ModelSettings, plugins: Plugins) -> Iterator[Absent]:
    """Find data sets that are certainly missing; nothing is read, listed or downloaded."""
    for flag, name in named_data(config):
        try:
            fault = _fault(flag, name, config, plugins)
        except BenchError as error:
            fault = error
        if fault is not None:
            yield Absent(error=fault, flag=flag, name=name, needs_root=name in _sets(plugins))
    if isinstance(config, LearningSettings) and not config.train:
        without = "no faces to fit on; pass --train DIR (a manifest or folder with real faces)"
        yield Absent(error=ConfigError(without), flag="--train")


def _sets(plugins: Plugins) -> dict[str, DatasetSpec]:
    found: dict[str, DatasetSpec] = plugins.specs("dataset")
    return found


def _fault(flag: str, name: str, config: ModelSettings, plugins: Plugins) -> BenchError | None:
    """Say why a data set is missing; None if it may exist."""
    from registry.data.index import resolve_data  # loads numpy and OpenCV: only where it is asked

    split = _LEARNT_FROM[flag] if flag in _LEARNT_FROM else str(getattr(config, "split", "test"))
    spec, request = resolve_data(name, split, plugins)
    root = getattr(config, "data_root", None)
    if request.root is not None or not spec.needs:
        return None
    if root is not None:
        refuse_url(root, dataset=True)
        gone = not Path(root).expanduser().exists()
        return DataError(f"no folder {root}; check --data-root DIR") if gone else None
    if name in _sets(plugins):
        return ConfigError(f"data set {name!r} needs --data-root DIR: {spec.needs}")
    if request.name.startswith(("/", ".", "~")):
        return DataError(f"no such file or folder: {request.name}")
    return None  # a name that its reader may find or download
