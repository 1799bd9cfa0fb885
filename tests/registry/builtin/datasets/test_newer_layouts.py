"""FakeAVCeleb, WildDeepfake, Deepfake-Eval-2024, ExDDV and Celeb-DF++ as they are published."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.contracts.types import DataOptions
from registry.data.index import find_index
from registry.errors import DataError, EmptySplitError
from registry.plugins.discovery import load_plugins
from tests.shared.layouts import brief, touch, write_image


def test_fakeavceleb_is_labelled_by_its_picture_with_the_ids_as_people(tmp_path: Path) -> None:
    touch(tmp_path, "RealVideo-RealAudio/African/men/id00076/00109.mp4")
    touch(tmp_path, "RealVideo-FakeAudio/African/men/id00076/00109_fake.mp4")
    touch(tmp_path, "FakeVideo-RealAudio/African/men/id00076/00109_0_id00166_wavtolip.mp4")
    touch(tmp_path, "FakeVideo-FakeAudio/Asian (East)/women/id01531/00022_id7_faceswap.mp4")
    index = find_index(str(tmp_path), "test", load_plugins())
    assert [(each.label, each.method, each.identity) for each in index.videos] == [
        (0, "", "id00076"),
        (0, "", "id00076"),
        (1, "FakeVideo-RealAudio", "id00076"),
        (1, "FakeVideo-FakeAudio", "id01531"),
    ]
    assert index.videos[3].id == "FakeVideo-FakeAudio/Asian (East)/women/id01531/00022_id7_faceswap"
    assert "clips of RealVideo-FakeAudio count as real" in index.notes[0]
    with pytest.raises(DataError, match="does not hold RealVideo-RealAudio"):
        find_index(f"fakeavceleb:{tmp_path / 'RealVideo-RealAudio'}", "test", load_plugins())


def test_every_folder_of_wild_deepfake_that_holds_images_is_a_sequence(tmp_path: Path) -> None:
    inner = "deepfake_in_the_wild"
    for name in ("real_test/0/real/3/12.png", "real_test/0/real/3/9.png", "fake_test/7/1.png"):
        write_image(tmp_path / inner / name)
    index = find_index(str(tmp_path), "test", load_plugins())
    assert brief(index) == [("real_test/0/real/3", 0, ""), ("fake_test/7", 1, "wild")]
    assert [frame.path.name for frame in index.videos[0].frames] == ["9.png", "12.png"]
    with pytest.raises(EmptySplitError, match=r"no split 'train' in .*; found: test"):
        find_index(str(tmp_path), "train", load_plugins())


EXDDV = """\
id,username,movie_name,text,dataset,manipulation,click_locations,difficulty,split
0,A,001_002.mp4,"The teeth are blurred, the irises jitter.",Faceforensics++,Deepfakes,"{}",3,test
1,B,001_002.mp4,The nose is flat.,Faceforensics++,Deepfakes,"{}",3,test
2,A,001_002.mp4,The skin flickers.,Faceforensics++,Face2Face,"{}",3,test
3,A,553_W040.mp4,Eyelips and noses: eye.,Deeperforensics,end_to_end,"{}",1,train
"""


def test_what_people_said_of_exddvs_videos_is_perceived(tmp_path: Path) -> None:
    (tmp_path / "ExDDV.csv").write_text(EXDDV)
    ff = "FaceForensics++/manipulated_sequences"
    touch(tmp_path, f"{ff}/Deepfakes/c23/videos/001_002.mp4", f"{ff}/Face2Face/001_002.mp4")
    touch(tmp_path, "DeeperForensics/553_W040.mp4")
    index = find_index(str(tmp_path), "test", load_plugins())
    assert [(each.method, each.label, each.perceived) for each in index.videos] == [
        ("Deepfakes", 1, "eyes+nose+mouth"),  # of both who spoke of it
        ("Face2Face", 1, None),
    ]
    assert index.videos[0].file == tmp_path / f"{ff}/Deepfakes/c23/videos/001_002.mp4"
    (train,) = find_index(str(tmp_path), "train", load_plugins()).videos
    assert train.file == tmp_path / "DeeperForensics/553_W040.mp4"
    assert train.perceived == "eyes+nose"  # whole words: no lips in "Eyelips"


CLICKED = """\
id,username,movie_name,text,dataset,manipulation,click_locations,difficulty,split
0,A,001_002.mp4,The teeth.,Faceforensics++,Deepfakes,"{""40"": {""x"": 0.5, ""y"": 0.75}}",3,test
1,B,001_002.mp4,The nose.,Faceforensics++,Deepfakes,"{""7"": {""x"": 0.25, ""y"": 0.5}, \
""40"": {""x"": 0.5, ""y"": 1.2}}",3,test
2,A,009_001.mp4,The skin.,Faceforensics++,Deepfakes,{},3,test
"""


def test_frames_that_people_clicked_come_with_the_places(tmp_path: Path) -> None:
    (tmp_path / "ExDDV.csv").write_text(CLICKED)
    touch(tmp_path, "FF/Faceforensics++/001_002.mp4", "FF/Faceforensics++/009_001.mp4")
    index = find_index(f"exddv_clicks:{tmp_path}", "test", load_plugins())
    (video,) = index.videos  # nobody clicked into the other one
    assert (video.label, video.perceived, video.file) == (1, None, None)
    file = tmp_path / "FF/Faceforensics++/001_002.mp4"
    assert [(each.path, each.index, each.clicks) for each in video.frames] == [
        (file, 7, ((0.25, 0.5),)),
        (file, 40, ((0.5, 0.75),)),
    ]
    assert index.notes[-1] == "clicks outside the frame, left out: 1"
    (tmp_path / "ExDDV.csv").write_text(CLICKED.replace('""x"": 0.25', '""x"": null'))
    with pytest.raises(DataError, match=r"click_locations of 001_002\.mp4 .* is not"):
        find_index(f"exddv_clicks:{tmp_path}", "test", load_plugins())


def test_a_name_that_two_of_exddvs_files_bear_is_no_guess(tmp_path: Path) -> None:
    (tmp_path / "ExDDV.csv").write_text(EXDDV)
    touch(tmp_path, "DeeperForensics/a/553_W040.mp4", "DeeperForensics/b/553_W040.mp4")
    with pytest.raises(DataError, match=r"is both .*; use a folder name .* end_to_end"):
        find_index(str(tmp_path), "train", load_plugins())
    (tmp_path / "ExDDV.csv").write_text("movie_name,text\n")
    with pytest.raises(
        DataError, match="has no column 'dataset', 'manipulation', 'click_locations', 'split'"
    ):
        find_index(str(tmp_path), "train", load_plugins())


def test_deepfake_eval_is_what_its_table_calls_real_or_fake(tmp_path: Path) -> None:
    table = tmp_path / "video-metadata-publish-with-links.csv"
    table.write_text(
        "Filename,Media,Video Ground Truth\na.mp4,x,Real\nb.mp4,x,Fake\nc.mp4,x,Unknown\n"
    )
    touch(tmp_path, "video-data/a.mp4", "video-data/b.mp4", "video-data/c.mp4")
    index = find_index(str(tmp_path), "test", load_plugins())
    assert brief(index) == [("a", 0, ""), ("b", 1, "in the wild")]
    assert index.notes == ("videos that the table calls neither real nor fake, left out: 1",)
    table.write_text(
        "Filename,Video Ground Truth,Finetuning Set\na.mp4,Real,Train\nb.mp4,Fake,Test\n"
    )
    assert brief(find_index(str(tmp_path), "train", load_plugins())) == [("a", 0, "")]
    table.write_text("Filename\na.mp4\n")
    with pytest.raises(DataError, match="has no column 'Video Ground Truth'"):
        find_index(str(tmp_path), "test", load_plugins())


def test_celeb_df_plus_plus_has_a_method_in_every_folder_of_its_fakes(tmp_path: Path) -> None:
    fakes = ["FaceSwap/BlendFace/id0_id1_0000.mp4", "TalkingFace/SadTalker/id0_id1_0000.mp4"]
    names = ["YouTube-real/00170.mp4", *(f"Celeb-synthesis/{name}" for name in fakes)]
    touch(tmp_path, *names, "Celeb-synthesis/FaceSwap/BlendFace/id2_id3_0000.mp4")
    lines = [f"{int('real' in name)} {name}\n" for name in names]
    (tmp_path / "List_of_testing_videos.txt").write_text("".join(lines))
    index = find_index(str(tmp_path), "test", load_plugins())
    assert [(each.label, each.method) for each in index.videos] == [
        (0, ""),
        (1, "Celeb-synthesis/FaceSwap/BlendFace"),
        (1, "Celeb-synthesis/TalkingFace/SadTalker"),
    ]
    (train,) = find_index(str(tmp_path), "train", load_plugins()).videos
    assert train.id == "Celeb-synthesis/FaceSwap/BlendFace/id2_id3_0000"


@pytest.mark.parametrize("name", ["kodf", "forgerynet", "deepfake_mnist_plus"])
def test_layouts_that_nobody_confirms_are_not_guessed(name: str, tmp_path: Path) -> None:
    plugins = load_plugins()
    assert "not confirmed" in plugins.get("dataset", name).summary
    options = DataOptions(data_root=tmp_path)
    with pytest.raises(DataError, match=r"could not be confirmed .* write a manifest\.csv"):
        find_index(name, "test", plugins, options)
    (tmp_path / "manifest.csv").write_text("path,label\na.mp4,1\n")
    (video,) = find_index(name, "test", plugins, options).videos
    assert (video.id, video.label, video.file) == ("a", 1, tmp_path / "a.mp4")
    assert video.dataset in {"KoDF", "ForgeryNet", "DeepFakeMnist+"}
