from __future__ import annotations

from registry.builtin.datasets.folder_names import merged_by_folder
from registry.contracts.types import Video


def video(name: str, label: int) -> Video:
    return Video(dataset="set", id=name, label=1 if label else 0, frames=())


def test_four_manipulations_of_one_name_are_one_video_to_deepfakebench() -> None:
    """The case of FaceForensics++: 560 fakes of 140 names and 140 reals."""
    frames = [
        (
            video(f"{group}/{pair:03d}", 1),
            f"FaceForensics++\\{group}\\c23\\frames\\{pair:03d}_x\\0.png",
        )
        for group in ("FF-DF", "FF-F2F", "FF-FS", "FF-NT")
        for pair in range(140)
    ]
    frames += [(video(f"FF-real/{n}", 0), f"x\\frames\\{n:03d}\\0.png") for n in range(140)]
    (note,) = merged_by_folder(frames)
    assert "would make 280 videos of these 700, because 560 of them share 140 names;" in note
    assert "'000_x' is FF-DF/000, FF-F2F/000, FF-FS/000, ...." in note
    assert "mix" not in note


def test_flat_folders_of_images_are_two_videos_and_a_shared_name_mixes_labels() -> None:
    frames = [(video(f"r{n}", 0), f"data/real/{n}.png") for n in range(3)]
    frames += [(video(f"f{n}", 1), f"data/fake/{n}.png") for n in range(2)]
    assert "2 videos of these 5, because 5 of them share 2 names;" in merged_by_folder(frames)[0]
    mixed = [(video("a", 0), "real/v/0.png"), (video("b", 1), "fake/v/0.png")]
    assert "share 1 name, 1 of which would mix reals and fakes;" in merged_by_folder(mixed)[0]


def test_the_backslash_goes_before_the_slash() -> None:
    apart = [(video("a", 0), "x/a\\v\\0.png"), (video("b", 1), "x\\v/0.png")]
    assert merged_by_folder(apart) == ()


def test_names_that_are_not_shared_need_no_word() -> None:
    frames = [(video(name, 0), f"real/{name}/{at}.png") for name in "abc" for at in range(2)]
    assert merged_by_folder(frames) == ()
