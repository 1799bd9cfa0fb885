"""`bench predict --clips`: a folder of frames is judged as the video file that they are from."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import registry.cli.detector_flags
import registry.tasks.predict
import registry.tasks.ready
from registry import Prediction, predict
from registry.cli import main
from registry.data.videos import VideoCursor, count_frames
from tests.shared.drawn_files import drawn_plugins, film, portrait, write
from tests.shared.tiny import write_reals

Bench = Callable[..., tuple[int, str, str]]

REDS = (0, 2, 1, 40, 45, 42, 44, 3, 0, 1)


def frames_of(film: Path, folder: Path) -> Path:
    """Write every frame of a film as the PNG file of its number."""
    folder.mkdir(parents=True)
    cursor = VideoCursor()
    for number in range(count_frames(film)):
        write(folder / f"{number}.png", cursor.read(film, number))
    cursor.close()
    return folder


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return film(tmp_path / "clip.mp4", [portrait(red=red) for red in REDS])


@pytest.fixture
def how(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    plugins = drawn_plugins()
    for module in (registry.tasks.predict, registry.tasks.ready, registry.cli.detector_flags):
        monkeypatch.setattr(module, "load_plugins", lambda: plugins)
    reals = write_reals(tmp_path_factory.mktemp("reals"), 24)
    return {
        "detector": "redness", "face_detector": "drawn", "landmarker": "mean", "reference": reals
    }  # fmt: skip


@pytest.fixture
def bench(how: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> Bench:
    flags = [part for key, value in how.items() for part in (f"--{key.replace('_', '-')}", value)]

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["predict", "--quiet", *flags, *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def without_times(found: Prediction) -> dict[str, Any]:
    """Return all that a prediction says, but for its name and the seconds of frames."""
    frames = tuple(replace(frame, seconds=None, file=None) for frame in found.frames)
    verdict = found.verdict
    assert verdict is not None
    runs = [(each.first, each.last) for each in verdict.segments]
    return {
        "frames": frames, "score": found.score, "parts": found.parts, "runs": runs,
        "verdict": (verdict.word, verdict.p, verdict.p_run, verdict.below, verdict.part),
    }  # fmt: skip


@pytest.mark.parametrize("frames", [32, 4])
def test_a_folder_is_judged_as_the_film_of_its_frames(
    clip: Path, tmp_path: Path, how: dict[str, Any], frames: int
) -> None:
    folder = frames_of(clip, tmp_path / "frames/clip")
    settings = {**how, "frames": frames, "quiet": True}
    (film,) = predict(clip, **settings)
    (found,) = predict(folder, clips=True, **settings)
    assert without_times(found) == without_times(film)
    assert len(found.frames) == min(frames, len(REDS))
    assert found.verdict is not None
    assert found.verdict.p_run is not None  # runs of frames were looked for
    assert {frame.file for frame in film.frames} == {None}
    assert all(frame.file == str(folder / f"{frame.index}.png") for frame in found.frames)
    assert len(predict(folder, **settings)) == len(REDS)


def test_every_clip_has_a_line_and_frames_without_a_face_are_counted(
    clip: Path, tmp_path: Path, bench: Bench
) -> None:
    one, two = (frames_of(clip, tmp_path / "frames" / name) for name in ("id2", "id10"))
    for number in (1, 4):
        write(two / f"{number}.png", np.full((64, 64, 3), 30, np.uint8))
    photo = write(tmp_path / "photo.png", portrait())
    code, out, err = bench(one.parent, photo, "--clips")
    first, second, third = (line.split("\t") for line in out.splitlines()[1:])
    assert [first[0], second[0], third[0]] == [str(one), str(two), str(photo)]
    assert f"8 of 10 frames scored (2 x no face found in {two} by face detector" in second[6]
    assert code == 0
    assert err.count("--clips") == 1
    assert f"{photo} is judged as a picture in spite of --clips" in err
    code, out, _ = bench(one.parent, "--clips", "--json", "--start-at", two)
    (record,) = map(json.loads, out.splitlines())
    assert (record["path"], record["sha256"], record["error"]) == (str(two), None, None)
    assert [frame["index"] for frame in record["frames"]] == list(range(10))
    assert [frame["seconds"] for frame in record["frames"]] == [None] * 10


def test_a_frame_that_cannot_be_read_is_named(clip: Path, tmp_path: Path, bench: Bench) -> None:
    folder = frames_of(clip, tmp_path / "frames/id0")
    (folder / "4.png").write_bytes(b"")
    code, out, _ = bench(folder, "--clips")
    assert code == 0
    assert f"9 of 10 frames scored (1 x {folder / '4.png'} is an empty file)" in out
    (folder / "5.png").write_bytes(b"")
    assert f"8 of 10 frames scored (2 x {folder} is an empty file)" in bench(folder, "--clips")[1]


def test_the_folders_of_a_data_set_are_no_clips(clip: Path, tmp_path: Path, bench: Bench) -> None:
    folder = frames_of(clip, tmp_path / "data/frames")
    (folder.parent / "manifest.csv").write_text("path,label\nframes/0.png,0\n", "utf-8")
    code, out, err = bench(folder.parent, "--clips")
    assert (code, out) == (2, "")
    assert f"{folder.parent} is a data set, and --clips" in err
    assert bench(folder, "--clips")[0] == 0
    assert "numbered like the frames" not in bench(folder.parent)[2]  # its list is better


def test_lines_of_other_settings_are_not_gone_on_with(tmp_path: Path, bench: Bench) -> None:
    (tmp_path / "files").mkdir()
    one, two = (write(tmp_path / f"files/{name}.png", portrait()) for name in "ab")
    given = (one.parent, "--json", "--out", tmp_path / "lines")
    bench(*given)
    first, second = (tmp_path / "lines").read_text().splitlines(keepends=True)
    (tmp_path / "lines").write_text(first)
    code, _, err = bench(*given, "--start-at", two, "--seed", 3)
    assert code == 2
    assert f"{tmp_path / 'lines'} holds what other settings gave (seed was 0, and is 3)" in err
    assert (tmp_path / "lines").read_text() == first
    assert bench(*given, "--start-at", two)[0] == 0
    assert (tmp_path / "lines").read_text() == first + second


def test_an_empty_name_is_not_the_working_directory(bench: Bench) -> None:
    code, out, err = bench("")
    assert (code, out) == (2, "")
    assert "an empty name" in err


def test_smaller_faces_that_are_left_out_of_a_folder_are_counted(
    tmp_path: Path, how: dict[str, Any]
) -> None:
    pair = np.zeros((200, 300, 3), np.uint8)
    pair[:, :180] = portrait()
    pair[50:150, 200:290] = cv2.resize(portrait(1), (90, 100), interpolation=cv2.INTER_AREA)
    for number in range(3):
        write(tmp_path / f"{number}.png", pair)
    (found,) = predict(tmp_path, clips=True, quiet=True, **how)
    assert [frame.left_out for frame in found.frames] == [1, 1, 1]


def test_without_the_option_a_note_names_it(clip: Path, tmp_path: Path, bench: Bench) -> None:
    folder = frames_of(clip, tmp_path / "frames/id0")
    code, out, err = bench(folder.parent)
    assert (code, len(out.splitlines())) == (0, 1 + len(REDS))
    assert err.count("name the folder and add --clips") == 1
    assert f"the 10 images in {folder} are numbered like" in err


@pytest.mark.slow
def test_fewer_real_clips_are_called_manipulated_than_their_single_frames(
    tmp_path: Path, faces: Path
) -> None:
    data = faces / "video_h264"
    with (data / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    for row in rows:
        folder = tmp_path / row["video"]
        folder.mkdir(exist_ok=True)
        shutil.copy(data / row["path"], folder)
    shares = {}
    for clips in (False, True):
        found = predict(tmp_path, clips=clips, quiet=True)
        words = [each.verdict.word for each in found if each.verdict is not None]
        shares[clips] = words.count("MANIPULATED") / len(words)
    assert len(found) == len({row["video"] for row in rows})
    assert shares[True] <= 0.05
    assert shares[True] <= shares[False]
