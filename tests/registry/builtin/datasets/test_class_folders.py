"""Folders real/ and fake/, of images and videos."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.builtin.datasets.class_folders import folder_videos, recognises_folder
from registry.builtin.datasets.manifest import recognises_manifest
from registry.errors import DataError
from tests.shared.data_requests import ids, request


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_images_are_videos_of_their_own_and_sub_folders_are_videos(tmp_path: Path) -> None:
    touch(
        tmp_path, "real/b.png", "real/a10.JPG", "real/a9.jpg", "real/clip/2.png", "real/clip/10.png"
    )
    touch(tmp_path, "fake/x.webp", "fake/deepfakes/v1/0.png", "fake/faceswap/v1/0.png")
    videos = folder_videos(request(tmp_path)).videos
    assert ids(videos) == [
        "real/a9",
        "real/a10",
        "real/b",
        "real/clip",
        "fake/x",
        "fake/deepfakes/v1",
        "fake/faceswap/v1",
    ]
    assert [video.label for video in videos] == [0, 0, 0, 0, 1, 1, 1]
    assert [video.method for video in videos] == ["", "", "", "", "", "deepfakes", "faceswap"]
    assert [frame.path.name for frame in videos[3].frames] == ["2.png", "10.png"]
    assert [frame.index for frame in videos[3].frames] == [0, 1]
    assert {video.dataset for video in videos} == {tmp_path.name}


def test_beside_single_real_images_folders_of_fake_images_are_methods(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.png", "fake/warp/a.png", "fake/warp/b.png", "fake/swap/a.png")
    index = folder_videos(request(tmp_path))
    assert ids(index.videos) == ["real/a", "fake/swap/a", "fake/warp/a", "fake/warp/b"]
    assert [video.method for video in index.videos] == ["", "swap", "warp", "warp"]
    (note,) = index.notes
    assert "methods of single images: swap, warp; if they are videos" in note


def test_beside_real_videos_they_are_videos(tmp_path: Path) -> None:
    touch(tmp_path, "real/clip/0.png", "fake/warp/a.png", "fake/warp/b.png")
    index = folder_videos(request(tmp_path))
    assert ids(index.videos) == ["real/clip", "fake/warp"]
    assert index.notes == ()


def test_a_video_named_like_its_method_is_no_single_image(tmp_path: Path) -> None:
    touch(tmp_path, "real/clip/0.png", "fake/warp/warp/0.png", "fake/warp/warp/1.png")
    index = folder_videos(request(tmp_path))
    assert ids(index.videos) == ["real/clip", "fake/warp/warp"]
    assert index.notes == ()


def test_split_folders_are_splits(tmp_path: Path) -> None:
    touch(tmp_path, "train/real/a.png", "test/real/a.png", "test/fake/a.png")
    assert ids(folder_videos(request(tmp_path, "train")).videos) == ["train/real/a"]
    assert ids(folder_videos(request(tmp_path, "test")).videos) == ["test/real/a", "test/fake/a"]
    with pytest.raises(DataError, match=r"split 'val' .* test 2, train 1"):
        folder_videos(request(tmp_path, "val"))


def test_hidden_and_other_files_are_no_data(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "real/a.png",
        "real/.b.png",
        "real/.cache/c.png",
        "real/notes.txt",
        "real/Thumbs.db",
    )
    assert ids(folder_videos(request(tmp_path)).videos) == ["real/a"]


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("real/v/a.png", "real/v/w/b.png"), "holds images and folders"),
        (("fake/m/v/deep/a.png",), "too deep"),
        (("real/v/readme.txt",), "no images in .*v; add some, or remove the folder"),
        (("real/a.png", "real/a.jpg"), "real/a twice"),
        (("real/a.png", "train/real/a.png"), "both at its top and under train"),
        (("other/a.png",), "neither real/ nor fake/"),
    ],
)
def test_an_unclear_folder_is_an_error(tmp_path: Path, names: tuple[str, ...], reason: str) -> None:
    touch(tmp_path, *names)
    with pytest.raises(DataError, match=reason):
        folder_videos(request(tmp_path))


def test_an_empty_folder_has_no_videos(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    with pytest.raises(DataError, match="has no images or videos; check its path"):
        folder_videos(request(tmp_path))


def test_a_manifest_goes_before_the_folders_beside_it(tmp_path: Path) -> None:
    touch(tmp_path, "real/a.png")
    assert (recognises_manifest(tmp_path), recognises_folder(tmp_path)) == (False, True)
    touch(tmp_path, "manifest.csv")
    assert (recognises_manifest(tmp_path), recognises_folder(tmp_path)) == (True, False)
    assert recognises_manifest(tmp_path / "manifest.csv")


def test_what_is_neither_is_recognised_by_none(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "images/b.png")
    for path in (tmp_path, tmp_path / "a.png", tmp_path / "images", tmp_path / "gone"):
        assert not recognises_manifest(path)
        assert not recognises_folder(path)
