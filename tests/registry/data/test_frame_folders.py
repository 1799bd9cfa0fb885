"""Folders of images that are the frames of one clip: found, read, and noticed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from registry.contracts.types import Frame
from registry.data.frame_folders import frame_at, frame_folder_notes, frames_in, picture_notes
from registry.data.inputs import find_media


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(root: Path, *inputs: str) -> list[str]:
    listed = find_media([root / name for name in inputs], clips=True)
    assert not any(listed.values())
    return [path.relative_to(root).as_posix() for path in listed]


def test_a_folder_without_folders_stands_for_its_images(tmp_path: Path) -> None:
    touch(tmp_path, "c/10.png", "c/9.png", "c/landmarks/9.npy", "c/b.mp4", "photo.jpg", "d/e/1.png")
    assert found(tmp_path, ".") == ["photo.jpg", "c", "c/b.mp4", "d/e"]
    assert found(tmp_path, "c") == ["c", "c/b.mp4"]
    assert found(tmp_path, "c/10.png", "c") == ["c/10.png", "c", "c/b.mp4"]
    assert len(find_media([tmp_path])) == 5


def test_frames_are_in_natural_order_and_found_by_their_number(tmp_path: Path) -> None:
    touch(tmp_path, "10.png", "9.png", ".8.png", "b.mp4", "notes.txt")
    expected = (Frame(path=tmp_path / "9.png"), Frame(path=tmp_path / "10.png", index=1))
    assert frames_in(tmp_path) == expected
    assert frame_at(tmp_path, 1) == expected[1]
    assert frame_at(tmp_path / "b.mp4", 3) == Frame(path=tmp_path / "b.mp4", index=3)


def test_the_folder_of_a_clip_may_be_named_like_a_video(tmp_path: Path) -> None:
    touch(tmp_path, "b.mp4/0.png", "b.mp4/1.png")
    assert found(tmp_path, ".") == ["b.mp4"]
    assert frame_at(tmp_path / "b.mp4", 1).path.name == "1.png"


EVEN = [f"{number:03d}.png" for number in range(0, 96, 12)]


def listed(folder: str, names: Iterable[str]) -> list[Path]:
    return [Path(folder, name) for name in names]


def test_images_that_are_numbered_like_frames_are_noticed_once() -> None:
    files = [*listed("a", EVEN), *listed("b", EVEN), *listed("c", ["x.png"])]
    (note,) = frame_folder_notes(files)
    assert note.startswith(
        "the 8 images in a are numbered like the frames of one clip, as are those in 1 more; if"
        " they are, name the folder and add --clips: "
    )
    (note,) = frame_folder_notes(files[:8])
    assert "of one clip; if they are" in note


@pytest.mark.parametrize(
    ("names", "noticed"),
    [
        (EVEN, True),
        (EVEN[:7], False),
        ([f"{folder}/{number}.png" for folder in "abc" for number in range(3)], True),
        ([f"{folder}/{number}.png" for folder in "abcde" for number in range(2)], False),
        ([*EVEN[:4], *EVEN[5:], "cover.png", "096.png"], True),  # a face was not found in one
        ([f"id0_{number}.jpg" for number in range(3, 12)], True),
        ([f"id{number}_0.jpg" for number in range(3, 12)], False),
        ([f"{number}.png" for number in (2, 3, 17, 40, 41, 77, 152, 153, 400)], False),
        ([f"{number}.mp4" for number in range(9)], False),
        ([f"{letter}.png" for letter in "abcdefghijk"], False),
    ],
)
def test_other_names_are_not(names: list[str], noticed: bool) -> None:
    assert bool(frame_folder_notes(listed("a", names))) is noticed


def test_images_that_are_no_frames_are_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.png", "photo.jpg", "portrait.png/1.png")
    files = find_media([tmp_path], clips=True)
    (note,) = picture_notes(files)
    assert note.startswith(f"{tmp_path / 'photo.jpg'} is judged as a picture in spite of --clips")
    (note,) = picture_notes([*files, tmp_path / "other.jpg"])
    assert note.startswith("2 images are judged as pictures")
    assert picture_notes(find_media([tmp_path / "a"], clips=True)) == []
