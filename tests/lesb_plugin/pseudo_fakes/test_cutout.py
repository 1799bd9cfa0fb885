"""Rectangles that hide a piece of both of a pair."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from lesb_plugin.pseudo_fakes.cutout import draw_cutout
from lesb_plugin.pseudo_fakes.recipe import Cutout
from tests.shared.drawn_training import easy_style, maker


def drawn(recipe: Cutout, mask: np.ndarray, draws: int = 400) -> list[np.ndarray]:
    """What each draw hides, as masks."""
    hidden = []
    for seed in range(draws):
        found = draw_cutout(recipe, mask, np.random.default_rng(seed))
        hidden.append(np.zeros(mask.shape, bool))
        if found is not None:
            hidden[-1][found[0]] = True
    return hidden


def test_the_hidden_share_is_what_the_recipe_says() -> None:
    recipe = Cutout(p=1.0, share=(0.1, 0.2))
    shares = [each.mean() for each in drawn(recipe, np.zeros((224, 224), np.uint8))]
    assert 0.095 < min(shares) < 0.11
    assert 0.19 < max(shares) < 0.205


def test_it_happens_as_often_as_asked() -> None:
    hidden = drawn(Cutout(p=0.3), np.zeros((64, 64), np.uint8))
    assert 0.22 < np.mean([each.any() for each in hidden]) < 0.38


def test_enough_of_what_was_changed_stays_in_sight() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[40:60, 30:70] = 200
    hidden = drawn(Cutout(p=1.0, share=(0.2, 0.4), visible=0.7), mask)
    shares = [1.0 - mask[each].sum() / mask.sum() for each in hidden]
    assert min(shares) >= 0.7
    assert any(0.7 <= share < 1.0 for share in shares)  # partly hidden faces are kept
    assert np.mean([each.any() for each in hidden]) < 0.9  # others are given up


def test_real_fake_and_mask_are_hidden_alike(tmp_path: Path) -> None:
    pairs = maker(tmp_path, easy_style(tmp_path), count=4)
    plain = replace(pairs, recipe=replace(pairs.recipe, cutout=Cutout()))
    cut = replace(pairs, recipe=replace(pairs.recipe, cutout=Cutout(p=1.0, visible=0.0)))
    for face in range(4):
        before, after = plain.make(0, face), cut.make(0, face)
        changed = (before.images != after.images).any(axis=-1)  # (2, S, S)
        rows, columns = np.nonzero(changed.any(axis=0))
        window = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
        assert len(np.unique(after.images[:, *window].reshape(-1, 3), axis=0)) == 1
        assert not after.mask[window].any()
        outside = np.ones(before.mask.shape, bool)
        outside[window] = False
        np.testing.assert_array_equal(before.images[:, outside], after.images[:, outside])
        np.testing.assert_array_equal(before.mask[outside], after.mask[outside])
