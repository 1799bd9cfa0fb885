"""What is found in the files that DeepfakeBench's own scripts write, and users beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from registry.builtin.datasets.deepfakebench.labels import load_labels
from registry.builtin.datasets.deepfakebench.reader import deepfakebench_json_videos, known_videos
from registry.data.index import select_frames
from registry.errors import DataError, EmptySplitError
from tests.shared.layouts import request, write_frames, write_json


def one_set(root: Path, labels: tuple[str, str], **more: Any) -> dict[str, Any]:
    """Groups of one video each, real and fake, with `more` splits."""
    groups = {}
    for label in labels:
        frames = write_frames(root, f"Some/{label}/frames/{label}_v", 2)
        videos = {f"{label}_v": {"label": label, "frames": frames}}
        groups[label] = {"train": {}, "val": {}, "test": videos, **more}
    return groups


def test_a_malformed_split_that_nobody_asked_for_is_no_error(tmp_path: Path) -> None:
    malformed = {"label": "DFDC_Real", "frames": ["a.png"]}
    groups = one_set(tmp_path, ("DFDC_Real", "DFDC_Fake"), val=malformed)
    write_json(tmp_path / "DFDC.json", groups)
    assert len(deepfakebench_json_videos(request("dfdc", data_root=tmp_path)).videos) == 2
    with pytest.raises(DataError, match="is a str; a DeepfakeBench JSON nests label, split"):
        deepfakebench_json_videos(request("dfdc", data_root=tmp_path, split="val"))
    with pytest.raises(EmptySplitError, match="splits with videos: test, val"):
        deepfakebench_json_videos(request("dfdc", data_root=tmp_path, split="train"))


def test_the_file_of_the_very_name_wins_over_a_known_set_elsewhere(tmp_path: Path) -> None:
    root = tmp_path / "crops"
    write_json(root / "dfdc.json", one_set(root, ("dfdc_real", "dfdc_fake")), name="dfdc")
    known = one_set(root, ("DFDC_Real", "DFDC_Fake"))
    write_json(tmp_path / "dataset_json" / "DFDC.json", known)
    index = deepfakebench_json_videos(request("dfdc", data_root=root))
    assert [video.id for video in index.videos] == [
        "dfdc_real/dfdc_real_v",
        "dfdc_fake/dfdc_fake_v",
    ]
    (root / "dfdc.json").unlink()
    index = deepfakebench_json_videos(request("dfdc", data_root=root))
    assert [video.dataset for video in index.videos] == ["DFDC", "DFDC"]


def test_a_set_of_the_users_may_bear_the_name_of_a_known_one(tmp_path: Path) -> None:
    labels = ("Celeb-DF-v2_real", "Celeb-DF-v2_fake")
    write_json(tmp_path / "Celeb-DF-v2.json", one_set(tmp_path, labels))
    known = known_videos("celeb_df_v2", request("celeb_df_v2", data_root=tmp_path))
    own = deepfakebench_json_videos(request("Celeb-DF-v2", data_root=tmp_path))
    for index in (known, own):
        assert [video.label for video in index.videos] == [0, 1]


def test_labels_that_upstream_knows_too(tmp_path: Path) -> None:
    labels = load_labels(None)
    found = {name: labels.label(name) for name in ("real", "fake", "FaceShifter")}
    assert found == {"real": 0, "fake": 1, "FaceShifter": 1}
    write_json(tmp_path / "mine.json", one_set(tmp_path, ("real", "fake")))
    videos = deepfakebench_json_videos(request("mine", data_root=tmp_path)).videos
    assert [(video.label, video.method) for video in videos] == [(0, ""), (1, "fake")]


def test_frames_come_in_the_order_of_their_numbers_not_of_the_file(tmp_path: Path) -> None:
    groups = one_set(tmp_path, ("a_real", "a_fake"))
    folder = tmp_path / "Some/a_real/frames/a_real_v"
    (folder / "000.png").rename(folder / "10.png")
    (folder / "001.png").rename(folder / "9.png")
    listed = [f"Some\\a_real\\frames\\a_real_v\\{name}.png" for name in ("10", "9")]
    groups["a_real"]["test"]["a_real_v"]["frames"] = listed
    write_json(tmp_path / "a.json", groups)
    video = deepfakebench_json_videos(request("a", data_root=tmp_path)).videos[0]
    assert [frame.path.name for frame in video.frames] == ["9.png", "10.png"]
    assert [frame.index for frame in video.frames] == [0, 1]
    assert select_frames(video, 1, "linspace")[0].path.name == "9.png"


def test_their_policy_sorts_by_the_integer_before_the_point_and_takes_the_first(
    tmp_path: Path,
) -> None:
    names = ["012.png", "012_1.png", "013.png", "100.x.png"]
    videos = {"v": {"label": "a_real", "frames": [f"./f/frames/v/{name}" for name in names]}}
    write_json(tmp_path / "a.json", {"a_real": {"test": videos}})
    asked = request("a", data_root=tmp_path, min_resolved=0.0)
    (video,) = deepfakebench_json_videos(asked).videos

    def chosen(count: int) -> list[str]:
        return [frame.path.name for frame in select_frames(video, count, "deepfakebench")]

    # int("012_1") is 121 in Python, which is what theirs asks
    assert chosen(9) == ["012.png", "013.png", "100.x.png", "012_1.png"]
    assert chosen(2) == ["012.png", "013.png"]


def test_a_name_that_is_no_number_is_told_where_theirs_would_stop(tmp_path: Path) -> None:
    videos = {"v": {"label": "a_real", "frames": ["./f/frames/v/frame12.png"]}}
    write_json(tmp_path / "a.json", {"a_real": {"test": videos}})
    (video,) = deepfakebench_json_videos(request("a", data_root=tmp_path, min_resolved=0.0)).videos
    with pytest.raises(
        DataError, match=r"'frame12.png' is not a number: DeepfakeBench itself would stop"
    ):
        select_frames(video, 1, "deepfakebench")
