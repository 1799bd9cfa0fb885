"""A data set that is to be scored file by file is noticed, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

from registry.data.dataset_hints import dataset_notes
from registry.data.inputs import find_media
from registry.plugins.discovery import load_plugins
from registry.plugins.specs import DatasetSpec

INDEX = json.dumps({"faces": {"real": {"test": {"a": {"label": "real", "frames": ["a/0.png"]}}}}})


def notes(*inputs: Path) -> list[str]:
    return dataset_notes(inputs, load_plugins().unambiguous("dataset").values())


def test_a_manifest_a_list_and_their_folders_name_the_evaluation(tmp_path: Path) -> None:
    manifest = tmp_path / "a b" / "manifest.csv"
    index = tmp_path / "frames" / "faces.json"
    for path, text in ((manifest, "path,label\n0.png,0\n"), (index, INDEX)):
        path.parent.mkdir()
        path.write_text(text)
    said = notes(manifest, manifest.parent, index, index.parent, manifest)
    assert [note.partition(" a data set with labels")[0] for note in said] == [
        f"{manifest} is",
        f"{manifest.parent} is",
        f"{index} is",
        f"{index.parent} holds faces.json,",
    ]
    assert said[0].endswith(f"bench eval --dataset '{manifest}'")
    assert said[3].endswith(f"bench eval --dataset {index}")


def test_pictures_and_their_sidecars_and_what_is_not_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    (tmp_path / "photo.json").write_text('{"title": "photo.jpg"}')
    (tmp_path / "notes.txt").write_text("photo.jpg is mine")
    assert notes(tmp_path, *tmp_path.iterdir(), tmp_path / "gone", Path("x" * 5000)) == []


def test_a_reader_that_fails_costs_no_score(tmp_path: Path) -> None:
    def fails(_path: Path) -> bool:
        raise ValueError("cannot say")

    def unused(_request: object) -> list[object]:
        raise AssertionError("nothing is read for a hint")

    spec = DatasetSpec(name="odd", summary="odd", videos=unused, recognises=fails)  # type: ignore[arg-type]
    assert dataset_notes([tmp_path], [spec]) == []


def test_of_many_sidecars_only_some_are_looked_at(tmp_path: Path) -> None:
    looked: list[Path] = []

    def never(path: Path) -> bool:
        looked.append(path)
        return False

    for number in range(30):
        (tmp_path / f"{number}.json").touch()
    spec = DatasetSpec(name="odd", summary="odd", videos=list, recognises=never)  # type: ignore[arg-type]
    assert dataset_notes([tmp_path], [spec]) == []
    assert len(looked) == 21  # the folder, and twenty lists


def test_masks_of_a_data_set_are_no_faces_and_the_note_counts_them(tmp_path: Path) -> None:
    names = ["frames/0.png", "masks/0.png", "masks/a/1.png", "mask/b/2.png", "unmasked/masks.png"]
    for name in names:
        (tmp_path / "faces" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "faces" / name).touch()
    folder = tmp_path / "faces"
    assert len(find_media([folder])) == 5  # somebody's pictures of masks
    (folder / "manifest.csv").write_text("path,label\nframes/0.png,0\n")
    read = [folder / "frames/0.png", folder / "unmasked/masks.png"]
    assert list(find_media([folder])) == read
    (note,) = notes(folder)
    assert "; the 3 files in its folders of masks are left out; to measure" in note
    assert len(find_media([folder, folder / "masks"])) == 4  # that were asked for
