from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from registry.builtin.commands.data_check import check_data
from registry.builtin.commands.data_options import CheckConfig
from registry.cli import main
from registry.plugins.discovery import load_plugins
from tests.shared.layouts import celeb_df, cut, landmarks, write_image, write_video

QUIET = CheckConfig(quiet=True, frames=2, workers=1)


def check(root: Path, config: CheckConfig = QUIET):
    return check_data(str(root), config, load_plugins())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number, name in enumerate(("real/a", "real/b", "fake/swap/a", "fake/warp/a")):
        for frame in range(2):
            write_image(tmp_path / name / f"{frame}.png", seed=10 * number + frame)
    return tmp_path


def test_sound_data_is_counted_and_nothing_is_wrong(data: Path) -> None:
    report = check(data)
    assert (report.reals, report.fakes, report.frames) == (2, {"swap": 1, "warp": 1}, 8)
    assert not report.wrong
    assert report.short == ()


def test_every_kind_of_fault_is_found_once(data: Path) -> None:
    (data / "real/a/0.png").write_bytes(b"")
    (data / "real/b/1.png").write_bytes(b"no picture")
    shutil.copy(data / "fake/swap/a/0.png", data / "fake/warp/a/1.png")
    report = check(data)
    assert report.empty == (str(data / "real/a/0.png"),)
    (unreadable,) = report.unreadable
    assert str(data / "real/b/1.png") in unreadable
    (duplicated,) = report.duplicated
    assert duplicated.startswith("fake/swap/a and fake/warp/a: ")
    assert report.missing == ()
    assert report.wrong


def test_landmarks_are_held_against_their_images(tmp_path: Path) -> None:
    """What an evaluation would refuse, frame by frame, is found before."""
    lines = ["path,label,landmarks"]
    for number, (name, points) in enumerate(
        {"whole": landmarks(), "shares": landmarks() / 64, "larger": 9 * landmarks()}.items()
    ):
        write_image(tmp_path / f"{name}.png", seed=number)
        np.save(tmp_path / f"{name}.npy", points)
        lines.append(f"{name}.png,{number % 2},{name}.npy")
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    larger, shares = sorted(check(tmp_path / "manifest.csv").unreadable)
    assert "larger.npy lie outside the 64x64 image: they look like those of an image of" in larger
    assert "shares.npy lie between 0.28 and 0.72: they look like fractions" in shares


def test_what_a_decoder_would_mend_by_guessing_is_found(data: Path) -> None:
    lost = write_image(data / "real/a/0.jpg", seed=1)
    content = lost.read_bytes()
    middle = len(content) // 2
    lost.write_bytes(content[:middle] + bytes(512) + content[middle + 512 :])
    (line,) = check(data, replace(QUIET, frames=9)).unreadable
    assert "0.jpg: the JPEG is damaged" in line


def test_a_real_that_is_a_fake_is_said_to_be_one(data: Path) -> None:
    shutil.copy(data / "real/a/0.png", data / "fake/warp/a/1.png")
    (line,) = check(data).duplicated
    assert "real/a and fake/warp/a, one real and one fake: " in line


def test_a_still_scene_within_one_video_is_no_duplicate(data: Path) -> None:
    shutil.copy(data / "real/a/0.png", data / "real/a/1.png")
    assert not check(data).wrong


def test_short_videos_are_listed_and_no_fault(data: Path) -> None:
    report = check(data, replace(QUIET, frames=3))
    assert report.short[0] == "real/a: 2 of 3"
    assert len(report.short) == 4
    assert not report.wrong
    assert check(data, replace(QUIET, frame_policy="all")).short == ()


def test_of_single_images_none_is_too_short(data: Path, tmp_path: Path) -> None:
    stills = tmp_path / "stills"
    for name in ("real", "fake"):
        (stills / name).mkdir(parents=True)
        shutil.copy(data / "real/a/0.png", stills / name / f"{name}.png")
    report = check(stills, replace(QUIET, frames=3))
    assert (report.reals, report.short) == (1, ())


def test_only_what_an_evaluation_reads_is_read(data: Path) -> None:
    (data / "real/a/1.png").write_bytes(b"no picture")
    assert not check(data, replace(QUIET, frames=1)).wrong
    assert check(data).wrong


def test_missing_frames_are_those_that_the_index_lists(tmp_path: Path) -> None:
    celeb_df(tmp_path)
    absent = tmp_path / "Celeb-DF-v2/YouTube-real/frames/00001/002.png"
    absent.unlink()
    config = CheckConfig(data_root=str(tmp_path), min_resolved=0.5, quiet=True)
    report = check_data("celeb_df_v2", config, load_plugins())
    assert report.missing == (str(absent),)
    assert (report.resolved[0].found, report.resolved[0].listed) == (5, 6)
    assert report.with_landmarks == 11
    refused = check_data("celeb_df_v2", replace(config, min_resolved=0.95), load_plugins())
    assert refused.wrong
    assert "fewer than --min-resolved" in refused.error


def test_a_damaged_video_file_is_one_line(tmp_path: Path) -> None:
    write_video(tmp_path / "real/a.mp4")
    shutil.copy(tmp_path / "real/a.mp4", tmp_path / "real/b.mp4")
    (tmp_path / "fake").mkdir()
    cut(write_video(tmp_path / "fake/c.mp4", movflags="faststart"), 0.5)
    report = check(tmp_path, replace(QUIET, frames=6))
    assert len(report.unreadable) == 1
    assert "c.mp4" in report.unreadable[0]
    assert len(report.duplicated) == 1


def test_the_command_prints_what_it_found_and_says_so_by_its_exit_code(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["data", "check", str(data)]
    flags = ["--frames", "2", "--quiet"]
    assert main([*line, *flags]) == 0
    out = capsys.readouterr().out
    assert "videos: 2 real, 2 fake (swap 1, warp 1)" in out
    assert "missing: none" in out
    (data / "real/a/0.png").write_bytes(b"")
    assert main([*line, "nowhere/at/all", *flags, "--json"]) == 1
    sound, absent = json.loads(capsys.readouterr().out)
    assert sound["empty"] == [str(data / "real/a/0.png")]
    assert sound["wrong"] is True
    assert "no such file or folder" in absent["error"]


def test_another_split_is_advised_only_where_the_split_is_the_reason(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(data), "nowhere/at/all", "--split", "tets", "--quiet"]) == 1
    empty, absent = capsys.readouterr().out.split("nowhere/at/all, split tets\n")
    assert "cannot be read: no videos in split 'tets'" in empty
    assert "(--split chooses another split)" in empty
    assert "cannot be read: no such file or folder" in absent
    assert "--split" not in absent
