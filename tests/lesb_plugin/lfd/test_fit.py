from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lesb_plugin.lfd.artefact import Lfd
from lesb_plugin.lfd.augment import Psi, local_variant
from lesb_plugin.lfd.fit import fit_lfd
from lesb_plugin.lfd.presets import region_preset
from lesb_plugin.lfd.regions import RegionSet, part_mask
from registry import ConfigError, Crop, DataError, Embedder, Features, crop_face
from tests.shared.planted import BrokenSample, PlantedBackbone, planted_samples
from tests.shared.readers import reader_of


def crops(backbone: PlantedBackbone, count: int, first: int) -> list[Crop]:
    samples = planted_samples(count, first)
    return [crop_face(*sample.load(), backbone.crop) for sample in samples]


def cover(backbone: PlantedBackbone, regions: RegionSet, k: int) -> np.ndarray:
    """(d,): how much of each coordinate's cell part k's masks cover, from independent draws."""
    landmarks = crops(backbone, 1, first=0)[0].landmarks
    draws = (np.random.default_rng([9, i]) for i in range(400))
    masks = [part_mask(landmarks, regions.parts[k], 96, regions.jitter, rng) for rng in draws]
    return backbone.cover(np.stack(masks))


# --- the planted backbone --------------------------------------------------------------------


def test_each_subspace_has_its_energy_in_the_cells_of_its_own_part(
    planted_lfd, planted_backbone, regions
):
    for k, part in enumerate(planted_lfd.parts):
        cells = cover(planted_backbone, regions, k) > 0.05
        assert cells.mean() < 0.25
        per_direction = np.square(planted_lfd.bases[part][cells]).sum(axis=0)  # (r,)
        assert per_direction.mean() >= 0.95, part
        variance = planted_lfd.eigenvalues[part][: planted_lfd.rank]
        assert np.average(per_direction, weights=variance) >= 0.99, part


def test_no_direction_leaves_the_cells_that_masks_of_its_part_can_touch(
    planted_lfd, planted_backbone, regions
):
    for k, part in enumerate(planted_lfd.parts):
        touched = cover(planted_backbone, regions, k) > 0
        assert np.square(planted_lfd.bases[part][touched]).sum(axis=0).min() >= 0.999, part


def test_local_energy_names_the_one_part_that_was_changed_always(
    planted_lfd, planted_backbone, planted_embedder, regions, psi
):
    def energies(images: list[np.ndarray]) -> np.ndarray:
        local = planted_lfd.project(planted_embedder(np.stack(images)))
        return np.stack([np.linalg.norm(local[part], axis=1) for part in planted_lfd.parts])

    faces = crops(planted_backbone, 40, first=1000)
    untouched = energies([face.image for face in faces])  # (K, n)
    mean, std = untouched.mean(axis=1, keepdims=True), untouched.std(axis=1, keepdims=True)
    for k, region in enumerate(regions.parts):
        changed = []
        for i, face in enumerate(faces):
            rng = np.random.default_rng([11, k, i])
            mask = part_mask(face.landmarks, region, 96, regions.jitter, rng)
            changed.append(local_variant(face.image, mask, psi, rng))
        standardised = (energies(changed) - mean) / std
        assert (standardised.argmax(axis=0) == k).all(), region.name


@pytest.mark.slow
def test_a_fourth_part_is_found_by_configuration_alone(planted_embedder, psi, tmp_path: Path):
    file = tmp_path / "four.yaml"
    file.write_text(
        "parts:\n  eyes: [[36-41], [42-47]]\n  nose: [[27-35]]\n  mouth: [[48-59]]\n"
        "  brows: [[17-21], [22-26]]\n"
    )
    four = region_preset(str(file))
    lfd = fit_lfd(planted_embedder, planted_samples(6), four, psi, rank=8, quiet=True)
    assert lfd.parts == ("eyes", "nose", "mouth", "brows")
    cells = cover(planted_embedder.backbone, four, 3) > 0.05
    assert np.square(lfd.bases["brows"][cells]).sum(axis=0).mean() >= 0.95
    assert set(lfd.diagnostics["leakage"]) == {"eyes", "nose", "mouth", "brows"}


# --- what a fit holds ------------------------------------------------------------------------


def test_bases_are_orthonormal_and_eigenvalues_complete(planted_lfd):
    for part in planted_lfd.parts:
        basis = planted_lfd.bases[part]
        assert basis.shape == (768, 16)
        assert basis.dtype == np.float32
        np.testing.assert_allclose(basis.T @ basis, np.eye(16), atol=1e-5)
        assert planted_lfd.eigenvalues[part].shape == (768,)
        assert (np.diff(planted_lfd.eigenvalues[part]) <= 0).all()


def test_the_mean_is_that_of_the_clean_embeddings(planted_lfd, planted_backbone, planted_embedder):
    images = np.stack([crop.image for crop in crops(planted_backbone, 24, first=0)])
    np.testing.assert_allclose(planted_lfd.mean, planted_embedder(images).mean(axis=0), rtol=1e-5)


def test_provenance_and_diagnostics_say_what_was_done(planted_lfd, planted_backbone):
    provenance = planted_lfd.provenance
    assert provenance["backbone"]["name"] == "planted"
    assert provenance["backbone"]["weights_sha256"] == planted_backbone.weights_sha256
    assert provenance["backbone"]["crop"] == {"name": "sbi", "size": 96, "margin": 0.125}
    assert provenance["data_fingerprint"] == "drawn"
    assert (provenance["images"], provenance["variants"], provenance["seed"]) == (24, 16, 0)
    assert provenance["skipped"] == []
    assert {"python", "torch", "albumentations"} <= set(provenance["versions"])
    seconds = planted_lfd.diagnostics["seconds"]
    assert seconds["total"] >= seconds["forward"] > 0
    assert seconds["augmentation"] > 0


@pytest.fixture
def embedder() -> Embedder:
    """A small one, for what does not depend on the grid."""
    return Embedder(PlantedBackbone(size=64, grid=8))


def small_fit(embedder: Embedder, regions: RegionSet, psi: Psi, **options: object) -> Lfd:
    settings = {"variants": 4, "rank": 6, "quiet": True, **options}
    return fit_lfd(embedder, settings.pop("samples", planted_samples(5)), regions, psi, **settings)


def same_bases(one: Lfd, other: Lfd) -> bool:
    return all(np.array_equal(one.bases[part], other.bases[part]) for part in one.parts)


def test_the_number_of_workers_does_not_change_a_single_bit(embedder, regions, psi):
    inline = small_fit(embedder, regions, psi, workers=0)
    parallel = small_fit(embedder, regions, psi, workers=2)
    assert same_bases(inline, parallel)
    assert np.array_equal(inline.mean, parallel.mean)


def test_the_same_seed_gives_the_same_fit_and_another_seed_another(embedder, regions, psi):
    one, again, other = (small_fit(embedder, regions, psi, seed=seed) for seed in (1, 1, 2))
    assert same_bases(one, again)
    assert not same_bases(one, other)


def test_more_faces_than_asked_for_are_a_seeded_choice(embedder, regions, psi):
    samples = planted_samples(30)
    fits = [
        small_fit(embedder, regions, psi, samples=samples, images=5, seed=seed) for seed in (1, 1)
    ]
    assert fits[0].provenance["images"] == 5
    assert same_bases(*fits)
    first_five = small_fit(embedder, regions, psi, samples=samples[:5], seed=1)
    assert not same_bases(fits[0], first_five)


def test_variants_beyond_one_item_are_all_used(embedder, regions, psi):
    lfd = small_fit(embedder, regions, psi, samples=planted_samples(1), variants=35, rank=34)
    assert lfd.rank == 34  # 35 variants of one image have 34 degrees of freedom


def test_the_clean_reference_keeps_the_average_shift(embedder, regions):
    brighter = Psi.from_config({
        "colour": [{"name": "RandomBrightnessContrast", "brightness_limit": [0.1, 0.1001],
                    "contrast_limit": [0.0, 0.0], "p": 1.0}]
    })  # fmt: skip
    still = replace(regions, jitter=replace(regions.jitter, points=0.0, shift=0.0))
    shares = {}
    for reference in ("mean", "clean"):
        lfd = small_fit(embedder, still, brighter, reference=reference, rank=2)
        assert lfd.provenance["reference"] == reference
        shares[reference] = lfd.diagnostics["explained"]["mouth"][0]
    # The change is nearly the same each time: one direction, which centring takes out.
    assert shares["clean"] > 0.9
    assert shares["clean"] > shares["mean"] + 0.1


# --- what goes wrong -------------------------------------------------------------------------


def test_an_impossible_rank_is_refused_before_anything_is_read(embedder, regions, psi):
    never_read = [BrokenSample(0), BrokenSample(1)]
    with pytest.raises(ConfigError, match=r"rank 7 .* 1 and 6, .* 2 faces with 4 variants .* 192"):
        small_fit(embedder, regions, psi, samples=never_read, rank=7)


def test_broken_faces_are_skipped_counted_and_named(embedder, regions, psi):
    samples = [*planted_samples(5), BrokenSample(77)]
    lfd = small_fit(embedder, regions, psi, samples=samples, max_errors=0.2)
    assert lfd.provenance["images"] == 5
    assert [skipped["key"] for skipped in lfd.provenance["skipped"]] == ["planted/77/0"]
    assert same_bases(lfd, small_fit(embedder, regions, psi))


@pytest.mark.parametrize("max_errors", [0.05, 1])
def test_too_many_broken_faces_end_the_fit_with_a_count(embedder, regions, psi, max_errors):
    samples = [*planted_samples(5), BrokenSample(77), BrokenSample(78)]
    with pytest.raises(DataError, match=r"[12] of 7 faces could not be used.*cannot read face 7"):
        small_fit(embedder, regions, psi, samples=samples, max_errors=max_errors)


def test_faces_lost_until_the_rank_is_out_of_reach_are_an_error(embedder, regions, psi):
    samples = [*planted_samples(1), *(BrokenSample(n) for n in range(4))]
    with pytest.raises(ConfigError, match="part 'eyes': rank 6 is not between 1 and 3"):
        small_fit(embedder, regions, psi, samples=samples, max_errors=10)


def test_nan_embeddings_end_the_fit_and_name_the_backbone(regions, psi):
    class Sick(PlantedBackbone):
        def embed(self, features: Features) -> torch.Tensor:
            return super().embed(features) * float("nan")

    with pytest.raises(DataError, match="'sick' gives NaN or infinite embeddings for planted/0/0"):
        small_fit(Embedder(Sick("sick")), regions, psi)


def test_an_unknown_reference_and_an_empty_set_of_faces_are_errors(embedder, regions, psi):
    with pytest.raises(ConfigError, match="no LFD reference named 'median'; known: mean, clean"):
        small_fit(embedder, regions, psi, reference="median")
    with pytest.raises(ConfigError, match="at least one face; asked for 1440 of 0"):
        small_fit(embedder, regions, psi, samples=[])


def test_fitting_on_real_faces_works_with_a_real_crop(faces: Path, embedder, regions, psi):
    from registry.data.index import find_videos
    from registry.faces.real_faces import samples
    from registry.plugins.discovery import load_plugins

    plugins = load_plugins()
    videos = find_videos(str(faces / "portraits"), "val", plugins)[:4]
    reader = reader_of(
        crop_from="landmarks",
        face_detector="dlib",
        landmarker=None,
        predictor=None,
        plugins=plugins,
    )
    lfd = small_fit(embedder, regions, psi, samples=samples(videos, reader), rank=4)
    assert lfd.provenance["images"] == 4
