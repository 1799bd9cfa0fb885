from __future__ import annotations

import os
import pickle
import subprocess
import sys

import cv2
import numpy as np
import pytest

from lesb_plugin.lfd.augment import MIN_CHANGE, Psi, blend, local_variant
from lesb_plugin.lfd.presets import psi_preset
from registry import ConfigError, UnknownNameError
from tests.shared.planted import PlantedSample

IMAGE = PlantedSample(0).load()[0][40:168, 20:148]  # uint8 (128, 128, 3)
SOME_THAT_DRAW_FROM_DIFFERENT_GENERATORS = [
    "AdditiveNoise", "CoarseDropout", "ElasticTransform", "GaussNoise", "GridDistortion",
    "ISONoise", "MotionBlur", "PixelDropout", "PlasmaShadow", "RandomFog", "RandomRain",
    "ShotNoise", "Spatter", "ThinPlateSpline",
]  # fmt: skip


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def one(name: str, **arguments: object) -> Psi:
    return Psi.from_config({"group": [{"name": name, "p": 1.0, **arguments}]})


def soft_mask(seed: int = 0) -> np.ndarray:
    """Multiples of 1/256, so that products with 8-bit levels are exact in float32."""
    mask = np.zeros((128, 128), np.float32)
    mask[30:70, 40:90] = rng(seed).integers(0, 257, (40, 50)) / 256
    return mask


# --- psi -------------------------------------------------------------------------------------


def test_a_sample_depends_on_its_own_seed_and_on_nothing_before(psi: Psi):
    first = [psi(IMAGE, rng(seed)) for seed in range(12)]
    again = [psi(IMAGE, rng(seed)) for seed in reversed(range(12))][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    distinct = {image.tobytes() for image in first}
    assert len(distinct) >= 11  # a draw may apply nothing at all


@pytest.mark.parametrize("name", SOME_THAT_DRAW_FROM_DIFFERENT_GENERATORS)
def test_no_transform_keeps_a_generator_of_its_own(name: str):
    psi, other = one(name), one(name)
    first = [psi(IMAGE, rng(seed)) for seed in range(3)]
    psi(IMAGE, rng(99))
    for seed in (2, 1, 0):
        assert np.array_equal(psi(IMAGE, rng(seed)), first[seed])
        assert np.array_equal(other(IMAGE, rng(seed)), first[seed])
    assert not np.array_equal(first[0], first[1])


def test_nested_compositions_are_seeded_too():
    config = {"group": [{"name": "SomeOf", "n": 2, "p": 1.0, "transforms": [
        {"name": "OneOf", "p": 1.0, "transforms": [
            {"name": "GaussNoise", "p": 0.5}, {"name": "RGBShift", "p": 0.5}]},
        {"name": "RandomGamma", "p": 0.5},
        {"name": "Sharpen", "p": 0.5},
    ]}]}  # fmt: skip
    psi, other = Psi.from_config(config), Psi.from_config(config)
    for seed in range(10):
        assert np.array_equal(psi(IMAGE, rng(seed)), other(IMAGE, rng(seed)))


def test_the_image_that_goes_in_stays_as_it_is(psi: Psi):
    before = IMAGE.copy()
    for seed in range(20):
        psi(IMAGE, rng(seed))
    assert np.array_equal(IMAGE, before)


def test_a_pickled_psi_is_the_same_psi(psi: Psi):
    copy = pickle.loads(pickle.dumps(psi))  # noqa: S301
    assert np.array_equal(copy(IMAGE, rng(4)), psi(IMAGE, rng(4)))


def test_the_geometry_is_zero_padding_shift_and_scale_and_centre_crop():
    affine = {
        "name": "Affine", "p": 1.0, "scale": {"x": [0.9, 1.1], "y": [0.9, 1.1]},
        "interpolation": 1, "border_mode": 0, "fill": 0,
    }  # fmt: skip
    shift = {"x": [-9, 9], "y": [-9, 9]}
    direct = Psi.from_config({"geometry": [{**affine, "translate_px": shift}]})
    literal = Psi.from_config({"geometry": [
        {"name": "Pad", "padding": 32, "fill": 0, "p": 1.0},
        {**affine, "translate_px": shift},
        {"name": "CenterCrop", "height": 128, "width": 128, "p": 1.0},
    ]})  # fmt: skip
    for seed in range(10):
        # Interpolation has 5 fractional bits, which fall differently in the larger image.
        difference = cv2.absdiff(direct(IMAGE, rng(seed)), literal(IMAGE, rng(seed)))
        assert difference.mean() < 0.2


def test_what_the_shipped_geometry_moves_in_from_outside_is_black():
    psi = Psi.from_config({"geometry": psi_preset("paper").config["geometry"]})
    white = np.full((100, 100, 3), 255, np.uint8)
    seen = [psi(white, rng(seed)) for seed in range(20)]
    borders = [np.concatenate([im[0], im[-1], im[:, 0], im[:, -1]]) for im in seen]
    assert any((border == 0).all(axis=1).any() for border in borders)
    assert all((im[20:80, 20:80] == 255).all() for im in seen)


def test_every_group_of_the_shipped_psi_changes_images():
    for group, transforms in psi_preset("paper").config.items():
        psi = Psi.from_config({group: transforms})
        changed = [not np.array_equal(psi(IMAGE, rng(seed)), IMAGE) for seed in range(40)]
        assert 10 <= sum(changed) <= 40, group


@pytest.mark.parametrize(
    ("config", "error", "text"),
    [
        ({"g": [{"name": "RGBShft"}]}, UnknownNameError, "'RGBShft'; did you mean 'RGBShift'"),
        ({"g": [{"name": "Compse", "p": 1}]}, UnknownNameError, "did you mean 'Compose'"),
        (
            {"g": [{"name": "RGBShift", "r_shift": 3}]},
            UnknownNameError,
            "argument of RGBShift named 'r_shift'; did you mean 'r_shift_limit'",
        ),
        (
            {"g": [{"name": "ImageCompression", "quality_lower": 40}]},
            UnknownNameError,
            "argument of ImageCompression named 'quality_lower'.*quality_range",
        ),
        ({"g": [{"name": "Sharpen", "alpha": "x"}]}, ConfigError, "'g': Sharpen rejects.*alpha"),
        (
            {"g": [{"name": "OneOf", "p": 1.0}]},
            ConfigError,
            "OneOf rejects its arguments.*transforms",
        ),
        (
            {"g": [{"name": "OneOf", "transforms": []}]},
            ConfigError,
            "g.*OneOf.*a list of transforms",
        ),
        ({"g": [{"name": "FDA"}]}, ConfigError, "FDA needs fda_metadata in addition to the image"),
        ({"g": [{"p": 1.0}]}, ConfigError, "a transform is {name"),
        ({"g": "RGBShift"}, ConfigError, "'g': expected a list of transforms, got 'RGBShift'"),
        ({}, ConfigError, "psi must map groups"),
        ([{"name": "RGBShift"}], ConfigError, "psi must map groups"),
    ],
)
def test_a_wrong_psi_is_an_error_that_names_the_value(config, error, text):
    with pytest.raises(error, match=text):
        Psi.from_config(config)


def test_a_wrong_value_is_reported_on_one_line_without_a_web_address():
    with pytest.raises(ConfigError) as caught:
        one("Downscale", scale_range=[0.5, 7])
    assert "\n" not in str(caught.value)
    assert "http" not in str(caught.value)


@pytest.mark.parametrize("name", ["Normalize", "ToFloat", "RandomScale"])
def test_a_transform_that_changes_size_or_type_is_an_error(name: str):
    with pytest.raises(ConfigError, match="remove transforms that resize, crop or normalise"):
        one(name)(IMAGE, rng())


@pytest.mark.slow
def test_albumentations_is_loaded_on_first_use_and_asks_no_package_index():
    code = (
        "import sys, lesb_plugin.lfd.augment as augment\n"
        "assert 'albumentations' not in sys.modules\n"
        "import socket\n"
        "def refuse(*args, **kwargs): raise AssertionError('the network was used')\n"
        "socket.socket.connect = socket.create_connection = refuse\n"
        "augment.Psi.from_config({'g': [{'name': 'RGBShift'}]})\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "NO_ALBUMENTATIONS_UPDATE"}
    subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", code], check=True, env=environment
    )


# --- blending --------------------------------------------------------------------------------


def test_blending_is_equation_1_rounded_once():
    distorted = one("RGBShift")(IMAGE, rng(1))
    mask = soft_mask()
    m = mask.astype(np.float64)[..., None]
    expected = np.rint((1 - m) * IMAGE + m * distorted)
    assert np.array_equal(blend(IMAGE, distorted, mask), expected.astype(np.uint8))


def test_pixels_outside_the_mask_are_untouched(psi: Psi):
    mask = soft_mask()
    for seed in range(10):
        variant = local_variant(IMAGE, mask, psi, rng(seed))
        assert np.array_equal(variant[mask == 0], IMAGE[mask == 0])
        assert not np.array_equal(variant, IMAGE)


def test_a_mask_of_ones_gives_the_distorted_image_and_one_of_zeros_the_image():
    distorted = 255 - IMAGE
    assert np.array_equal(blend(IMAGE, distorted, np.ones((128, 128), np.float32)), distorted)
    assert np.array_equal(blend(IMAGE, distorted, np.zeros((128, 128), np.float32)), IMAGE)


def test_blending_changes_none_of_its_arguments():
    image, distorted, mask = IMAGE.copy(), 255 - IMAGE, soft_mask()
    blend(image, distorted, mask)
    assert np.array_equal(image, IMAGE)
    assert np.array_equal(distorted, 255 - IMAGE)
    assert np.array_equal(mask, soft_mask())


def test_psi_is_drawn_again_until_the_part_changes_by_a_level():
    rarely = Psi.from_config({"g": [{"name": "RGBShift", "p": 0.2}]})
    mask = soft_mask()
    m = mask[..., None].astype(np.float64)
    for seed in range(20):
        variant = local_variant(IMAGE, mask, rarely, rng(seed))
        # |x_a - x| = m |x_d - x|: at least a level where m is 1, so at least m of one on average.
        change = np.abs(variant.astype(float) - IMAGE).sum() / (3 * m.sum())
        assert change > 0.3 * MIN_CHANGE


def test_a_psi_that_changes_nothing_is_an_error_and_no_endless_loop():
    with pytest.raises(ValueError, match="changed the masked part by less than 1 of 255 levels"):
        local_variant(IMAGE, soft_mask(), one("NoOp"), rng())
