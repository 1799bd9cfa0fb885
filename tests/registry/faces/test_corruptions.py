"""Doses of damage: what they do to pixels and boxes, and that they are the same every time."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from registry.cli import main
from registry.contracts.types import Face, Frame
from registry.errors import ConfigError, UnknownNameError
from registry.faces.corruptions import CORRUPTIONS, Condition, conditions, the_condition
from registry.plugins.discovery import load_plugins
from tests.shared.readers import reader_of

Image = NDArray[np.uint8]
FRAME = Frame(path=Path("videos/one/000.png"))
PIXELS = [name for name, kind in CORRUPTIONS.items() if kind.image is not None]
ROOT = Path(__file__).parents[3]
UNITS = {  # as tables print them, and words of the page that say the same
    "quality": "quality of one JPEG pass",
    "1 /": "divided by this",
    "sigma (px)": "in pixels",
    "sigma (levels)": "in levels of 255",
    "of the box": "by this share",
    "CRF": "CRF of x26",
    "exponent": "exponent",
}
BOX = (20.0, 30.0, 80.0, 110.0)


@pytest.fixture(scope="module")
def image() -> Image:
    rng = np.random.default_rng(1)
    smooth = cv2.GaussianBlur(rng.integers(0, 256, (150, 131, 3)).astype(np.float32), (0, 0), 2)
    return np.clip((smooth - 128) * 5 + 128, 0, 255).astype(np.uint8)


def _step(name: str, severity: int) -> Condition:
    return Condition(((name, severity),))


def _peak_signal(image: Image, other: Image) -> float:
    return float(cv2.PSNR(image, other))


@pytest.mark.parametrize("name", PIXELS)
def test_a_higher_severity_changes_pixels_more(image: Image, name: str) -> None:
    before = image.copy()
    found = [_step(name, severity).of_image(image, FRAME, 0) for severity in range(1, 6)]
    ratios = [_peak_signal(image, each) for each in found]
    assert all(low > high for low, high in pairwise(ratios)), ratios
    assert {each.shape for each in found} == {image.shape}
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_what_is_random_depends_on_the_frame_and_the_seed_alone(image: Image, name: str) -> None:
    moved = Frame(path=Path("/elsewhere/one/000.png"))
    step, face = _step(name, 3), Face(box=BOX)
    np.testing.assert_array_equal(step.of_image(image, FRAME, 0), step.of_image(image, moved, 0))
    assert step.of_face(face, FRAME, 0) == step.of_face(face, moved, 0)
    if name in {"noise", "crop_shift"}:
        other = Frame(path=Path("videos/one/001.png"))
        same = (step.of_image(image, FRAME, 0) == step.of_image(image, other, 0)).all()
        assert not same or step.of_face(face, FRAME, 0) != step.of_face(face, other, 0)
        same = (step.of_image(image, FRAME, 0) == step.of_image(image, FRAME, 1)).all()
        assert not same or step.of_face(face, FRAME, 0) != step.of_face(face, FRAME, 1)


def test_doses_are_what_they_say(image: Image) -> None:
    noisy = _step("noise", 4).of_image(np.full((200, 200, 3), 128, np.uint8), FRAME, 0)
    assert noisy.std() == pytest.approx(12, rel=0.02)
    x0, y0, x1, y1 = _step("crop_shift", 3).of_face(Face(box=BOX), FRAME, 0).box
    moved = np.hypot((x0 - BOX[0]) / 60, (y0 - BOX[1]) / 80)
    assert moved == pytest.approx(0.08)
    assert (x1 - x0, y1 - y0) == pytest.approx((60, 80))
    x0, y0, x1, y1 = _step("crop_scale", 5).of_face(Face(box=BOX), FRAME, 0).box
    assert (x1 - x0) / 60 == pytest.approx((y1 - y0) / 80)
    assert min(abs((x1 - x0) / 60 - size) for size in (1.3, 1 / 1.3)) < 1e-6
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((50, 70))
    lighter = np.mean(_step("gamma", 3).of_image(np.full((9, 9, 3), 128, np.uint8), FRAME, 0))
    expected = [255 * (128 / 255) ** power for power in (1.7, 1 / 1.7)]
    assert min(abs(lighter - each) for each in expected) < 0.6


def test_the_page_on_damage_has_the_doses_of_every_kind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (ROOT / "docs" / "corruptions.md").read_text("utf-8")
    found = {
        name: (words, [float(dose) for dose in doses.split("|")])
        for name, words, doses in re.findall(r"^\| `(\w+)` \| (.+?) \| ([\d.| ]+) \|$", page, re.M)
    }
    assert {name: doses for name, (_, doses) in found.items()} == {
        name: list(kind.doses) for name, kind in CORRUPTIONS.items()
    }
    for name, kind in CORRUPTIONS.items():
        assert UNITS[kind.unit] in found[name][0]
    for command in ("eval", "audit"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
        assert "docs/corruptions.md" in capsys.readouterr().out


def test_names_stand_for_five_severities_and_steps_follow_each_other(image: Image) -> None:
    found = conditions(["blur", "jpeg:4,resize:2+jpeg:4", "jpeg:4"])
    assert [each.name for each in found] == [
        "blur:1", "blur:2", "blur:3", "blur:4", "blur:5", "jpeg:4", "resize:2+jpeg:4",
    ]  # fmt: skip
    both = found[-1].of_image(image, FRAME, 0)
    one_by_one = _step("jpeg", 4).of_image(_step("resize", 2).of_image(image, FRAME, 0), FRAME, 0)
    np.testing.assert_array_equal(both, one_by_one)
    assert found[-1].dose == "1 / 2, quality 30"


@pytest.mark.parametrize("text", ["jpeg:6", "jpeg:", "jpeg+blur:2", "jpeg:0", ":3"])
def test_what_is_no_condition_is_told(text: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError)) as caught:
        conditions([text])
    assert "severity" in str(caught.value) or "corruption" in str(caught.value)


def test_an_unknown_corruption_is_told_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'gamma'"):
        conditions(["gama:2"])


def test_one_run_has_one_condition() -> None:
    assert the_condition([]) is None
    assert the_condition(["jpeg:2"]) == _step("jpeg", 2)
    with pytest.raises(ConfigError, match="one run has one condition, not 5"):
        the_condition(["jpeg"])


def test_a_reader_damages_what_it_reads_and_says_so_in_its_fingerprint(
    tmp_path: Path, image: Image
) -> None:
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), image[..., ::-1])
    frame, plugins = Frame(path=path), load_plugins()
    plain = reader_of(plugins=plugins, crop_from="frame")
    blurred = reader_of(plugins=plugins, crop_from="frame", condition=_step("blur", 3))
    seen = blurred.read(frame)[0]
    np.testing.assert_array_equal(plain.read(frame)[0], image)
    np.testing.assert_array_equal(seen, cv2.GaussianBlur(image, (0, 0), 1.5))
    shifted = reader_of(plugins=plugins, crop_from="frame", condition=_step("crop_shift", 2))
    assert shifted.read(frame)[1][0].box != plain.read(frame)[1][0].box
    assert len({plain.fingerprint, blurred.fingerprint, shifted.fingerprint}) == 3
