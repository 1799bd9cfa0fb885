"""The detector that scores where none is named: the network is loaded once, whoever scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from registry import (
    ArtefactSpec,
    BackboneSpec,
    Crop,
    DetectorContext,
    DetectorSpec,
    NotFittedError,
    Scores,
)
from registry.plugins.discovery import Plugins
from registry.settings.tasks import PredictConfig
from registry.tasks.default_detector import build_chosen
from tests.shared.drawn_files import drawn_plugins
from tests.shared.tiny import TinyBackbone

OTHER = "c" * 64  # the weights that artefacts are of; those of `tiny` are another


class Half:
    """Scores every crop 0.5."""

    def __init__(self, _context: DetectorContext) -> None:
        pass

    def score(self, crops: Sequence[Crop]) -> Scores:
        return Scores(fake=np.full(len(crops), 0.5))


def plugins(builds: list[str], *, plain: bool) -> Plugins:
    """Two detectors that are fitted for other weights, and perhaps one that needs no artefact."""

    def build(name: str, _weights: str | None, _seed: int) -> TinyBackbone:
        builds.append(name)
        return TinyBackbone()

    names = ["best", "next", *(["plain"] if plain else [])]
    detectors = [
        DetectorSpec(
            name=name, summary="s", build=Half, needs_artefact=name != "plain", precedence=3 - at
        )
        for at, name in enumerate(names)
    ]
    artefacts = [
        ArtefactSpec(
            name=f"{name}_tiny", summary="s", detector=name, backbone="tiny",
            weights_sha256=OTHER, path=lambda: Path("none"),
        )
        for name in ("best", "next")
    ]  # fmt: skip
    rest = [
        each for each in drawn_plugins().records
        if not isinstance(each, DetectorSpec) and each.name != "tiny"
    ]  # fmt: skip
    tiny = BackboneSpec(name="tiny", summary="s", build=build)
    return Plugins(records=(tiny, *detectors, *artefacts, *rest))


def config() -> PredictConfig:
    return PredictConfig(backbone="tiny", crop_from="detector", quiet=True)


def test_the_network_is_loaded_once_for_all_candidates() -> None:
    builds: list[str] = []
    named, model, note = build_chosen(plugins(builds, plain=True), config())
    assert named.detector == model.spec.name == "plain"
    assert note.startswith("best is not fitted for backbone 'tiny'")
    assert builds == ["tiny"]


def test_without_a_fitted_detector_it_is_loaded_once_too() -> None:
    builds: list[str] = []
    with pytest.raises(NotFittedError, match="detector 'best'"):
        build_chosen(plugins(builds, plain=False), config())
    assert builds == ["tiny"]
