from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from registry.contracts.types import DatasetRequest, Frame, Video
from registry.data.index import FramePolicy, data_fingerprint, find_videos, select_frames
from registry.errors import BenchError, ConfigError, DataError, EmptySplitError, UnknownNameError
from registry.faces.real_faces import samples
from registry.plugins.discovery import Plugins
from registry.plugins.specs import DatasetSpec, FaceDetectorSpec, LandmarkerSpec
from tests.shared.readers import reader_of


def video(name: str = "a", label: int = 0, frames: int = 1, root: Path = Path()) -> Video:
    return Video(
        dataset="set",
        id=name,
        label=1 if label else 0,
        frames=tuple(Frame(path=root / f"{name}{i}.png", index=i) for i in range(frames)),
    )


def dataset(
    name: str,
    videos: Callable[[DatasetRequest], Iterable[Video]],
    recognises: Callable[[Path], bool] | None = None,
) -> DatasetSpec:
    return DatasetSpec(
        name=name, summary="a data set", videos=videos, recognises=recognises, needs=f"a .{name}"
    )


class Asked:
    """A reader that remembers what it was asked for."""

    def __init__(self, *answer: Video) -> None:
        self.answer = answer or (video(),)
        self.request: DatasetRequest | None = None

    def __call__(self, request: DatasetRequest) -> Iterable[Video]:
        self.request = request
        return self.answer


def plugins(**readers: Asked) -> Plugins:
    """Each reader under its name, recognising files with its name as suffix."""
    return Plugins(
        records=tuple(
            dataset(name, asked, lambda path, name=name: path.suffix == f".{name}")
            for name, asked in readers.items()
        )
    )


# --- find_videos ------------------------------------------------------------------------------


def test_a_path_goes_to_the_reader_that_recognises_it(tmp_path: Path) -> None:
    (tmp_path / "faces.two").touch()
    one, two = Asked(), Asked()
    path = tmp_path / "faces.two"
    assert find_videos(str(path), "val", plugins(one=one, two=two)) == [video()]
    assert one.request is None
    assert two.request == DatasetRequest(name=str(path), root=path, split="val")


def test_a_registered_name_needs_no_path() -> None:
    asked = Asked()
    find_videos("set", "test", plugins(set=asked))
    assert asked.request == DatasetRequest(name="set", root=None, split="test")


def test_kind_and_name_pick_the_reader(tmp_path: Path) -> None:
    asked = Asked()
    find_videos("set:Celeb-DF-v2", "test", plugins(set=asked))
    assert asked.request == DatasetRequest(name="Celeb-DF-v2", root=None, split="test")
    find_videos(f"set:{tmp_path}", "test", plugins(set=asked))
    assert asked.request == DatasetRequest(name=str(tmp_path), root=tmp_path, split="test")


def test_an_unknown_name_lists_those_registered() -> None:
    told = r"'sett' and no such file or folder; did you mean 'set'\? registered: set"
    with pytest.raises(UnknownNameError, match=told):
        find_videos("sett", "test", plugins(set=Asked()))


def test_a_missing_path_names_what_is_there_instead(tmp_path: Path) -> None:
    (tmp_path / "portraits").mkdir()
    with pytest.raises(DataError, match=r"no such file or folder.*did you mean 'portraits'\?"):
        find_videos(str(tmp_path / "portrait" / "manifest.csv"), "test", plugins(set=Asked()))


def test_a_path_under_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(DataError, match=r"no such file or folder: .*in .*a\.csv: nothing"):
        find_videos(str(tmp_path / "a.csv" / "b"), "test", plugins(set=Asked()))


def test_a_path_that_no_reader_recognises_lists_the_layouts(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"no data in {tmp_path}: the folder is empty"):
        find_videos(str(tmp_path), "test", plugins(one=Asked()))
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DataError, match=r"no reader recognises.*one: a \.one; two: a \.two"):
        find_videos(str(tmp_path), "test", plugins(one=Asked(), two=Asked()))


def test_a_split_that_a_reader_never_has_is_refused_before_it_is_asked() -> None:
    asked = Asked()
    known = dataset("set", asked)
    records = (replace(known, splits=("train", "test")),)
    with pytest.raises(EmptySplitError, match="has no split 'tset'; did you mean 'test'"):
        find_videos("set", "tset", Plugins(records=records))
    assert asked.request is None
    find_videos("set", "test", Plugins(records=records))


def test_a_path_that_two_readers_recognise_must_be_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a.x").touch()
    both = Plugins(records=tuple(dataset(n, Asked(), lambda _: True) for n in ("one", "two")))
    with pytest.raises(ConfigError, match=r"write 'one:.*a\.x' or 'two:.*a\.x'"):
        find_videos(str(tmp_path / "a.x"), "test", both)


def test_a_name_that_is_a_folder_too_must_be_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy").mkdir()
    monkeypatch.chdir(tmp_path)
    asked = Asked()
    with pytest.raises(ConfigError, match=r"write './toy' .*, 'toy:toy' for"):
        find_videos("toy", "test", plugins(toy=asked))
    find_videos("toy:toy", "test", plugins(toy=asked))
    assert asked.request is not None
    assert asked.request.name == "toy"


def test_a_reader_that_finds_nothing_is_an_error() -> None:
    asked = Asked()
    asked.answer = ()
    with pytest.raises(DataError, match="no videos in split 'dev'"):
        find_videos("set", "dev", plugins(set=asked))


def test_a_video_without_frames_is_the_readers_fault() -> None:
    with pytest.raises(DataError, match=r"video 'a' .* has no frames; it was read by 'set'"):
        find_videos("set", "test", plugins(set=Asked(video(frames=0))))


def test_two_videos_of_one_id_are_the_readers_fault() -> None:
    with pytest.raises(DataError, match=r"'a' .* has an id that is already taken"):
        find_videos("set", "test", plugins(set=Asked(video(), video(label=1))))


def test_names_that_no_result_could_hold_are_refused() -> None:
    of_all = replace(video(label=1), method="all")
    with pytest.raises(DataError, match="has the method 'all', which is reserved for all"):
        find_videos("set", "test", plugins(set=Asked(video("b"), of_all)))
    with pytest.raises(DataError, match="a name that is not UTF-8; rename the file"):
        find_videos("set", "test", plugins(set=Asked(video("caf\udce9"))))


def test_a_folder_that_may_not_be_read_is_an_error_with_its_name() -> None:
    def refuse(_request: DatasetRequest) -> Iterable[Video]:
        raise PermissionError(13, "Permission denied", "data/real")

    with pytest.raises(DataError, match="cannot read data/real: Permission denied"):
        find_videos("set", "test", Plugins(records=(dataset("set", refuse),)))


def test_a_name_too_long_for_a_path_is_an_error() -> None:
    with pytest.raises(DataError, match=r"cannot read a+: File name too long"):
        find_videos("a" * 300, "test", plugins())


def test_installed_readers_are_found_by_path(faces: Path) -> None:
    from registry.plugins.discovery import load_plugins

    found = find_videos(str(faces / "manipulated"), "test", load_plugins())
    assert sum(video.label for video in found) == 438
    assert len(found) == 438 + 146
    assert {video.dataset for video in found} == {"manipulated"}


# --- frames, samples, fingerprint -------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "count", "expected"),
    [
        (10, 4, [0, 3, 6, 9]),
        (3, 32, [0, 1, 2]),
        (1, 1, [0]),
        (100, 1, [0]),
        (5, 5, [0, 1, 2, 3, 4]),
    ],
)
def test_frames_are_evenly_spread_and_never_repeated(
    frames: int, count: int, expected: list[int]
) -> None:
    chosen = select_frames(video(frames=frames), count)
    assert [frame.index for frame in chosen] == expected


def test_the_published_32_frames_are_linspace() -> None:
    chosen = select_frames(video(frames=467), 32)
    assert [frame.index for frame in chosen] == [int(i) for i in np.linspace(0, 466, 32)]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("linspace", [0, 3, 6, 9]), ("first", [0, 1, 2, 3]), ("all", list(range(10)))],
)
def test_the_policy_says_which_frames(policy: FramePolicy, expected: list[int]) -> None:
    chosen = select_frames(video(frames=10), 4, policy)
    assert [frame.index for frame in chosen] == expected
    assert len(select_frames(video(frames=3), 4, policy)) == 3


def test_no_frames_at_all_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="frames is 0"):
        select_frames(video(), 0)


def test_samples_are_the_frames_of_real_videos() -> None:
    specs = Plugins(
        records=(
            FaceDetectorSpec(name="dlib", summary="none", build=lambda: lambda _: []),
            LandmarkerSpec(name="dlib68", summary="none", points=68, build=lambda _: _no_points),
        )
    )
    reader = reader_of(plugins=specs)
    found = samples([video("a", 0, 2), video("b", 1, 2), video("c", 0, 1)], reader)
    assert [sample.key for sample in found] == ["set/a/0", "set/a/1", "set/c/0"]
    assert [sample.identity for sample in found] == ["set/a", "set/a", "set/c"]


def _no_points(*_: object) -> np.ndarray:
    raise BenchError("not called")


def test_the_fingerprint_is_of_what_the_data_is_not_of_where_it_lies(tmp_path: Path) -> None:
    prints = []
    for name in ("here", "there"):
        root = tmp_path / name
        root.mkdir()
        (root / "a0.png").write_bytes(b"1234")
        (root / "b0.png").write_bytes(b"12345")
        prints.append(data_fingerprint([video("a", root=root), video("b", 1, root=root)]))
        prints.append(data_fingerprint([video("b", 1, root=root), video("a", root=root)]))
    assert len(set(prints)) == 1


def test_the_fingerprint_changes_with_label_id_size_and_landmarks(tmp_path: Path) -> None:
    (tmp_path / "a0.png").write_bytes(b"1234")
    landmarks = tmp_path / "a.npy"
    frame = Frame(path=tmp_path / "a0.png", landmarks=landmarks)

    def of(label: int = 0, name: str = "a") -> str:
        each = Video(dataset="set", id=name, label=1 if label else 0, frames=(frame,))
        return data_fingerprint([each])

    prints = [of(), of(label=1), of(name="b")]
    for content in (b"points", b"others"):
        landmarks.write_bytes(content)
        prints.append(of())
    (tmp_path / "a0.png").write_bytes(b"12345")
    prints.append(of())
    (tmp_path / "a0.png").unlink()
    prints.append(of())
    assert len(set(prints)) == len(prints)
