"""Celeb-DF, DFDC and FaceForensics++ as they are published, and GenD's path lists."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry.builtin.datasets.celeb_df import celeb_df_videos
from registry.builtin.datasets.dfdc import dfdc_videos
from registry.builtin.datasets.faceforensics import ffpp_videos
from registry.builtin.datasets.path_lists import path_list_videos
from registry.checks import check_dataset
from registry.contracts.types import DataOptions, Frame, Resolved
from registry.data.index import find_index
from registry.errors import ConfigError, DataError
from registry.plugins.discovery import load_plugins
from tests.shared.layouts import brief, celeb_df, request, touch, write_image, write_video

# --- Celeb-DF ---------------------------------------------------------------------------------


@pytest.fixture
def celeb(tmp_path: Path) -> Path:
    root = tmp_path / "Celeb-DF-v2"
    touch(root, "YouTube-real/00170.mp4", "YouTube-real/00171.mp4")
    touch(root, "Celeb-real/id0_0000.mp4", "Celeb-synthesis/id1_id0_0000.mp4")
    (root / "List_of_testing_videos.txt").write_text(
        "1 YouTube-real/00170.mp4\n1 Celeb-real/id0_0000.mp4\n0 Celeb-synthesis/id1_id0_0000.mp4\n"
    )
    return root


def test_the_list_of_testing_videos_has_1_for_real(celeb: Path) -> None:
    index = find_index(str(celeb), "test", load_plugins())
    assert brief(index) == [
        ("YouTube-real/00170", 0, ""),
        ("Celeb-real/id0_0000", 0, ""),
        ("Celeb-synthesis/id1_id0_0000", 1, "Celeb-synthesis"),
    ]
    assert index.videos[0].file == celeb / "YouTube-real/00170.mp4"
    assert {each.dataset for each in index.videos} == {"Celeb-DF-v2"}


def test_what_the_list_does_not_name_is_the_train_split(celeb: Path) -> None:
    index = celeb_df_videos(request("celeb_df_videos", "train", data_root=celeb))
    assert brief(index) == [("YouTube-real/00171", 0, "")]
    with pytest.raises(DataError, match=r"split 'val' .* by split: test 3, train 1"):
        celeb_df_videos(request("celeb_df_videos", "val", root=celeb))


def test_a_folder_of_frames_stands_for_its_video(celeb: Path) -> None:
    (celeb / "Celeb-real/id0_0000.mp4").unlink()
    for at in (10, 2):
        write_image(celeb / f"Celeb-real/id0_0000/{at}.png")
    video = celeb_df_videos(request("x", root=celeb)).videos[1]
    assert (video.id, video.file) == ("Celeb-real/id0_0000", None)
    assert [frame.path.name for frame in video.frames] == ["2.png", "10.png"]


def test_a_video_beside_its_frames_is_one_video(celeb: Path) -> None:
    write_image(celeb / "YouTube-real/00171/0.png")
    index = find_index(str(celeb), "train", load_plugins())
    assert brief(index) == [("YouTube-real/00171", 0, "")]
    assert index.videos[0].file == celeb / "YouTube-real/00171.mp4"


def test_videos_that_are_not_there_are_counted_and_refused(celeb: Path) -> None:
    (celeb / "YouTube-real/00170.mp4").unlink()
    with pytest.raises(DataError, match=r"0 of the 1 videos listed under YouTube-real were found"):
        celeb_df_videos(request("x", root=celeb))
    index = celeb_df_videos(request("x", root=celeb, min_resolved=0.0))
    assert index.resolved[0] == Resolved(label="YouTube-real", found=0, listed=1)
    assert index.videos[0].file == celeb / "YouTube-real/00170.mp4"


@pytest.mark.parametrize("line", ["2 a/b.mp4", "1 b.mp4", "a/b.mp4"])
def test_a_line_of_another_form_is_named(celeb: Path, line: str) -> None:
    (celeb / "List_of_testing_videos.txt").write_text(f"1 YouTube-real/00170.mp4\n{line}\n")
    with pytest.raises(DataError, match=r"line 2: .* is not `1 FOLDER/VIDEO`"):
        celeb_df_videos(request("x", root=celeb))


def test_without_a_folder_the_usage_is_shown() -> None:
    with pytest.raises(ConfigError, match="write celeb_df_videos:DIR"):
        celeb_df_videos(request("celeb_df_videos"))


# --- DFDC -------------------------------------------------------------------------------------


def test_labels_csv_has_1_for_fake(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "videos/b.mp4")
    (tmp_path / "labels.csv").write_text("filename,label\na.mp4,0\nb.mp4,1\n")
    index = find_index(str(tmp_path), "test", load_plugins())
    assert brief(index) == [("a", 0, ""), ("b", 1, "")]
    assert index.videos[1].file == tmp_path / "videos/b.mp4"
    assert {each.dataset for each in index.videos} == {"DFDC"}


def test_labels_csv_may_have_blanks_quotes_and_empty_lines(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    (tmp_path / "labels.csv").write_text('"filename" , "label"\n"a.mp4",0\n\nb.mp4 , 1\n')
    index = find_index(str(tmp_path), "test", load_plugins())
    assert brief(index) == [("a", 0, ""), ("b", 1, "")]


def test_metadata_json_gives_split_and_original(tmp_path: Path) -> None:
    for part in (0, 1):
        folder = touch(tmp_path / f"dfdc_train_part_{part}", "a.mp4", "b.mp4")
        said = {
            "a.mp4": {"label": "FAKE", "split": "train", "original": "b.mp4"},
            "b.mp4": {"label": "REAL", "split": "train", "original": None},
        }
        (folder / "metadata.json").write_text(json.dumps(said))
    index = find_index(str(tmp_path), "train", load_plugins())
    assert [(each.id, each.label, each.identity) for each in index.videos] == [
        (f"dfdc_train_part_{part}/{name}", label, "b")
        for part in (0, 1)
        for name, label in (("a", 1), ("b", 0))
    ]
    with pytest.raises(DataError, match="videos by split: train 4"):
        find_index(str(tmp_path), "test", load_plugins())


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("labels.csv", "filename,label\na.mp4,FAKE\n", r"line 2: 'a\.mp4' has the label 'FAKE'"),
        ("labels.csv", "label,filename\n0,a.mp4\n1\n", "line 3: None has the label '1'"),
        ("labels.csv", "filename,label\na.mp4\n", r"line 2: 'a\.mp4' has the label None"),
        (
            "labels.csv",
            "filename,label\n,1\n",
            "line 2: '' has the label '1'; expected a file name",
        ),
        ("labels.csv", b"filename,label\n\xff.mp4,1\n", "cannot read .*labels.csv"),
        ("labels.csv", "filename,label\na.mp4,0\na.mp4,1\n", "lists a twice"),
        ("metadata.json", '{"a.mp4": {"label": "?"}}', r"a\.mp4 has the label '\?'"),
        ("metadata.json", '{"a.mp4": {"label": ["FAKE"]}}', r"a\.mp4 has the label \['FAKE'\]"),
        ("metadata.json", '{"a.mp4": {"label": "FAKE", "original": 5}}', "an original or a split"),
        ("metadata.json", '{"a.mp4": {', "cannot read"),
    ],
)
def test_a_wrong_table_is_named(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    touch(tmp_path, "a.mp4")
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=reason):
        dfdc_videos(request("x", root=tmp_path))


# --- FaceForensics++ --------------------------------------------------------------------------

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures")


@pytest.fixture
def ffpp(tmp_path: Path) -> Path:
    for name in ("000", "003", "999"):
        touch(tmp_path, f"original_sequences/youtube/c23/videos/{name}.mp4")
    for method in METHODS:
        for name in ("000_003", "003_000"):
            touch(tmp_path, f"manipulated_sequences/{method}/c23/videos/{name}.mp4")
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "test.json").write_text('[["000", "003"]]')
    return tmp_path


def test_a_pair_is_two_reals_and_two_fakes_of_each_manipulation(ffpp: Path) -> None:
    index = find_index(str(ffpp), "test", load_plugins())
    assert brief(index) == [
        ("real/c23/000", 0, ""),
        ("real/c23/003", 0, ""),
        *(
            (f"{method}/c23/{name}", 1, method)
            for method in METHODS
            for name in ("000_003", "003_000")
        ),
    ]
    assert {each.dataset for each in index.videos} == {"FaceForensics++"}
    assert index.notes == ()


def test_split_files_may_lie_elsewhere_and_a_level_be_chosen(ffpp: Path, tmp_path: Path) -> None:
    apart = tmp_path / "apart"
    apart.mkdir()
    (apart / "val.json").write_text('[["999", "000"]]')
    with pytest.raises(DataError, match=r"no split file .*val\.json; .*found: test\."):
        ffpp_videos(request("x", "val", root=ffpp))
    index = ffpp_videos(request("x", "val", root=ffpp, json_dir=apart, min_resolved=0.0))
    assert index.resolved[0] == Resolved(label="real", found=2, listed=2)
    assert index.resolved[1] == Resolved(label="Deepfakes", found=0, listed=2)
    with pytest.raises(DataError, match=r"c40; compression levels found: c23"):
        ffpp_videos(request("x", root=ffpp, compression="c40"))


def test_manipulations_beyond_or_short_of_the_four_are_said(ffpp: Path) -> None:
    (ffpp / "manipulated_sequences/FaceSwap").rename(ffpp / "manipulated_sequences/FaceShifter")
    index = ffpp_videos(request("x", root=ffpp))
    assert {each.method for each in index.videos} == {"", *METHODS} - {"FaceSwap"}
    assert index.notes == (
        "manipulations of FaceForensics++ that are missing: FaceSwap",
        "folders of manipulated_sequences/ that are not one of the four, left out: ['FaceShifter']",
    )


def test_a_tree_of_frames_is_read_too(ffpp: Path) -> None:
    root = ffpp / "original_sequences/youtube"
    (root / "c23/videos").rename(root / "c23/away")
    for name in ("000", "003"):
        write_image(root / f"c23/frames/{name}/0000.png")
    first = ffpp_videos(request("x", root=ffpp)).videos[0]
    assert first.frames == (Frame(path=root / "c23/frames/000/0000.png"),)


@pytest.mark.parametrize("content", ["{", '["000"]', "[1]", '{"ab": 1}', "[[0, 3]]"])
def test_a_split_file_of_another_form_is_named(ffpp: Path, content: str) -> None:
    (ffpp / "splits/test.json").write_text(content)
    with pytest.raises(DataError, match=r"test\.json is not a list of pairs"):
        ffpp_videos(request("x", root=ffpp))


# --- path lists -------------------------------------------------------------------------------


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    folder = tmp_path / "FFIW"
    folder.mkdir()
    for group in ("source", "target"):
        for name in ("a", "b"):
            for at in range(2):
                write_image(tmp_path / f"data/FFIW/{group}/{name}/{at}.png")
    for stem, group in (("FFIW_real", "source"), ("FFIW_fake", "target")):
        lines = [f"data/FFIW/{group}/{name}/{at}.png" for name in "ab" for at in range(2)]
        (folder / f"{stem}.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_a_list_whose_name_holds_real_is_real(lists: Path) -> None:
    options = DataOptions(data_root=lists.parent)
    index = find_index(str(lists), "test", load_plugins(), options)
    assert brief(index) == [
        ("FFIW_fake/data/FFIW/target/a", 1, "FFIW_fake"),
        ("FFIW_fake/data/FFIW/target/b", 1, "FFIW_fake"),
        ("FFIW_real/data/FFIW/source/a", 0, ""),
        ("FFIW_real/data/FFIW/source/b", 0, ""),
    ]
    assert index.videos[0].frames == tuple(
        Frame(path=lists.parent / f"data/FFIW/target/a/{at}.png", index=at) for at in range(2)
    )
    assert index.resolved[0] == Resolved(label="FFIW_fake", found=4, listed=4)
    (note,) = index.notes
    assert "would make 2 videos of these 4" in note


def test_lists_of_videos_and_of_splits(tmp_path: Path) -> None:
    touch(tmp_path, "v/r.mp4", "v/f.mp4", "v/g.mp4")
    (tmp_path / "train-real.txt").write_text("v/r.mp4\n")
    (tmp_path / "test-fake.txt").write_text("v/f.mp4\nv/g.mp4\n")
    index = path_list_videos(request("x", root=tmp_path))
    assert [(each.id, each.file, each.split) for each in index.videos] == [
        ("test-fake/v/f", tmp_path / "v/f.mp4", "test"),
        ("test-fake/v/g", tmp_path / "v/g.mp4", "test"),
    ]
    assert len(path_list_videos(request("x", "train", root=tmp_path)).videos) == 1
    with pytest.raises(DataError, match=r"no list for split 'val' .*found: test, train"):
        path_list_videos(request("x", "val", root=tmp_path))


def test_paths_that_are_not_there_are_refused_with_what_was_tried(lists: Path) -> None:
    with pytest.raises(DataError, match=r"0 of the 4 frames listed under FFIW_fake were found"):
        path_list_videos(request("x", root=lists))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a/b.png\n1 a\n", "line 2: '1 a' is not the path"),
        ("a/b.png\n\na/b.png", "line 3: .* twice"),
        ("v/a.mp4\nv/b.mp4\nv/a.avi\n", r"line 3: v/a\.avi and v/a\.mp4 would be the same video"),
        ("v/b.mp4\nv/b/0.png\n", r"line 2: v/b/0\.png and v/b\.mp4 would be the same video"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, content: str, reason: str) -> None:
    (tmp_path / "real.txt").write_text(content)
    with pytest.raises(DataError, match=reason):
        path_list_videos(request("x", root=tmp_path / "real.txt"))


def test_other_text_files_are_no_lists(celeb: Path, tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text("Read me, a.png\nand me\n")
    (tmp_path / "folder.txt").mkdir()
    recognises = load_plugins().get("dataset", "path_lists").recognises
    assert not recognises(celeb)
    assert not recognises(tmp_path)


# --- the contract of every reader -------------------------------------------------------------


def test_every_reader_keeps_the_contract(celeb: Path, lists: Path, tmp_path: Path) -> None:
    dfdc = touch(tmp_path / "dfdc", "a.mp4")
    (dfdc / "labels.csv").write_text("filename,label\na.mp4,0\n")
    (lists.parent / "data").rename(lists / "data")
    celeb_df(tmp_path / "bench")
    roots = {
        "celeb_df_videos": celeb,
        "dfdc_videos": dfdc,
        "path_lists": lists,
        "deepfakebench": tmp_path / "bench/dataset_json/Celeb-DF-v2.json",
    }
    (tmp_path / "bench/Celeb-DF-v2").rename(tmp_path / "bench/dataset_json/Celeb-DF-v2")
    for name, root in roots.items():
        assert check_dataset(load_plugins().get("dataset", name), name=str(root), root=root)


def test_the_tree_of_faceforensics_keeps_the_contract(ffpp: Path) -> None:
    spec = load_plugins().get("dataset", "ffpp_videos")
    assert len(check_dataset(spec, name=str(ffpp), root=ffpp)) == 10


# --- as a user --------------------------------------------------------------------------------


def test_data_check_reads_published_videos(celeb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from registry.cli import main

    for number, video in enumerate(sorted(celeb.rglob("*.mp4"))):
        write_video(video, 8 + number)
    assert main(["data", "check", str(celeb), "--frames", "4", "--quiet"]) == 0
    out = capsys.readouterr().out
    assert "videos: 2 real, 1 fake (Celeb-synthesis 1)" in out
    assert "frames to read: 12, 0 with landmarks" in out
