from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import registry.tasks.evaluate
import registry.tasks.fit
from lesb_plugin.lfd.artefact import Lfd, save
from lesb_plugin.lfd.plugin import bench_wrappers
from lesb_plugin.lfd.wrapper import LfdBackbone, wrap
from registry import BackboneSpec, DataError, Embedder, crop_face, evaluate, fit
from registry.plugins.discovery import Plugins, load_plugins
from registry.results.predictions import read_predictions
from tests.shared.planted import PlantedBackbone, planted_samples
from tests.shared.planted_lesb import fit_options
from tests.shared.tiny import write_reals


@pytest.fixture
def wrapped(planted_lfd: Lfd, planted_backbone: PlantedBackbone) -> LfdBackbone:
    return LfdBackbone(planted_backbone, planted_lfd)


@pytest.fixture
def images(planted_backbone: PlantedBackbone) -> np.ndarray:
    samples = planted_samples(5, first=50)
    return np.stack([crop_face(*sample.load(), planted_backbone.crop).image for sample in samples])


def test_the_embedding_is_the_concatenation_of_the_local_ones(
    wrapped, planted_lfd, planted_embedder, images
):
    embeddings = planted_embedder(images)
    local = Embedder(wrapped)(images)
    assert local.shape == (5, 3 * 16)
    assert wrapped.dim == 48
    assert wrapped.parts == {"eyes": slice(0, 16), "nose": slice(16, 32), "mouth": slice(32, 48)}
    for part, where in wrapped.parts.items():
        exact = (embeddings.astype(np.float64) - planted_lfd.mean) @ planted_lfd.bases[part]
        np.testing.assert_allclose(local[:, where], exact, atol=2e-3)
        np.testing.assert_allclose(wrapped.project(embeddings)[part], exact, atol=2e-3)


def test_the_mean_face_has_no_local_embedding(wrapped, planted_lfd):
    projected = wrapped.project(planted_lfd.mean[None])
    assert all((local == 0).all() for local in projected.values())


def test_features_are_those_of_the_base(wrapped, planted_backbone, images):
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    assert torch.equal(wrapped.features(tensor).map, planted_backbone.features(tensor).map)


def test_a_wrapped_backbone_has_no_head_and_is_not_mean_pooled(wrapped):
    assert wrapped.head(torch.zeros(2, 48)) is None
    assert wrapped.head_direction() is None
    assert wrapped.mean_pooled is False


def test_its_name_crop_and_fingerprint_tell_it_from_its_base(
    wrapped, planted_backbone, planted_lfd
):
    assert wrapped.name == "lfd(planted)"
    assert wrapped.crop == planted_backbone.crop
    assert wrapped.weights_sha256 != planted_backbone.weights_sha256
    assert LfdBackbone(planted_backbone, planted_lfd).weights_sha256 == wrapped.weights_sha256
    other = LfdBackbone(PlantedBackbone("elsewhere"), planted_lfd)
    assert other.weights_sha256 != wrapped.weights_sha256


def test_half_precision_of_the_trunk_does_not_reach_the_projection(wrapped, images):
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    plain = wrapped.embed(wrapped.features(tensor))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = wrapped.embed(wrapped.features(tensor))
    assert under.dtype == torch.float32
    assert torch.equal(under, plain)


def test_moving_it_moves_the_base_and_the_subspaces(wrapped):
    moved = wrapped.to("meta")
    assert moved._bases.device.type == "meta"
    assert moved._mean.device.type == "meta"


def test_wrapping_reads_the_artefact_of_this_backbone_and_no_other(
    planted_lfd, planted_backbone, images, tmp_path: Path
):
    file = save(tmp_path / "a.safetensors", planted_lfd.to_tensors(), planted_lfd.to_metadata())
    direct, loaded = LfdBackbone(planted_backbone, planted_lfd), wrap(planted_backbone, file)
    assert np.array_equal(Embedder(loaded)(images), Embedder(direct)(images))
    with pytest.raises(DataError, match=r"'planted' with weights .* not to backbone 'elsewhere'"):
        wrap(PlantedBackbone("elsewhere"), file)


def test_the_plugin_registers_a_wrapper_named_lfd():
    (spec,) = bench_wrappers()
    assert spec.name == "lfd"
    assert spec.summary
    assert spec.wrap.load() is wrap


def test_the_plugin_module_loads_nothing_heavy():
    code = (
        "import sys, lesb_plugin.lfd.plugin\n"
        "heavy = {'torch', 'cv2', 'numpy', 'albumentations'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_mathematics_import_nothing_from_the_host():
    code = (
        "import sys, lesb_plugin.lfd.regions, lesb_plugin.lfd.subspace\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'registry']\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_lesb_and_its_linear_probe_run_on_local_embeddings(
    planted_lfd: Lfd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    spec = BackboneSpec(name="planted", summary="s", build=lambda *_: PlantedBackbone())
    plugins = Plugins(records=(*load_plugins().records, spec))
    for module in (registry.tasks.evaluate, registry.tasks.fit):
        monkeypatch.setattr(module, "load_plugins", lambda: plugins)
    artefact = save(tmp_path / "lfd.bin", planted_lfd.to_tensors(), planted_lfd.to_metadata())
    reals = write_reals(tmp_path, 20)
    settings = {"detector": "lesb", "backbone": "planted", "wrap": "lfd", "quiet": True}
    options = vars(fit_options(tmp_path, rank=4, pseudo_fakes=2, epochs=2, variants=4))
    fit(
        **settings, wrap_artefact=str(artefact), train=(reals,), out=str(tmp_path / "fit"),
        options=options, workers=0, tensorboard=False,
    )  # fmt: skip
    found = evaluate(
        **settings, wrap_artefact=str(artefact), artefact=str(tmp_path / "fit"), draws=0,
        dataset=(reals,), out=str(tmp_path / "run"),
    )  # fmt: skip
    assert found.provenance.backbone.name == "lfd(planted)"
    assert found.provenance.fitted["lesb"]["head"] == "probe"
    rows = read_predictions(tmp_path / "run")[0]
    assert {"fake", "fake_head", "p_eyes", "p_nose", "p_mouth"} <= set(rows.column_names)
    assert rows["status"].to_pylist() == ["ok"] * 20
    with pytest.raises(DataError, match=r"belongs to backbone 'lfd.planted.'"):
        evaluate(
            **{**settings, "wrap": None}, artefact=str(tmp_path / "fit"), dataset=(reals,),
            out=str(tmp_path / "bare"),
        )  # fmt: skip
