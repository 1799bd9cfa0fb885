"""Fixtures of the guest's tests."""

from __future__ import annotations

import pytest
import torch

from lesb_plugin.lfd.artefact import Lfd
from lesb_plugin.lfd.augment import Psi
from lesb_plugin.lfd.fit import fit_lfd
from lesb_plugin.lfd.presets import psi_preset, region_preset
from lesb_plugin.lfd.regions import RegionSet
from registry import Embedder
from tests.shared.planted import PlantedBackbone, planted_samples


@pytest.fixture(scope="session", autouse=True)
def _few_threads() -> None:
    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def regions() -> RegionSet:
    return region_preset("eyes_nose_mouth")


@pytest.fixture(scope="session")
def psi() -> Psi:
    return psi_preset("paper")


@pytest.fixture
def planted_backbone() -> PlantedBackbone:
    return PlantedBackbone()


@pytest.fixture
def planted_embedder(planted_backbone: PlantedBackbone) -> Embedder:
    return Embedder(planted_backbone, batch_size=64)


@pytest.fixture(scope="session")
def planted_lfd(regions: RegionSet, psi: Psi) -> Lfd:
    """LFD of rank 16 on 24 drawn faces; read only."""
    embedder = Embedder(PlantedBackbone(), batch_size=64)
    return fit_lfd(
        embedder, planted_samples(24), regions, psi, rank=16, quiet=True, data_fingerprint="drawn"
    )
