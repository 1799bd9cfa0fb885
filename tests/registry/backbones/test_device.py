"""The warning that a CPU computes bfloat16 by a detour."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

import registry.backbones.device
from registry.backbones.build import build_embedder
from registry.backbones.device import emulates_bfloat16, warn_if_emulated
from registry.plugins.chosen import choose
from registry.plugins.discovery import load_plugins
from registry.settings.tasks import EvalConfig


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    warn_if_emulated.cache_clear()
    yield
    warn_if_emulated.cache_clear()


def test_torch_is_asked_which_kernels_it_would_take() -> None:
    assert emulates_bfloat16() is not torch.ops.mkldnn._is_mkldnn_bf16_supported()


@pytest.mark.parametrize(
    ("device", "precision", "slow", "lines"),
    [
        ("cpu", "bfloat16", True, 1),
        ("cpu", "bfloat16", False, 0),
        ("cpu", "float32", True, 0),
        ("cuda", "bfloat16", True, 0),
    ],
)
def test_one_line_is_said_where_it_matters(
    device: str,
    precision: str,
    slow: bool,
    lines: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(registry.backbones.device, "emulates_bfloat16", lambda: slow)
    for _ in range(2):
        warn_if_emulated(device, precision)
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", lines)
    assert lines == 0 or "--precision float32" in err


def test_it_is_said_before_a_backbone_is_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(registry.backbones.device, "emulates_bfloat16", lambda: True)
    config = EvalConfig(
        backbone="timm/test_efficientnet", weights="random", device="cpu", precision="bfloat16"
    )
    build_embedder(choose(load_plugins(), config), config)
    assert capsys.readouterr().err.startswith("warning: ")
