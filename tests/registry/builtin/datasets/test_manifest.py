from __future__ import annotations

import time
from pathlib import Path

import pytest

from registry.builtin.datasets.manifest import manifest_videos
from registry.builtin.datasets.splits import choose_split
from registry.contracts.types import Video
from registry.errors import ConfigError, DataError
from tests.shared.data_requests import ids, request


def manifest(tmp_path: Path, *lines: str, name: str = "manifest.csv") -> Path:
    folder = tmp_path / "faces"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


# --- manifest ---------------------------------------------------------------------------------


def test_without_a_video_column_every_image_is_a_video_of_its_own(tmp_path: Path) -> None:
    path = manifest(
        tmp_path,
        "path,label,identity,method,region,mask,split,landmarks",
        "real/a.b.jpg,0,ada,,,,test,../marks/a.npy",
        "fake/a.b.jpg,1,ada,warp,mouth,masks/a.png,test,",
    )
    real, fake = manifest_videos(request(path))
    assert (real.dataset, real.id, real.label, real.method) == ("faces", "real/a.b", 0, "")
    assert (real.identity, real.region, real.split) == ("ada", None, "test")
    assert real.frames[0].path == path.parent / "real/a.b.jpg"
    assert real.frames[0].landmarks == path.parent / "../marks/a.npy"
    assert (fake.id, fake.label, fake.method, fake.region) == ("fake/a.b", 1, "warp", "mouth")
    assert (fake.frames[0].landmarks, fake.frames[0].mask) == (None, path.parent / "masks/a.png")


def test_what_people_perceive_is_one_value_of_a_video(tmp_path: Path) -> None:
    head = "path,label,video,region,perceived"
    rows = ["a.png,1,v,mouth,eyes+nose", "b.png,1,v,mouth,eyes+nose", "c.png,1,w,mouth,"]
    judged, unasked = manifest_videos(request(manifest(tmp_path, head, *rows)))
    assert (judged.region, judged.perceived) == ("mouth", "eyes+nose")
    assert (unasked.region, unasked.perceived) == ("mouth", None)
    rows[1] = "b.png,1,v,mouth,eyes"
    with pytest.raises(DataError, match="perceived 'eyes' here and 'eyes\\+nose' in line 2"):
        manifest_videos(request(manifest(tmp_path, head, *rows)))


def test_a_folder_stands_for_the_manifest_in_it(tmp_path: Path) -> None:
    path = manifest(tmp_path, "path,label", "a.png,0")
    assert manifest_videos(request(path.parent)) == manifest_videos(request(path))


def test_a_manifest_of_another_name_names_the_data_set(tmp_path: Path) -> None:
    path = manifest(tmp_path, "path,label", "a.png,0", name="celeb.csv")
    assert manifest_videos(request(path))[0].dataset == "celeb"


def test_rows_of_one_video_are_its_frames_in_natural_order(tmp_path: Path) -> None:
    rows = [f"v/{frame}.png,1,v" for frame in (10, 2, 1)]
    (video,) = manifest_videos(request(manifest(tmp_path, "path,label,video", *rows)))
    assert [frame.path.name for frame in video.frames] == ["1.png", "2.png", "10.png"]
    assert [frame.index for frame in video.frames] == [0, 1, 2]


def test_a_frame_column_orders_and_numbers_the_frames(tmp_path: Path) -> None:
    rows = ["a.png,1,v,30", "b.png,1,v,4", "c.png,1,v,100"]
    (video,) = manifest_videos(request(manifest(tmp_path, "path,label,video,frame", *rows)))
    assert [(frame.path.name, frame.index) for frame in video.frames] == [
        ("b.png", 4),
        ("a.png", 30),
        ("c.png", 100),
    ]


def test_a_row_without_its_video_is_one_of_its_own(tmp_path: Path) -> None:
    rows = ["a.png,0,v", "b.png,0,", "c.png,0,v"]
    videos = manifest_videos(request(manifest(tmp_path, "path,label,video", *rows)))
    assert ids(videos) == ["v", "b"]


def test_excel_leaves_a_byte_order_mark_and_blank_lines(tmp_path: Path) -> None:
    path = manifest(tmp_path, "\ufeffpath, label", "a.png, 0", "", "b.png,1")
    assert ids(manifest_videos(request(path))) == ["a", "b"]


@pytest.mark.parametrize("label", ["2", "-1", "real", "", "0.5"])
def test_a_label_other_than_0_and_1_is_named_with_its_line(tmp_path: Path, label: str) -> None:
    path = manifest(tmp_path, "path,label", "a.png,0", f"b.png,{label}")
    with pytest.raises(DataError, match=rf"line 3: label is '{label}'; it must be 0 .* or 1"):
        manifest_videos(request(path))


def test_a_missing_column_is_named_with_those_there(tmp_path: Path) -> None:
    path = manifest(tmp_path, "path,labels", "a.png,0")
    message = r"no column 'label'; did you mean 'labels'\? columns: path, labels"
    with pytest.raises(DataError, match=message):
        manifest_videos(request(path))


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ((), "no column 'path', 'label'"),
        (("path,label",), "a header and no rows"),
        (("path,label,path", "a,0,a"), "names a column twice"),
        (("path,label", "a.png"), "line 2: 1 cells for 2 columns"),
        (("path,label", "a.png,0,1"), "line 2: 3 cells for 2 columns"),
        (("path,label", ",0"), "line 2: path is empty"),
        (("path,label", "a.png,0", "a.jpg,0"), "line 3: 'a' is already in line 2"),
        (("path,label,video", "a.png,0,b", "b.png,0,"), "line 3: 'b' is already in line 2"),
        (("path,label,frame", "a.png,0,x"), "line 2: frame is 'x'"),
        (("path,label,frame", "a.png,0,1700000000000"), "a number from 0 to 2147483647"),
        (("path,label,video,frame", "a,0,v,1", "b,0,v,1"), "line 3: video 'v' already has frame 1"),
    ],
)
def test_a_broken_manifest_says_what_and_where(
    tmp_path: Path, lines: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        manifest_videos(request(manifest(tmp_path, *lines)))


@pytest.mark.parametrize(
    ("column", "values"),
    [("label", "01"), ("method", "ab"), ("split", "ab"), ("identity", "ab"), ("region", "ab")],
)
def test_rows_of_one_video_must_agree(tmp_path: Path, column: str, values: str) -> None:
    header = "path,video,label,method,split,identity,region"
    cells = {
        "video": "000_003",
        "label": "1",
        "method": "",
        "split": "",
        "identity": "",
        "region": "",
    }
    rows = [",".join([f"{value}.png", *{**cells, column: value}.values()]) for value in values]
    expected = (
        f"line 3: video '000_003' has {column} '{values[1]}' here and '{values[0]}' in line 2"
    )
    with pytest.raises(DataError, match=expected):
        manifest_videos(request(manifest(tmp_path, header, *rows)))


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no manifest\.csv in"):
        manifest_videos(request(tmp_path))
    with pytest.raises(ConfigError, match="'nowhere' is not a file or folder; write manifest:PATH"):
        manifest_videos(request(None, name="nowhere"))


def test_a_manifest_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    path = manifest(tmp_path)
    path.write_bytes(b"path,label\n\xff\xfe,0\n")
    with pytest.raises(DataError, match="cannot read manifest"):
        manifest_videos(request(path))


def test_an_unknown_split_lists_those_there_with_counts(tmp_path: Path) -> None:
    rows = ["a,0,train", "b,0,train", "c,0,dev", "d,0,"]
    path = manifest(tmp_path, "path,label,split", *rows)
    assert ids(manifest_videos(request(path, "train"))) == ["a", "b"]
    with pytest.raises(DataError, match=r"'trains' .* did you mean 'train'\? .*dev 1, train 2"):
        manifest_videos(request(path, "trains"))


@pytest.mark.slow
def test_rows_by_the_ten_thousand_take_seconds(tmp_path: Path) -> None:
    rows = [
        f"frames/{row // 30}/{row % 30}.png,{row // 30 % 2},v{row // 30},landmarks/{row}.npy"
        for row in range(30_000)
    ]
    path = manifest(tmp_path, "path,label,video,landmarks", *rows)
    start = time.process_time()
    videos = manifest_videos(request(path))
    assert time.process_time() - start < 10  # well under 1 on an idle core
    assert sum(len(video.frames) for video in videos) == 30_000


# --- splits that the data does not have -------------------------------------------------------


def people(count: int, each: int = 1) -> list[Video]:
    return [
        Video(dataset="set", id=f"{name}-{take}", identity=f"p{name}", label=0, frames=())
        for name in range(count)
        for take in range(each)
    ]


def test_made_up_splits_are_80_to_20_and_share_no_person() -> None:
    videos = people(1000, each=2)
    train, val = (choose_split(videos, split, "set") for split in ("train", "val"))
    assert {video.identity for video in train}.isdisjoint(video.identity for video in val)
    assert len(train) + len(val) == len(videos)
    assert 0.17 < len(val) / len(videos) < 0.23
    assert choose_split(videos, "test", "set") == videos


def test_made_up_splits_do_not_change_as_data_is_added() -> None:
    few, many = people(50), people(100)
    for split in ("train", "val"):
        assert set(ids(choose_split(few, split, "set"))) <= set(
            ids(choose_split(many, split, "set"))
        )


def test_a_made_up_split_of_another_name_says_what_there_is() -> None:
    with pytest.raises(DataError, match=r"test 50, train \d+, val \d+ \(it has no splits"):
        choose_split(people(50), "dev", "set")


def test_the_project_data_reads_as_its_readme_says(faces: Path) -> None:
    counts = {
        ("portraits", "train"): 175,
        ("portraits", "val"): 45,
        ("ffhq512", "train"): 469,
        ("ffhq256", "val"): 100,
        ("manipulated", "dev"): 73 + 219,
        ("manipulated", "test"): 146 + 438,
    }
    for (name, split), count in counts.items():
        videos = manifest_videos(request(faces / name, split))
        assert len(videos) == count
        assert all(video.frames[0].path.is_file() for video in videos)
