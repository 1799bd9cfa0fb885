from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from lesb_plugin.lfd import artefact
from lesb_plugin.lfd.artefact import Lfd, check_matches, load, save
from registry import DataError
from tests.shared.planted import PlantedBackbone


@pytest.fixture
def file(planted_lfd: Lfd, tmp_path: Path) -> Path:
    return save(tmp_path / "lesb.safetensors", planted_lfd.to_tensors(), planted_lfd.to_metadata())


@pytest.mark.slow
def test_an_artefact_comes_back_as_it_was_saved(planted_lfd, file):
    back = Lfd.from_tensors(*load(file))
    assert back.regions == planted_lfd.regions
    assert np.array_equal(back.mean, planted_lfd.mean)
    for part in planted_lfd.parts:
        assert np.array_equal(back.bases[part], planted_lfd.bases[part])
        assert np.array_equal(back.eigenvalues[part], planted_lfd.eigenvalues[part])
    assert back.provenance == json.loads(json.dumps(planted_lfd.provenance))
    kept = {key: v for key, v in planted_lfd.diagnostics.items() if key != "seconds"}
    assert back.diagnostics == json.loads(json.dumps(kept))
    assert (back.parts, back.rank) == (("eyes", "nose", "mouth"), 16)


def test_a_detector_keeps_its_own_tensors_and_metadata_in_the_same_file(planted_lfd, tmp_path):
    tensors = {**planted_lfd.to_tensors(), "lesb.eyes.weight": np.arange(6.0).reshape(2, 3).T}
    metadata = {**planted_lfd.to_metadata(), "lesb": {"heads": ["eyes"], "auc": None}}
    found_tensors, found = load(save(tmp_path / "both.safetensors", tensors, metadata))
    assert np.array_equal(found_tensors["lesb.eyes.weight"], tensors["lesb.eyes.weight"])
    assert found["lesb"] == {"heads": ["eyes"], "auc": None}
    assert Lfd.from_tensors(found_tensors, found).parts == planted_lfd.parts


@pytest.mark.parametrize("keep", [0, 5, 200, 0.5, 0.999])
def test_a_truncated_file_is_an_error_that_says_so(file, keep):
    content = file.read_bytes()
    file.write_bytes(content[: int(keep * len(content) if keep < 1 else keep)])
    with pytest.raises(DataError, match=r"lesb\.safetensors.*cut short"):
        load(file)


def test_a_file_of_another_kind_is_an_error_that_says_so(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("these are not weights, and long enough to have a header of eight bytes")
    with pytest.raises(DataError, match="cannot read the artefact"):
        load(text)
    weights = tmp_path / "weights.safetensors"
    safetensors.numpy.save_file({"w": np.zeros(3)}, weights)
    with pytest.raises(
        DataError, match=r"not an artefact of `bench fit`; pass weights with --weights"
    ):
        load(weights)


def test_a_missing_file_and_a_folder_are_errors(tmp_path):
    for path in (tmp_path / "none.safetensors", tmp_path):
        with pytest.raises(DataError, match=r"no artefact at .*bench fit"):
            load(path)


def test_another_schema_is_refused_with_both_numbers(planted_lfd, tmp_path, monkeypatch):
    monkeypatch.setattr(artefact, "SCHEMA", 99)
    file = save(tmp_path / "new.safetensors", planted_lfd.to_tensors(), planted_lfd.to_metadata())
    monkeypatch.undo()
    with pytest.raises(DataError, match="schema 99, and this version reads 1"):
        load(file)


def test_an_artefact_without_a_part_is_an_error(planted_lfd):
    tensors = planted_lfd.to_tensors()
    del tensors["lfd.nose.basis"]
    with pytest.raises(DataError, match=r"LFD of the artefact.*lfd\.nose\.basis"):
        Lfd.from_tensors(tensors, planted_lfd.to_metadata())
    with pytest.raises(DataError, match="cannot read the LFD of the artefact"):
        Lfd.from_tensors(planted_lfd.to_tensors(), {})


def test_an_unwritable_folder_is_an_error(planted_lfd, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write .*File exists"):
        save(tmp_path / "file" / "a.safetensors", planted_lfd.to_tensors(), {})


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(file, planted_lfd, monkeypatch):
    before = file.read_bytes()

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artefact.os, "fsync", full_disk)
    with pytest.raises(DataError, match="No space left"):
        save(file, {"other": np.zeros(3)}, {})
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_saving_twice_gives_the_same_bytes(file, planted_lfd, tmp_path):
    again = save(
        tmp_path / "again.safetensors", planted_lfd.to_tensors(), planted_lfd.to_metadata()
    )
    assert again.read_bytes() == file.read_bytes()


def test_an_artefact_matches_its_own_backbone(planted_lfd):
    check_matches(planted_lfd.to_metadata(), PlantedBackbone())


@pytest.mark.parametrize(
    ("other", "differing"),
    [(PlantedBackbone("elsewhere"), "name"), (PlantedBackbone(grid=8), "weights_sha256")],
)
def test_another_backbone_or_other_weights_are_refused_by_both_names(planted_lfd, other, differing):
    own = PlantedBackbone()
    with pytest.raises(DataError) as caught:
        check_matches(planted_lfd.to_metadata(), other)
    text = str(caught.value)
    assert f"({differing}: " in text
    assert f"'planted' with weights {own.weights_sha256[:12]}" in text
    assert f"{other.name!r} with weights {other.weights_sha256[:12]}" in text


def test_frames_taken_whole_may_be_scored_but_are_not_mistaken_for_the_fitted_crops(planted_lfd):
    whole = PlantedBackbone()
    whole.crop = type(whole.crop)(name="frame", size=96, margin=0.0)
    check_matches(planted_lfd.to_metadata(), whole)
    whole.crop = type(whole.crop)(name="frame", size=64, margin=0.0)
    with pytest.raises(DataError, match=r"crop: "):
        check_matches(planted_lfd.to_metadata(), whole)


def test_another_crop_is_refused(planted_lfd):
    other = PlantedBackbone()
    other.crop = type(other.crop)(size=96, margin=0.3)
    with pytest.raises(DataError, match=r"crop: .*0\.125.* against .*0\.3"):
        check_matches(planted_lfd.to_metadata(), other)
