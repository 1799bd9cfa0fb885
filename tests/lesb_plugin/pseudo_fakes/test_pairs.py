"""What training pairs are, and that they depend on nothing but their seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from lesb_plugin.lfd.variants import Skipped
from lesb_plugin.pseudo_fakes.crop_pair import CropPair
from lesb_plugin.pseudo_fakes.distort import Image
from lesb_plugin.pseudo_fakes.drawn_masks import pieces_of
from lesb_plugin.pseudo_fakes.forgeries import FAMILIES, forge
from lesb_plugin.pseudo_fakes.order import Order
from lesb_plugin.pseudo_fakes.pairs import Batch, PairMaker, batches, load_recipe, own_pairs
from lesb_plugin.pseudo_fakes.recipe import Recipe
from lesb_plugin.pseudo_fakes.view import View, resize_view
from lesb_plugin.train.step import split_pairs
from registry import ConfigError, DataError, Rank
from registry.settings.load import config_dir
from tests.shared.drawn_training import CROP, DrawnPerson, maker, people, store, store_of

STYLES = sorted(path.stem for path in (config_dir() / "style").glob("*.yaml"))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> PairMaker:
    return maker(tmp_path_factory.mktemp("pairs"), "clean")


def made(pairs: PairMaker, epoch: int, index: int, family: str | None = None) -> CropPair:
    found = pairs.make(epoch, index, family)
    assert isinstance(found, CropPair), found
    return found


def plain(pairs: PairMaker) -> PairMaker:
    """The same without what is done to both images of a pair."""
    return replace(pairs, recipe=replace(pairs.recipe, quality=None, mock=0.0))


def all_batches(pairs: PairMaker, workers: int) -> list[Batch]:
    return list(batches(pairs, Order(len(pairs), 2, 2).after(0), workers))


def test_batches_are_the_same_for_any_number_of_workers(clean: PairMaker) -> None:
    alone = all_batches(clean, 0)
    for workers in (1, 2):
        for one, other in zip(alone, all_batches(clean, workers), strict=True):
            assert torch.equal(one.images, other.images)
            assert one.families == other.families


@pytest.mark.slow
def test_batches_of_the_style_of_videos_are_the_same_for_any_number_of_workers(
    tmp_path: Path,
) -> None:
    """In it are codecs with threads of their own, and a network that draws faces anew."""
    pairs = maker(tmp_path, "video")
    order = Order(len(pairs), 2, 6)
    alone, *others = (list(batches(pairs, order.after(0), workers)) for workers in (0, 1, 2))
    assert len({name for batch in alone for name in batch.families}) >= 6
    for other in others:
        assert [batch.families for batch in other] == [batch.families for batch in alone]
        for one, same in zip(alone, other, strict=True):
            assert torch.equal(one.images, same.images)
            assert torch.equal(one.masks, same.masks)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_ranks_see_together_the_pairs_and_the_two_passes_of_one_process(count: int) -> None:
    """The passes are what `train.step` makes of a batch: rows of reals and fakes."""
    for pairs in range(count, 12):
        step = [(3, face) for face in range(pairs)]
        shares = [own_pairs(step, Rank(number, count)) for number in range(count)]
        assert sorted(each for share in shares for each in share) == step
        for half in range(2):
            whole = {(step[row // 2], row % 2) for row in split_pairs(2 * pairs)[half].tolist()}
            seen = {
                (share[row // 2], row % 2)
                for share in shares
                for row in split_pairs(2 * len(share))[half].tolist()
            }
            assert seen == whole


def test_a_rank_whose_pairs_cannot_be_made_takes_another_of_the_step(clean: PairMaker) -> None:
    class Faulty(PairMaker):
        def make(self, epoch: int, index: int, family: str | None = None) -> CropPair | Skipped:
            return Skipped("face", "no") if index > 1 else super().make(epoch, index, family)

    faulty = Faulty(**vars(clean))
    step = [(0, face) for face in (2, 0, 3, 1)]
    batch = next(batches(faulty, iter([step]), 0, rank=Rank(0, 2)))  # its own are 2 and 3
    (other,) = batches(clean, iter([[(0, 0)]]), 0)
    assert torch.equal(batch.images, other.images)
    assert len(batch.skipped) == 2
    with pytest.raises(DataError, match=r"no pair of a step could be made; face: no"):
        next(batches(faulty, iter([step[::2]]), 0, rank=Rank(0, 2)))


def test_a_pair_depends_on_seed_epoch_and_face_and_not_on_what_was_made_before(
    clean: PairMaker,
) -> None:
    first = made(clean, 1, 2).images
    for epoch, index in ((0, 0), (3, 1)):
        clean.make(epoch, index)
    np.testing.assert_array_equal(made(clean, 1, 2).images, first)
    for other in (made(clean, 2, 2), made(clean, 1, 3), made(replace(clean, seed=1), 1, 2)):
        assert not np.array_equal(other.images, first)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_changes_the_face_within_its_mask(clean: PairMaker, family: str) -> None:
    pair = made(plain(clean), 0, 1, family)
    assert pair.family == family
    assert pair.images.shape == (2, CROP.size, CROP.size, 3)
    assert pair.images.dtype == np.uint8
    real, fake = pair.images.astype(int)
    inside = pair.mask > 127 * (pair.mask.max() / 255)
    assert 0 < inside.mean() < 0.9
    assert np.abs(real - fake)[inside].mean() > 1


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "sbi"])
def test_real_and_fake_are_equal_outside_of_the_mask(clean: PairMaker, family: str) -> None:
    pairs = plain(clean)
    forged = forge(family, pairs.store.view(2), pairs._scene(2), np.random.default_rng(0))
    outside = forged.mask == 0
    np.testing.assert_array_equal(forged.fake[outside], forged.real[outside])


def test_quality_is_the_same_for_both_of_a_pair(clean: PairMaker) -> None:
    """A fake that is its real stays it, through noise, codecs and crops."""
    recipe = replace(clean.recipe, mock=0.0, least_change=0.0, ratios=(0.0,))
    quality = replace(
        recipe.quality, colour_p=1.0, blur_p=1.0, rescale_p=1.0, noise_p=1.0, codec_p=1.0
    )  # fmt: skip
    # With an opacity of 0 nothing is blended, and masks that are empty count as no change.
    pairs = replace(clean, recipe=replace(recipe, quality=quality))
    from lesb_plugin.pseudo_fakes import forgeries

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forgeries, "_check_change", lambda *_: None)
        for index in range(4):
            real, fake = made(pairs, 0, index, "face_alpha").images
            np.testing.assert_array_equal(real, fake)


def test_pixels_far_beyond_a_crop_are_not_looked_at_and_change_nothing(
    clean: PairMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = [made(plain(clean), 0, index, "face_alpha") for index in range(3)]
    monkeypatch.setattr("lesb_plugin.pseudo_fakes.pairs._CONTEXT", 10_000)  # the whole image
    for index, pair in enumerate(near):
        whole = made(plain(clean), 0, index, "face_alpha")
        np.testing.assert_array_equal(pair.images, whole.images)
        np.testing.assert_array_equal(pair.mask, whole.mask)
        np.testing.assert_allclose(pair.landmarks, whole.landmarks, atol=1e-3)


def test_donors_are_other_people(tmp_path: Path) -> None:
    faces = store(tmp_path, 4)
    own = faces.view(1).image
    for seed in range(8):
        donor = faces.donor(1, 2, np.random.default_rng(seed))
        assert not np.array_equal(donor.image, own)


def test_donors_alike_are_of_the_same_data_set(tmp_path: Path) -> None:
    others = [DrawnPerson(number, "other") for number in range(20, 40)]
    faces = store_of([*people(3), *others], tmp_path / "faces")
    own = [faces.view(at).image for at in (0, 2)]
    for seed in range(8):
        donor = faces.donor(1, 2, np.random.default_rng(seed), alike=True)
        assert any(np.array_equal(donor.image, image) for image in own)
    stranger = store_of([DrawnPerson(1), *others], tmp_path / "alone")
    with pytest.raises(ValueError, match="another person"):
        stranger.donor(0, 8, np.random.default_rng(0), alike=True)


def test_donors_alike_are_as_small_as_the_face(clean: PairMaker) -> None:
    whole = clean.store.view(0)
    for factor in (0.5, 0.8, 1.0):
        seen = resize_view(whole, factor)
        donors = [clean._scene(0).donor(seen, rng_of(seed), True) for seed in range(8)]
        natural = [clean._scene(0).donor(seen, rng_of(seed), False) for seed in range(8)]
        for donor, as_it_is in zip(donors, natural, strict=True):
            assert donor.width == pytest.approx(factor * as_it_is.width, rel=0.01)


def test_donors_alike_are_not_changed(clean: PairMaker) -> None:
    calls: list[object] = []

    def counted(*args: object) -> Callable[[Image], Image]:
        calls.append(args)
        return lambda image: image

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lesb_plugin.pseudo_fakes.forgeries.draw_change", counted)
        for alike, times in ((1.0, 0), (0.0, 4)):
            swap = replace(clean.recipe.swap, alike=alike, changed=1.0)
            pairs = replace(
                clean, recipe=replace(clean.recipe, swap=swap, mock=0.0, least_change=0.0)
            )
            for seed in range(4):
                forge("swap_alpha", clean.store.view(seed), pairs._scene(seed), rng_of(seed))
            assert len(calls) == times


def test_a_weaker_warp_moves_less(clean: PairMaker) -> None:
    def change(strength: tuple[float, float]) -> float:
        warp = replace(clean.recipe.warp, strength=strength)
        scene = replace(
            plain(clean), recipe=replace(clean.recipe, warp=warp, least_change=0.0, mock=0.0)
        )
        found = []
        for seed in range(6):
            view = smooth_view(clean.store.view(seed % len(clean)))
            forged = forge("warp", view, scene._scene(0), rng_of(seed))
            found.append(np.abs(forged.fake.astype(int) - forged.real).mean())
        return float(np.mean(found))

    full, half, tenth = change((1.0, 1.0)), change((0.5, 0.5)), change((0.1, 0.1))
    assert tenth < 0.35 * full
    assert 0.3 * full < half < 0.8 * full
    assert tenth < change((0.1, 1.0)) < full


def test_eyes_that_hang_together_by_a_thread_are_twopieces_of() -> None:
    eyes = np.zeros((60, 140), np.float32)
    cv2.circle(eyes, (35, 30), 15, 1.0, -1)
    cv2.circle(eyes, (104, 30), 15, 1.0, -1)
    eyes[28:32, 35:105] = np.maximum(eyes[28:32, 35:105], 0.5)
    left, right = pieces_of(eyes, 4.0)
    assert left[30, 35] > 0.99
    assert right[30, 104] > 0.99
    assert left[:, 90:].max() == right[:, :50].max() == 0
    assert (left + right).max() <= 1 + 1e-6
    np.testing.assert_allclose(left[:, ::-1], right, atol=0.05)  # the middle goes to one of them


def test_warps_of_each_eye_by_itself_leave_the_nose_bridge_alone(clean: PairMaker) -> None:
    def change_between(apart: float) -> float:
        warp = replace(clean.recipe.warp, apart=apart, jaw=0.0, strength=(1.0, 1.0))
        recipe = replace(clean.recipe, warp=warp, least_change=0.0, mock=0.0)
        eyes = replace(clean.regions, parts=clean.regions.parts[:1])
        scene = replace(plain(clean), recipe=recipe, regions=eyes)
        found = []
        for seed in range(12):
            view = clean.store.view(seed % len(clean))
            forged = forge("warp", view, scene._scene(0), rng_of(seed))
            x, y = np.rint(view.landmarks[27]).astype(int)
            near = np.abs(forged.fake.astype(int) - forged.real)[y - 2 : y + 3, x - 2 : x + 3]
            found.append(near.mean())
        return float(np.mean(found))

    assert change_between(1.0) < 0.8 * change_between(0.0)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("warp: {strength: [0, 1]}", r"warp\.strength .*0 < low <= high"),
        ("warp: {strength: [0.5, 0.2]}", r"warp\.strength .*0 < low <= high"),
        ("hulls: [lwer]", "'lwer'.* not among lower, components"),
        ("hulls: []", "not among lower, components"),
        ("kernel: [4, 25]", "two odd sizes"),
        ("placement: {width: [0, 64]}", r"placement\.width .* above 0"),
    ],
)
def test_a_value_that_cannot_be_drawn_is_named(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text(f"families: {{warp: 1}}\n{line}\n")
    with pytest.raises(ConfigError, match=told):
        load_recipe(str(path))


def rng_of(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def smooth_view(view: View) -> View:
    """Without the noise, which would change by as much however little it moves."""
    return replace(view, image=cv2.GaussianBlur(view.image, (0, 0), 3))


def test_a_face_that_allows_no_draw_is_skipped_with_the_reason(tmp_path: Path) -> None:
    alone = maker(tmp_path, "clean", count=1)
    found = alone.make(0, 0, "swap_alpha")
    assert isinstance(found, Skipped)
    assert "another person" in found.reason


def test_shuffled_labels_swap_about_half_of_the_pairs(clean: PairMaker) -> None:
    shuffled = replace(plain(clean), shuffled=True)
    swapped = 0
    for epoch in range(30):
        one, other = made(shuffled, epoch, 1), made(plain(clean), epoch, 1)
        if not np.array_equal(one.images, other.images):
            swapped += 1
            np.testing.assert_array_equal(one.images[::-1], other.images)
            np.testing.assert_array_equal(one.masks[::-1], other.masks)
    assert 5 < swapped < 25


def test_masks_are_those_of_the_fakes_and_reals_have_none(clean: PairMaker) -> None:
    pair = made(clean, 0, 3)
    np.testing.assert_array_equal(pair.masks[1], pair.mask)
    assert not pair.masks[0].any()
    batch = all_batches(clean, 0)[0]
    assert batch.masks.shape == (2, 2, CROP.size, CROP.size)
    assert not batch.masks[:, 0].any()
    assert batch.masks[:, 1].amax(dim=(1, 2)).min() > 0


def test_each_epoch_is_a_permutation_that_starts_anywhere(clean: PairMaker) -> None:
    order = Order(faces=10, pairs=3, epochs=4, seed=5)
    steps = list(order.after(0))
    assert len(steps) == len(order) == 12
    for epoch in range(4):
        seen = [face for step in steps[3 * epoch : 3 * epoch + 3] for _, face in step]
        assert len(set(seen)) == 9
        assert {each for step in steps[3 * epoch : 3 * epoch + 3] for each, _ in step} == {epoch}
    for done in range(12):
        assert list(order.after(done)) == steps[done:]


def test_a_family_that_does_not_exist_is_named(tmp_path: Path) -> None:
    path = tmp_path / "style.yaml"
    path.write_text("families: {face_swap: 1}")
    with pytest.raises(
        ConfigError, match=r"no family of pseudo-fakes named 'face_swap'; known: .*sbi"
    ):
        load_recipe(str(path))


@pytest.mark.parametrize("style", STYLES)
def test_shipped_styles_load(style: str) -> None:
    assert set(STYLES) >= {"clean", "sbi", "video", "warps"}
    recipe = load_recipe(style)
    assert isinstance(recipe, Recipe)
    assert sum(recipe.weights().values()) == pytest.approx(1)
