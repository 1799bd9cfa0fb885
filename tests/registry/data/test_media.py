"""What lies in folders: read, or counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from registry import fit, predict
from registry.builtin.datasets.class_folders import folder_videos
from registry.cli import main
from registry.contracts.types import DatasetRequest
from registry.data.index import find_index
from registry.data.inputs import find_media
from registry.data.media import animation_notes, scan_folder, unread_notes
from registry.errors import BenchError
from registry.plugins.discovery import load_plugins
from tests.shared.films import encoded
from tests.shared.layouts import write_image

READ = ["a.png", "b.gif", "c.jp2", "d.jfif", "e.ppm", "f.heic", "g.3gp", "h.MTS", "i.ogv", "j.mpo"]
UNREAD = ["k.txt", "l.txt", "m.JSON", "Makefile", ".hidden.txt", ".git/config.txt"]


@pytest.fixture
def holiday(tmp_path: Path) -> Path:
    folder = tmp_path / "holiday"
    for name in (*READ, *UNREAD):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_whatever_can_be_read_is_found(holiday: Path) -> None:
    assert [path.name for path in find_media([holiday])] == READ
    images, files, folders = scan_folder(holiday)
    assert sorted(path.name for path in (*images, *files)) == READ
    assert folders == []


def test_what_is_not_read_is_counted_by_suffix(holiday: Path) -> None:
    (note,) = unread_notes([holiday, holiday])
    assert note == ("skipped, as neither images nor videos: 2 .txt, 1 without a suffix, 1 .json")
    assert unread_notes([]) == []


def test_of_animations_a_note_says_what_is_read(holiday: Path) -> None:
    (note,) = animation_notes(find_media([holiday]))
    assert note == "only the first frame of an animation is read: 1 .gif"


def test_many_suffixes_are_summed_up(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / f"a.x{number:02d}").touch()
    (note,) = unread_notes([tmp_path])
    assert note.endswith("1 .x07, 4 of other suffixes")


# --- commands ---------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for number, name in enumerate(("real/a.png", "real/b.png", "fake/c.png", "fake/d.png")):
        write_image(tmp_path / "set" / name, seed=number)
    Image.new("RGB", (64, 64), "red").save(tmp_path / "set/real/e.gif")
    (tmp_path / "set/real/notes.txt").touch()
    return tmp_path / "set"


NOTES = [
    "set: skipped, as neither images nor videos: 1 .txt",
    "only the first frame of an animation is read: 1 .gif",
]


def test_a_data_set_says_what_of_it_is_not_read(data: Path) -> None:
    assert list(find_index(str(data), "test", load_plugins()).notes) == NOTES
    assert folder_videos(DatasetRequest(name="set", root=data, split="test")).notes == (NOTES[0],)


def test_data_check_says_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check", str(data), "--quiet"]) == 0
    out = capsys.readouterr().out
    assert all(f"note: {note}" in out for note in NOTES)


def test_predict_says_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--detector", "random", "--crop-from", "frame", "--quiet"]
    assert main(["predict", str(data), *given]) == 0
    err = capsys.readouterr().err
    assert "note: skipped, as neither images nor videos: 1 .txt" in err
    assert f"note: {NOTES[1]}" in err


@pytest.mark.slow
def test_prepare_says_it(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "crops"), "--crop-from", "auto", "--face-detector", "dlib"]
    main(["prepare", str(data / "real"), "--label", "real", "--quiet", *out])
    assert "note: skipped, as neither images nor videos: 1 .txt" in capsys.readouterr().err


def test_fit_says_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BenchError):  # there are no landmarks to be found in noise
        fit(train=(str(data),), weights="random", crop_from="landmarks")
    assert f"note: {NOTES[0]}" in capsys.readouterr().out


# --- what is no file --------------------------------------------------------------------------


def test_pipes_devices_and_links_to_themselves_end_with_a_reason(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    encoded(tmp_path / "film.mp4", 2)
    found = predict(tmp_path, detector="random", crop_from="frame", quiet=True)
    reasons = {each.path.name: each.error for each in found}
    assert reasons.pop("film.mp4") == ""
    assert "a pipe" in reasons.pop("pipe.png")
    assert "a pipe" in reasons.pop("pipe.mp4")
    assert "a device" in reasons.pop("zero.png")
    assert "symbolic links" in reasons.pop("loop.png")
    assert reasons == {}
    assert [each.sha256 for each in found if each.error] == [None] * 4


def test_data_check_finds_them_and_a_link_to_itself_hides_no_others(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(data / "fake/pipe.png")
    (data / "fake/loop.png").symlink_to(data / "fake/loop.png")
    assert main(["data", "check", str(data), "--quiet"]) == 1
    out = capsys.readouterr().out
    assert "fake/pipe.png is not a file but a device, a pipe or a socket" in out
    assert "fake/loop.png" in out
    assert "videos: 3 real, 4 fake" in out


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("a.ts", "text", "it is a text file, not a video"),
        ("a.ts", "empty", "it is an empty file"),
        ("a.mp4", "image", "it is an image, not a video"),
        ("a.png", "video", r"it is a video whose name lacks a video suffix (.mp4, .mkv)"),
        ("a.png", "text", "not an image"),
    ],
)
def test_the_reason_is_what_the_file_is(tmp_path: Path, name: str, kind: str, reason: str) -> None:
    path = tmp_path / name
    content = {"text": b"const a = 1;\n", "empty": b""}.get(kind)
    if kind == "image":
        content = write_image(tmp_path / "b.png").read_bytes()
    if kind == "video":
        content = encoded(tmp_path / "b.mp4", 2).read_bytes()
    path.write_bytes(content or b"")
    (found,) = predict(path, detector="random", crop_from="frame", quiet=True)
    assert reason.removeprefix("it is ") in found.error
