"""Data sets of the package `datasets`, from a folder that it saved."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from registry.contracts.types import DataOptions, VideoIndex
from registry.data.images import read_image
from registry.data.index import data_fingerprint, find_index
from registry.errors import ConfigError, DataError, EmptySplitError
from registry.plugins.discovery import load_plugins

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the package itself


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def png(shade: int, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((24, 24, 3), shade, np.uint8)).save(out, form)
    return out.getvalue()


def table(columns: Mapping[str, Any], names: tuple[str, ...] = ("real", "fake")) -> Any:
    """A table with the images' bytes and a class for each row."""
    datasets = pytest.importorskip("datasets")
    kinds = {"image": datasets.Image(), "label": datasets.ClassLabel(names=list(names))}
    if not names:
        kinds["label"] = datasets.Value("int64")
    columns = {"image": [{"bytes": png(9 * at)} for at in range(len(columns["label"]))]} | dict(
        columns
    )
    others = {
        name: datasets.Value("int64" if isinstance(values[0], int) else "string")
        for name, values in columns.items()
        if name not in kinds
    }
    return datasets.Dataset.from_dict(dict(columns), features=datasets.Features(kinds | others))


def found(path: Path, split: str = "test", **options: Any) -> VideoIndex:
    return find_index(str(path), split, load_plugins(), DataOptions(**options))


def test_a_saved_folder_is_read_with_its_splits_and_classes(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    splits = {
        "train": table({"label": [0]}),
        "validation": table({"label": [0, 1, 1]}, ("Real", "swap")),
    }
    label_map = tmp_path / "labels.yaml"
    label_map.write_text("labels:\n  swap: 1\n")
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "set")
    index = found(tmp_path / "set", "val", label_map=label_map)
    assert [
        (each.dataset, each.id, each.label, each.method, each.split) for each in index.videos
    ] == [
        ("set", "val/0000000", 0, "", "val"),
        ("set", "val/0000001", 1, "swap", "val"),
        ("set", "val/0000002", 1, "swap", "val"),
    ]
    (frame,) = index.videos[2].frames
    np.testing.assert_array_equal(read_image(frame.path), np.full((24, 24, 3), 18, np.uint8))
    assert frame.path.is_relative_to(tmp_path / "cache")
    assert "copied to" in index.notes[0]
    with pytest.raises(EmptySplitError, match=r"no split 'test' in .*; splits: train, validation"):
        found(tmp_path / "set", "test")


def test_rows_of_one_video_are_one_in_the_order_of_their_frames(tmp_path: Path) -> None:
    rows = {"label": [1, 1, 0], "video": ["a", "a", "b"], "frame": [7, 3, 0]}
    rows |= {"method": ["f2f", "f2f", "x"], "identity": ["anne", "anne", "bob"]}
    table(rows).save_to_disk(tmp_path / "set")
    one, other = found(tmp_path / "set").videos
    assert (one.id, one.label, one.method, one.identity) == ("a", 1, "f2f", "anne")
    assert [frame.index for frame in one.frames] == [3, 7]
    assert read_image(one.frames[0].path)[0, 0, 0] == 9
    assert (other.label, other.method) == (0, "")


def test_images_that_changed_are_written_anew_and_others_left(tmp_path: Path) -> None:
    table({"label": [0, 1]}).save_to_disk(tmp_path / "set")
    before = found(tmp_path / "set")
    paths = [video.frames[0].path for video in before.videos]
    times = [path.stat().st_mtime_ns for path in paths]
    assert data_fingerprint(found(tmp_path / "set").videos) == data_fingerprint(before.videos)
    assert [path.stat().st_mtime_ns for path in paths] == times
    held = paths[0].read_bytes()
    paths[0].write_bytes(bytes(len(held)))  # of the same length
    found(tmp_path / "set")
    assert paths[0].read_bytes() == held


def test_numbers_without_names_are_no_guess(tmp_path: Path) -> None:
    table({"label": [0, 1]}, names=()).save_to_disk(tmp_path / "set")
    with pytest.raises(DataError, match="numbers without names, and data sets differ in which"):
        found(tmp_path / "set")
    (tmp_path / "labels.yaml").write_text('labels:\n  "0": 1\n  "1": 0\n')
    index = found(tmp_path / "set", label_map=tmp_path / "labels.yaml")
    assert [(each.label, each.method) for each in index.videos] == [(1, ""), (0, "")]


def test_words_that_nobody_explains_and_videos_of_two_labels_are_refused(tmp_path: Path) -> None:
    table({"label": [0, 1]}, ("human", "fake")).save_to_disk(tmp_path / "words")
    with pytest.raises(DataError, match="label group 'human' is neither real nor fake"):
        found(tmp_path / "words")
    table({"label": [0, 1], "video": ["a", "a"]}).save_to_disk(tmp_path / "two")
    with pytest.raises(DataError, match="video 'a' of two is both fake and real"):
        found(tmp_path / "two")


def test_a_table_without_an_image_or_a_label_lists_its_columns(tmp_path: Path) -> None:
    table({"label": [0]}).remove_columns("image").save_to_disk(tmp_path / "none")
    with pytest.raises(
        DataError, match=r"no column of kind image; .*columns: label \(ClassLabel\)"
    ):
        found(tmp_path / "none")
    both = table({"label": [0]}).add_column("left", [{"bytes": png(1)}])
    datasets = pytest.importorskip("datasets")
    both = both.cast_column("left", datasets.Image()).rename_column("image", "right")
    both.save_to_disk(tmp_path / "both")
    with pytest.raises(
        DataError, match=r"2 columns \(right, left\) of kind image; exactly one is needed"
    ):
        found(tmp_path / "both")


def test_what_cannot_be_opened_says_so_in_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    (tmp_path / "state.json").write_text("{}")
    with pytest.raises(DataError, match=r"the package datasets cannot open .* write hf:DIR"):
        found(tmp_path)


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match=r"pip install 'lesb-plugin\[hf\]'"):
        found(tmp_path)
