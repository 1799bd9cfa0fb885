"""The autoencoder: where its boxes lie, that it learns, and that nothing outside is drawn anew."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from lesb_plugin.pseudo_fakes.autoencoder import (
    SIDE,
    Autoencoder,
    box_matrix,
    cut_box,
    load_autoencoder,
    redraw,
)
from lesb_plugin.train.autoencoder_options import AutoencoderConfig
from lesb_plugin.train.autoencoder_run import redrawing_loss, train_autoencoder
from registry import ConfigError, resolve
from registry.cli import main
from tests.shared.drawn_training import people

CENTRE = (SIDE - 1) / 2


@pytest.mark.parametrize(("name", "inside"), [("eyes", 36), ("mouth", 48), ("face", 30)])
def test_boxes_lie_level_around_what_they_are_named_after(name: str, inside: int) -> None:
    image, face = people(1)[0].load()
    assert face.landmarks is not None
    turn = cv2.getRotationMatrix2D((100, 110), 20, 1.0)
    turned = (face.landmarks @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    for landmarks in (face.landmarks, turned):
        matrix = box_matrix(landmarks, name)
        eyes = (landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0))
        left, right = (matrix[:, :2] @ eye + matrix[:, 2] for eye in eyes)
        assert left[1] == pytest.approx(right[1], abs=0.1)
        x, y = matrix[:, :2] @ landmarks[inside] + matrix[:, 2]
        assert 0 < x < SIDE
        assert 0 < y < SIDE
    assert cut_box(image, box_matrix(face.landmarks, name)).shape == (SIDE, SIDE, 3)


def test_a_box_that_jitters_stays_near() -> None:
    _, face = people(1)[0].load()
    assert face.landmarks is not None
    still = box_matrix(face.landmarks, "mouth")
    for seed in range(20):
        matrix = box_matrix(face.landmarks, "mouth", np.random.default_rng(seed))
        centre = cv2.invertAffineTransform(still) @ (CENTRE, CENTRE, 1.0)
        moved = matrix[:, :2] @ centre + matrix[:, 2]
        assert np.abs(moved - CENTRE).max() < 0.15 * SIDE
    with pytest.raises(ValueError, match="four pixels"):
        box_matrix(face.landmarks / 100, "mouth")


def test_nothing_outside_of_the_box_is_drawn_anew() -> None:
    class White(Autoencoder):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.ones_like(images)

    image, face = people(1)[0].load()
    assert face.landmarks is not None
    matrix = box_matrix(face.landmarks, "mouth")
    drawn = redraw(White(), image, matrix, cv2.INTER_LINEAR)
    corners = cv2.invertAffineTransform(matrix) @ np.array(
        [[-0.5, SIDE, SIDE, -0.5], [-0.5, -0.5, SIDE, SIDE], [1, 1, 1, 1]]
    )
    inside = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(inside, np.rint(corners.T).astype(np.int32), 1)
    outside = cv2.dilate(inside, np.ones((5, 5))) == 0
    np.testing.assert_array_equal(drawn[outside], image[outside])
    assert (drawn[cv2.erode(inside, np.ones((5, 5))) > 0] == 255).all()


def test_an_image_drawn_by_a_perfect_network_is_smoother_and_where_it_was() -> None:
    class Same(Autoencoder):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images

    image, face = people(1)[0].load()
    smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), 4), np.uint8)
    assert face.landmarks is not None
    drawn = redraw(Same(), smooth, box_matrix(face.landmarks, "face"), cv2.INTER_CUBIC)
    assert np.abs(drawn.astype(int) - smooth).max() <= 6


def test_the_loss_is_zero_for_the_same_image_and_counts_lost_edges() -> None:
    rng = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, 16, 16, generator=rng)
    assert float(redrawing_loss(images, images)) == 0
    flat = images.mean(dim=(2, 3), keepdim=True).expand_as(images)
    expected = (images - flat).abs().mean() + sum(
        images.diff(dim=axis).abs().mean() for axis in (2, 3)
    )
    assert float(redrawing_loss(flat, images)) == pytest.approx(float(expected))


def _faces(folder: Path) -> Path:
    """A manifest of drawn people, nine to learn from and three to measure on."""
    lines = ["path,label,identity,split,landmarks"]
    for person in people(12):
        image, face = person.load()
        cv2.imwrite(str(folder / f"{person.number}.png"), image[..., ::-1])
        np.save(folder / f"{person.number}.npy", face.landmarks)
        split = "train" if person.number < 9 else "val"
        lines.append(f"{person.number}.png,0,p{person.number},{split},{person.number}.npy")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.mark.slow
def test_it_learns_and_equal_runs_write_equal_bytes(tmp_path: Path) -> None:
    faces, found = str(_faces(tmp_path)), []
    for name in ("a", "b"):
        values = {
            "train": (faces,), "out": str(tmp_path / f"{name}.safetensors"), "epochs": 24,
            "workers": 0, "quiet": True, "batch": 4, "threads": 1, "learning_rate": 0.01,
        }  # fmt: skip
        found.append(train_autoencoder(resolve(AutoencoderConfig, None, (), values)))
    one, other = found
    assert one.val[-1] < 0.9 * one.val[0]
    assert one.sha256 == other.sha256
    network = load_autoencoder(str(one.path))
    assert network(torch.zeros(1, 3, SIDE, SIDE)).shape == (1, 3, SIDE, SIDE)


def test_a_file_that_holds_no_autoencoder_is_told(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"no weights")
    with pytest.raises(ConfigError, match="bench autoencoder --train"):
        load_autoencoder(str(path))
    with pytest.raises(ConfigError, match="cannot read the weights"):
        load_autoencoder(str(tmp_path / "missing.safetensors"))


def test_the_command_refuses_before_it_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["autoencoder", "--train", "toy", "--out", str(tmp_path / "weights.pt")]) == 2
    assert "FILE.safetensors" in capsys.readouterr().err
