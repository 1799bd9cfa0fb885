from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from registry.builtin.datasets.deepfakebench.labels import load_labels
from registry.builtin.datasets.deepfakebench.reader import (
    deepfakebench_json_videos,
    known_videos,
    recognises_deepfakebench_json,
)
from registry.builtin.datasets.deepfakebench.sets import SETS, alias
from registry.builtin.datasets.listed_paths import PathFinder
from registry.contracts.types import Resolved
from registry.data.index import find_index
from registry.errors import ConfigError, DataError
from registry.plugins.discovery import load_plugins
from tests.shared.layouts import (
    celeb_df,
    faceforensics,
    flat,
    landmarks,
    request,
    write_frames,
    write_image,
    write_json,
)

FRAME = "Celeb-DF-v2/YouTube-real/frames/00000/000.png"


# --- the index --------------------------------------------------------------------------------


def test_a_flat_set_is_read_with_ids_labels_frames_and_landmarks(tmp_path: Path) -> None:
    celeb_df(tmp_path)
    index = deepfakebench_json_videos(request("Celeb-DF-v2", data_root=tmp_path))
    assert [(each.id, each.label, each.method) for each in index.videos] == [
        ("CelebDFv2_real/00000", 0, ""),
        ("CelebDFv2_real/00001", 0, ""),
        ("CelebDFv2_fake/00000", 1, "CelebDFv2_fake"),
        ("CelebDFv2_fake/00001", 1, "CelebDFv2_fake"),
    ]
    first = index.videos[0]
    assert (first.dataset, first.split) == ("Celeb-DF-v2", "test")
    assert [frame.path for frame in first.frames] == [
        tmp_path / f"Celeb-DF-v2/YouTube-real/frames/00000/00{at}.png" for at in range(3)
    ]
    marks = first.frames[1].landmarks
    assert marks == tmp_path / "Celeb-DF-v2/YouTube-real/landmarks/00000/001.npy"
    assert np.array_equal(np.load(marks), landmarks())
    assert index.resolved == (
        Resolved(label="CelebDFv2_real", found=6, listed=6),
        Resolved(label="CelebDFv2_fake", found=6, listed=6),
    )


def test_one_name_under_two_manipulations_is_two_videos(tmp_path: Path) -> None:
    faceforensics(tmp_path)
    index = deepfakebench_json_videos(request("FaceForensics++", data_root=tmp_path))
    assert [(each.id, each.method) for each in index.videos] == [
        ("FF-real/c23/000", ""),
        ("FF-DF/c23/000_003", "Deepfakes"),
        ("FF-NT/c23/000_003", "NeuralTextures"),
    ]
    note, _ = index.notes
    assert "would make 2 videos of these 3, because 2 of them share 1 name;" in note
    assert "'000_003' is FF-DF/c23/000_003, FF-NT/c23/000_003." in note


def test_a_mask_belongs_to_the_frame_of_its_name(tmp_path: Path) -> None:
    faceforensics(tmp_path)
    fake = deepfakebench_json_videos(request("ffpp", data_root=tmp_path)).videos[1]
    folder = tmp_path / "FaceForensics++/manipulated_sequences/Deepfakes/masks/000_003"
    assert [frame.mask for frame in fake.frames] == [None, folder / "001.png"]


def test_masks_that_are_listed_but_not_there_are_counted(tmp_path: Path) -> None:
    faceforensics(tmp_path)
    lost = "FaceForensics++/manipulated_sequences/NeuralTextures/masks/000_003/001.png"
    (tmp_path / lost).unlink()
    index = deepfakebench_json_videos(request("ffpp", data_root=tmp_path))
    assert f"masks listed but missing on disk: 1 of 2, first {lost}" in index.notes
    assert [frame.mask for frame in index.videos[2].frames] == [None, None]


def test_c40_lies_in_a_file_of_its_own_under_the_key_of_c23(tmp_path: Path) -> None:
    faceforensics(tmp_path)
    faceforensics(tmp_path, level="c40", name="FaceForensics++_c40")
    for asked in (
        request("FaceForensics++_c40", data_root=tmp_path),
        request("ffpp", data_root=tmp_path, compression="c40"),
    ):
        videos = deepfakebench_json_videos(asked).videos
        assert {each.dataset for each in videos} == {"FaceForensics++"}
        assert videos[0].id == "FF-real/c40/000"
    assert (
        deepfakebench_json_videos(request("ffpp", data_root=tmp_path)).videos[0].id
        == "FF-real/c23/000"
    )


def test_a_level_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    faceforensics(tmp_path)
    with pytest.raises(DataError, match=r"compression 'raw' in split 'test'.*available: c23"):
        deepfakebench_json_videos(request("ffpp", data_root=tmp_path, compression="raw"))


def test_an_empty_split_lists_those_with_videos(tmp_path: Path) -> None:
    celeb_df(tmp_path)
    with pytest.raises(DataError, match=r"no videos in split 'train'.*splits with videos: test"):
        deepfakebench_json_videos(request("Celeb-DF-v2", split="train", data_root=tmp_path))


def test_a_video_without_frames_is_left_out_and_said_so(tmp_path: Path) -> None:
    frames = write_frames(tmp_path, "X/real/frames/a", 1)
    write_json(tmp_path / "X.json", {"X_real": flat("X_real", {"a": frames, "b": []})})
    index = deepfakebench_json_videos(request("X", data_root=tmp_path))
    assert [each.id for each in index.videos] == ["X_real/a"]
    assert index.notes[0] == "videos that list no frames, left out: 1, first X_real/b"


def test_frames_that_are_square_are_said_to_be_crops(tmp_path: Path) -> None:
    frames = write_frames(tmp_path, "X/real/frames/a", 2)
    write_json(tmp_path / "X.json", {"X_real": flat("X_real", {"a": frames})})
    (note,) = deepfakebench_json_videos(request("X", data_root=tmp_path)).notes
    assert note.startswith("the first frame is 64x64: face crops already")
    assert "--crop-from frame" in note
    whole = request("X", data_root=tmp_path, whole=True)
    assert deepfakebench_json_videos(whole).notes == ()  # taken as it recommends
    for content in (cv2.imencode(".png", np.zeros((36, 64, 3), np.uint8))[1].tobytes(), b"no"):
        (tmp_path / frames[0]).write_bytes(content)
        assert deepfakebench_json_videos(request("X", data_root=tmp_path)).notes == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "cannot read"),
        ("[]", "its only key; it has list"),
        ('{"a": {}, "b": {}}', "its only key; it has a, b"),
        ('{"a": []}', "a must hold label groups, not a list"),
        (
            '{"a": {"x_real": {"test": []}}}',
            "x_real/test is a list; a DeepfakeBench JSON",
        ),
        ('{"a": {"x_real": {"test": {"v": {"frames": "f"}}}}}', "frames of x_real/test/v must be"),
    ],
)
def test_what_is_no_index_is_named_with_its_place(
    tmp_path: Path, content: str, reason: str
) -> None:
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=reason):
        deepfakebench_json_videos(request("a", data_root=tmp_path))


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["celeb_df_v2", "Celeb-DF-v2"])
def test_a_snake_case_name_is_an_alias(tmp_path: Path, name: str) -> None:
    celeb_df(tmp_path)
    assert len(deepfakebench_json_videos(request(name, data_root=tmp_path)).videos) == 4


def test_every_known_set_is_registered_with_what_it_needs() -> None:
    specs = load_plugins().specs("dataset")
    for each in SETS:
        assert f"{each.stem}.json" in specs[each.name].needs
        assert "--data-root" in specs[each.name].needs
    assert "--json-dir DIR" in specs["df40/*"].needs


def test_a_stem_in_snake_case() -> None:
    assert alias("DeeperForensics-1.0") == "deeperforensics_1_0"
    assert alias("Celeb-DF-v2") == "celeb_df_v2"


def test_registered_names_are_found_with_roots_either_way(tmp_path: Path) -> None:
    from registry.contracts.types import DataOptions

    celeb_df(tmp_path)
    options = DataOptions(data_root=tmp_path)
    plugins = load_plugins()
    by_flag = find_index("celeb_df_v2", "test", plugins, options)
    assert find_index(f"celeb_df_v2:{tmp_path}", "test", plugins) == by_flag
    assert find_index("deepfakebench:Celeb-DF-v2", "test", plugins, options) == by_flag
    file = tmp_path / "dataset_json" / "Celeb-DF-v2.json"
    assert find_index(str(file), "test", plugins, options) == by_flag
    with pytest.raises(DataError, match="no file or folder /nowhere; write celeb_df_v2:DIR"):
        find_index("celeb_df_v2:/nowhere", "test", plugins, options)


def test_df40_is_a_family_of_one_json_per_method(tmp_path: Path) -> None:
    from registry.contracts.types import DataOptions

    listed = [
        f"deepfakes_detection_datasets/{path}"
        for path in write_frames(tmp_path, "DF40/simswap/cdf/frames/id0_id1_0000", 2)
    ]
    write_json(
        tmp_path / "dataset_json/simswap_cdf.json",
        {"simswap_Fake": flat("simswap_Fake", {"id0_id1_0000": listed})},
    )
    options = DataOptions(data_root=tmp_path)
    (video,) = find_index("df40/simswap_cdf", "test", load_plugins(), options)
    assert (video.dataset, video.id) == ("simswap_cdf", "simswap_Fake/id0_id1_0000")
    with pytest.raises(DataError, match=r"no simswap\.json in .*did you mean 'simswap_cdf'"):
        find_index("df40/simswap", "test", load_plugins(), options)


def test_a_manipulation_without_a_json_of_its_own_is_taken_from_the_whole(tmp_path: Path) -> None:
    faceforensics(tmp_path)
    index = known_videos("ff_nt", request("ff_nt", data_root=tmp_path))
    assert [each.id for each in index.videos] == ["FF-real/c23/000", "FF-NT/c23/000_003"]
    assert {each.dataset for each in index.videos} == {"FF-NT"}
    assert index.part_of == "FaceForensics++"
    assert index.notes[0] == "FF-NT: label groups left out because they do not belong to it: FF-DF"


def test_without_a_data_root_the_flag_is_named() -> None:
    with pytest.raises(ConfigError, match="needs --data-root DIR"):
        known_videos("dfdc", request("dfdc"))


def test_a_missing_json_names_where_it_was_looked_for_and_what_is_there(tmp_path: Path) -> None:
    celeb_df(tmp_path)
    message = (
        r"no Celeb-DF-v1\.json in .*dataset_json; did you mean 'Celeb-DF-v2'\? found: Celeb-DF-v2"
    )
    with pytest.raises(DataError, match=message):
        known_videos("celeb_df_v1", request("celeb_df_v1", data_root=tmp_path))


def test_an_index_is_told_from_other_json_by_its_start(tmp_path: Path) -> None:
    celeb_df(tmp_path)
    assert recognises_deepfakebench_json(tmp_path / "dataset_json" / "Celeb-DF-v2.json")
    for text in ('{"abc.mp4": {"label": "FAKE"}}', '[["000", "003"]]', "{"):
        (tmp_path / "other.json").write_text(text)
        assert not recognises_deepfakebench_json(tmp_path / "other.json")
    assert not recognises_deepfakebench_json(tmp_path)


# --- labels -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("group", "label"),
    [
        *((group, 0) for group in ("FF-real", "CelebDFv1_real", "DFDCP_Real", "UADFV_Real")),
        *((group, 1) for group in ("FF-DF", "FF-F2F", "FF-FS", "FF-NT", "FF-SH", "FF-FH")),
        *((group, 1) for group in ("DFDCP_FakeA", "DFDCP_FakeB", "DFD_fake", "roop_Fake")),
    ],
)
def test_labels_of_the_published_files(group: str, label: int) -> None:
    assert load_labels(None).label(group) == label


def test_an_unknown_label_says_how_to_map_it(tmp_path: Path) -> None:
    frames = write_frames(tmp_path, "X/a/frames/v", 1)
    write_json(tmp_path / "X.json", {"X_synthetic": flat("X_synthetic", {"v": frames})})
    with pytest.raises(DataError, match=r"'X_synthetic' is neither real nor fake.*--label-map"):
        deepfakebench_json_videos(request("X", data_root=tmp_path))
    mine = tmp_path / "mine.yaml"
    mine.write_text("labels:\n  '*_synthetic': 1\nmethods:\n  X_synthetic: diffusion\n")
    (video,) = deepfakebench_json_videos(request("X", data_root=tmp_path, label_map=mine))
    assert (video.label, video.method) == (1, "diffusion")
    assert load_labels(mine).label("FF-real") == 0


def test_the_users_labels_go_before_the_shipped_ones(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("labels: {FF-DF: 0}\n")
    assert load_labels(mine).label("FF-DF") == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("labels: {a: 2}", "labels.a cannot be 2"),
        ("label: {a: 1}", "unknown key 'label'; did you mean 'labels'"),
    ],
)
def test_a_wrong_label_file_is_named(tmp_path: Path, text: str, reason: str) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(text)
    with pytest.raises(ConfigError, match=rf"mine\.yaml: {reason}"):
        load_labels(mine)


def test_patterns_that_disagree_are_an_error(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("labels: {'a_*': 1, '*_b': 0}\n")
    with pytest.raises(ConfigError, match=r"'a_b' matches patterns of both labels: a_\*, \*_b"):
        load_labels(mine).label("a_b")


# --- paths ------------------------------------------------------------------------------------

DIALECTS = {
    "relative to DeepfakeBench": f"./datasets/rgb/{FRAME}",
    "published": FRAME.replace("/", "\\"),
    "built on Windows": "T:\\x\\DeepfakeBench\\datasets\\rgb\\" + FRAME.replace("/", "\\"),
    "of a cluster": f"deepfakes_detection_datasets/{FRAME}",
    "of a cluster, dotted": f"./lustre/me/deepfakes_detection_datasets/{FRAME}",
    "absolute": f"/home/me/data/{FRAME}",
    "mixed separators": "./datasets\\rgb/Celeb-DF-v2\\YouTube-real/frames\\00000/000.png",
    "from the training folder": f"../../datasets/rgb/{FRAME}",
}


@pytest.mark.parametrize("place", ["", "datasets/rgb", "rgb"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_is_found_under_every_likely_root(
    tmp_path: Path, dialect: str, place: str
) -> None:
    file = write_image(tmp_path / place / FRAME)
    assert PathFinder(tmp_path).find([DIALECTS[dialect]]) == [file]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_root_may_be_the_data_set_itself(tmp_path: Path, dialect: str) -> None:
    file = write_image(tmp_path / FRAME)
    assert PathFinder(tmp_path / "Celeb-DF-v2").find([DIALECTS[dialect]]) == [file]


def test_an_absolute_path_that_is_there_is_taken(tmp_path: Path) -> None:
    file = write_image(tmp_path / FRAME)
    assert PathFinder(tmp_path / "elsewhere").find([str(file)]) == [file]


def test_another_manipulation_of_the_same_name_is_no_match(tmp_path: Path) -> None:
    here = tmp_path / "manipulated_sequences" / "Face2Face"
    write_image(here / "c23/frames/000_003/000.png")
    listed = "FaceForensics++/manipulated_sequences/Deepfakes/c23/frames/000_003/000.png"
    for root in (here, here / "c23"):
        assert PathFinder(root).find([listed]) == [None]
    assert PathFinder(here).find([listed.replace("Deepfakes", "Face2Face")]) != [None]


def test_frames_of_one_method_may_lie_under_two_rewrites(tmp_path: Path) -> None:
    one = write_image(tmp_path / "DF40/simswap/cdf/frames/a/000.png")
    two = write_image(tmp_path / "simswap/cdf/frames/b/000.png")
    finder = PathFinder(tmp_path)
    prefix = "deepfakes_detection_datasets/DF40/simswap/cdf/frames"
    assert finder.find([f"{prefix}/a/000.png"]) == [one]
    assert finder.find([f"{prefix}/b/000.png"]) == [two]


@pytest.mark.parametrize("old", ["T:\\old", "T:/old", "T:\\old\\"])
def test_a_path_map_rewrites_the_start(tmp_path: Path, old: str) -> None:
    file = write_image(tmp_path / "new" / "x/frames/v/000.png")
    for new in (str(tmp_path / "new"), "new", "./new/"):
        finder = PathFinder(tmp_path, [(old, new)])
        assert finder.find(["T:\\old\\x\\frames\\v\\000.png"]) == [file]
        assert finder.find(["T:\\older\\x\\frames\\v\\000.png"]) == [None]


def test_two_listed_folders_that_come_out_as_one_are_an_error(tmp_path: Path) -> None:
    write_image(tmp_path / "set/real/frames/v/000.png")
    finder = PathFinder(tmp_path)
    finder.find(["a/set/real/frames/v/000.png"])
    with pytest.raises(DataError, match=r"both map to .*--path-map OLD=NEW"):
        finder.find(["b/set/real/frames/v/000.png"])


def test_too_few_frames_are_refused_with_what_was_tried(tmp_path: Path) -> None:
    celeb_df(tmp_path)
    (tmp_path / "Celeb-DF-v2/Celeb-synthesis/frames/00001/002.png").unlink()
    index = deepfakebench_json_videos(request("celeb_df_v2", data_root=tmp_path, min_resolved=0.8))
    assert index.resolved[1] == Resolved(label="CelebDFv2_fake", found=5, listed=6)
    absent = index.videos[-1].frames[2]
    assert absent.path == tmp_path / "Celeb-DF-v2/Celeb-synthesis/frames/00001/002.png"
    with pytest.raises(DataError) as raised:
        deepfakebench_json_videos(request("celeb_df_v2", data_root=tmp_path))
    text = str(raised.value)
    assert "5 of the 6 frames listed under CelebDFv2_fake were found (83.3%)" in text
    assert "Celeb-DF-v2\\Celeb-synthesis\\frames\\00001\\002.png" in text
    assert f"tried for the first: {absent.path}" in text
    assert "--path-map 'Celeb-DF-v2\\Celeb-synthesis=DIR'" in text


# --- as a user --------------------------------------------------------------------------------


def test_eval_prints_and_keeps_the_share_of_frames_that_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from registry.cli import main

    folder = celeb_df(tmp_path / "data", videos=3)
    (tmp_path / "data/Celeb-DF-v2/YouTube-real/frames/00000/000.png").unlink()
    line = [
        "eval",
        "--detector",
        "random",
        "--dataset",
        "deepfakebench:Celeb-DF-v2",
        "--draws",
        "9",
    ]
    line += ["--data-root", str(tmp_path / "data"), "--json-dir", str(folder), "--max-errors", ".2"]
    line += ["--out", str(tmp_path / "run"), "--min-resolved", ".8", "--metrics", "auc"]
    assert main(line) == 0
    out = capsys.readouterr().out
    assert "CelebDFv2_real 8/9 (88.9%), CelebDFv2_fake 9/9 (100.0%)" in out
    record = json.loads((tmp_path / "run/results.json").read_text())
    assert record["provenance"]["resolved"] == {
        "Celeb-DF-v2": {"CelebDFv2_real": [8, 9], "CelebDFv2_fake": [9, 9]}
    }
    assert main([*line[:-4], "--out", str(tmp_path / "again"), "--min-resolved", ".9"]) == 2
    assert "8 of the 9 frames listed under CelebDFv2_real" in capsys.readouterr().err
