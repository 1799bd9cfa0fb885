"""The formulas of class activation maps, against grad-cam on the same activations and gradients."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lesb_plugin.explainers.cam import METHODS, closed_form, eigencam, gradcam_plus_plus, xgradcam

REFERENCES = {
    "gradcam": "GradCAM",
    "hirescam": "HiResCAM",
    "elementwise": "GradCAMElementWise",
    "layercam": "LayerCAM",
    "xgradcam": "XGradCAM",
}


def draw(*, scale: float = 1.0, pooled: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """SiLU activations (2, 6, 5, 4) and gradients, as behind a mean over positions if `pooled`."""
    rng = torch.Generator().manual_seed(1)
    activation = nn.functional.silu(torch.randn(2, 6, 5, 4, generator=rng) + 0.5)
    gradient = torch.randn(2, 6, 5, 4, generator=rng) * scale
    if pooled:
        gradient = gradient[:, :, :1, :1].expand_as(activation) / 20
    return activation, gradient


def theirs(name: str, activation: torch.Tensor, gradient: torch.Tensor) -> np.ndarray:
    """The map of grad-cam before it cuts off at 0 and normalises."""
    package: Any = importlib.import_module("pytorch_grad_cam")
    net = nn.Sequential(nn.Conv2d(3, 6, 1))
    cam = getattr(package, name)(model=net, target_layers=[net[0]])
    arrays = activation.numpy(), np.ascontiguousarray(gradient.numpy())
    found = cam.get_cam_image(torch.zeros(2, 3, 5, 4), net[0], [None] * 2, *arrays, False)
    return np.asarray(found)


def assert_close(found: torch.Tensor, wanted: np.ndarray, tolerance: float = 1e-4) -> None:
    assert np.abs(found.numpy() - wanted).max() <= tolerance * np.abs(wanted).max()


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("method", REFERENCES)
def test_a_method_is_that_of_grad_cam(method: str, pooled: bool) -> None:
    activation, gradient = draw(pooled=pooled)
    found = METHODS[method](activation, gradient)
    assert_close(found, theirs(REFERENCES[method], activation, gradient))


def test_gradcam_plus_plus_is_that_of_grad_cam_where_its_epsilon_does_not_matter() -> None:
    activation, gradient = draw(pooled=True, scale=100)
    found = gradcam_plus_plus(activation.abs(), gradient)
    assert_close(found, theirs("GradCAMPlusPlus", activation.abs(), gradient), 5e-3)


def test_gradcam_plus_plus_is_the_papers_formula_in_float64_at_any_scale() -> None:
    for scale in (1e-4, 1.0, 3.0):
        activation, gradient = draw(scale=scale)
        a, g = activation.abs().double(), gradient.double()
        total = a.sum((2, 3), keepdim=True)
        alpha = g**2 / (2 * g**2 + total * g**3)
        weights = (alpha * g.clamp(min=0)).sum((2, 3), keepdim=True)
        wanted = (weights * a).sum(1).numpy()
        assert_close(gradcam_plus_plus(a.float(), g.float()), wanted)


def test_gradcam_plus_plus_stays_finite_where_activations_sum_below_zero() -> None:
    activation = torch.full((1, 1, 2, 2), -0.25)  # sums to -1
    gradient = torch.full((1, 1, 2, 2), 2.0)  # 2 + (-1) 2 = 0
    found = gradcam_plus_plus(activation, gradient)
    assert torch.isfinite(found).all()
    assert (found < 0).all()


def test_behind_a_mean_gradcam_hirescam_and_xgradcam_are_the_weights_times_the_map() -> None:
    activation, gradient = draw(pooled=True)
    weight = gradient[:, :, 0, 0] * 20  # of the embedding
    wanted = torch.einsum("bc,bchw->bhw", weight, activation).numpy() / 20
    for method in ("gradcam", "hirescam", "xgradcam"):
        assert_close(closed_form(activation, weight, method), wanted)
    for method in METHODS:
        assert_close(
            closed_form(activation, weight, method), METHODS[method](activation, gradient).numpy()
        )


def test_eigencam_is_the_first_principal_component_and_rises_with_the_activation() -> None:
    from sklearn.decomposition import PCA

    activation, gradient = draw()
    found = eigencam(activation, gradient)
    for image, own in zip(activation, found, strict=True):
        rows = image.flatten(1).T.numpy()  # (h w, C)
        wanted = PCA(1, svd_solver="full").fit_transform(rows)[:, 0]
        assert np.abs(own.flatten().numpy()) == pytest.approx(np.abs(wanted), abs=1e-4)
        assert np.corrcoef(own.flatten().numpy(), rows.sum(1))[0, 1] > 0
        assert torch.equal(own, eigencam(image[None], gradient[:1])[0])


def test_xgradcam_stays_finite_for_a_channel_that_sums_to_zero() -> None:
    activation = torch.tensor([[[[1.0, -1.0]]]])
    assert torch.isfinite(xgradcam(activation, torch.ones_like(activation))).all()


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"eigencam"}))
def test_no_gradient_is_no_map(method: str) -> None:
    activation, gradient = draw()
    assert not METHODS[method](activation, torch.zeros_like(gradient)).any()
