from __future__ import annotations

import struct
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

import registry.data.videos
from registry import DataError, evaluate
from registry.contracts.types import Face, Frame, Video
from registry.data.containers import is_cut_short
from registry.data.index import data_fingerprint, find_videos, select_frames
from registry.data.videos import VideoCursor, count_frames, is_video
from registry.plugins.discovery import Plugins, load_plugins
from registry.plugins.specs import FaceDetectorSpec, LandmarkerSpec
from registry.results.predictions import read_predictions
from tests.shared.layouts import cut, number_of, write_image, write_video
from tests.shared.readers import reader_of

KINDS = {"a.mp4": "libx264", "b.avi": "mpeg4", "c.mkv": "libx264", "d.webm": "libvpx-vp9"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    for name, codec in KINDS.items():
        write_video(folder / name, 30, codec)
    return folder


def readable(path: Path) -> list[int]:
    """What the frames say their numbers are, up to the first that cannot be read."""
    cursor, numbers = VideoCursor(), []
    with suppress(DataError):
        while True:
            numbers.append(number_of(cursor.read(path, len(numbers))))
    return numbers


# --- counting and reading ---------------------------------------------------------------------


@pytest.mark.parametrize("name", KINDS)
def test_frames_are_counted_whether_or_not_the_container_knows(clips: Path, name: str) -> None:
    assert count_frames(clips / name) == 30


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_a_short_film_is_not_taken_for_one_cut_short(tmp_path: Path, frames: int) -> None:
    assert count_frames(write_video(tmp_path / "a.mkv", frames)) == frames


@pytest.mark.parametrize("name", KINDS)
def test_a_frame_is_the_one_that_was_asked_for(clips: Path, name: str) -> None:
    cursor = VideoCursor()
    for number in (0, 7, 8, 29, 3, 3):
        image = cursor.read(clips / name, number)
        assert image.shape == (48, 64, 3)
        assert image.dtype == np.uint8
        assert number_of(image) == number


def test_one_cursor_reads_many_files(clips: Path) -> None:
    cursor = VideoCursor()
    assert number_of(cursor.read(clips / "a.mp4", 5)) == 5
    assert number_of(cursor.read(clips / "b.avi", 4)) == 4
    assert number_of(cursor.read(clips / "a.mp4", 6)) == 6


def test_rising_numbers_open_a_file_once(clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    original = registry.data.videos.open_container
    monkeypatch.setattr(
        registry.data.videos, "open_container", lambda path: opened.append(path) or original(path)
    )
    cursor = VideoCursor()
    for number in range(0, 30, 3):
        cursor.read(clips / "a.mp4", number)
    assert opened == [clips / "a.mp4"]


@pytest.mark.parametrize("turned", [1, -1], ids=["clockwise", "counterclockwise"])
def test_a_portrait_video_of_a_phone_stands_upright_as_opencv_shows_it(
    tmp_path: Path, turned: int
) -> None:
    """It is stored as a landscape one with a rotation matrix in the header of the track."""
    path = write_video(tmp_path / "a.mp4", 3)
    data = bytearray(path.read_bytes())
    matrix = (0, turned << 16, 0, -turned << 16, 0, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, *matrix)
    path.write_bytes(data)
    image = VideoCursor().read(path, 1)
    capture = cv2.VideoCapture(str(path))
    shown = [capture.read()[1] for _ in range(2)][1][..., ::-1]
    capture.release()
    assert image.shape == shown.shape == (64, 48, 3)
    assert np.abs(image.astype(int) - shown).mean() < 4  # two conversions from YUV


# --- damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("b.avi", "mpeg4")], ids=["mp4", "avi"]
)
def test_a_file_cut_short_gives_what_is_whole_and_an_error_for_the_rest(
    tmp_path: Path, name: str, codec: str
) -> None:
    path = cut(write_video(tmp_path / name, 30, codec, movflags="faststart"), 0.6)
    assert count_frames(path) == 30  # the header's word
    cursor = VideoCursor()
    assert number_of(cursor.read(path, 2)) == 2
    for _ in range(2):  # the reason stays, and the file is not decoded again for it
        with pytest.raises(DataError, match=r"up to this frame: it is truncated or damaged"):
            cursor.read(path, 29)
    assert number_of(cursor.read(path, 1)) == 1


def test_a_cut_file_of_a_container_that_counts_nothing_is_known_by_its_length(
    tmp_path: Path,
) -> None:
    path = cut(write_video(tmp_path / "a.mkv", 30), 0.6)
    numbers = readable(path)
    assert 0 < len(numbers) < 30
    assert count_frames(path) == len(numbers) + 1
    with pytest.raises(DataError, match="ends before this frame; it is cut short"):
        VideoCursor().read(path, len(numbers))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codec", "lost"),
    # bytes of the last packet, tag (before one that only says that it ends) or page; some of these
    # films decode to their end without them
    [
        ("a.ts", "libx264", 20),
        ("a.m2ts", "libx264", 20),
        ("a.flv", "libx264", 30),
        ("a.ogv", "libvpx", 20),
        ("a.ts", "mpeg2video", 100),
    ],
)
def test_a_stream_that_ends_within_a_packet_is_cut_short(
    tmp_path: Path, name: str, codec: str, lost: int
) -> None:
    path = write_video(tmp_path / name, 30, codec)
    assert (count_frames(path), readable(path)) == (30, list(range(30)))
    path.write_bytes(path.read_bytes()[:-lost])
    assert is_cut_short(path)
    numbers = readable(path)
    assert numbers == list(range(len(numbers)))
    with pytest.raises(DataError, match=r"cut short|truncated or damaged"):
        VideoCursor().read(path, count_frames(path) - 1)


@pytest.mark.parametrize("skipped", [0, 1, 100, 187, 188 * 3 + 50])
@pytest.mark.parametrize(("before", "after"), [(0, 0), (4, 0), (0, 16)], ids=["188", "192", "204"])
def test_a_transport_stream_that_begins_within_a_packet_is_known_to_end_in_one(
    tmp_path: Path, skipped: int, before: int, after: int
) -> None:
    plain = write_video(tmp_path / "a.ts", 12).read_bytes()
    packets = [plain[at : at + 188] for at in range(0, len(plain), 188)]
    data = b"".join(bytes(before) + packet + bytes(after) for packet in packets)[skipped:]
    path = tmp_path / "b.ts"
    path.write_bytes(data)
    assert not is_cut_short(path)
    for lost in (1, 100, 187):
        path.write_bytes(data[:-lost])
        assert is_cut_short(path)


def test_one_frame_of_a_file_that_is_cut_short_is_not_scored_without_a_word(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.ts", 12)
    video = Video(dataset="", id="v", label=0, frames=(), file=path)
    assert [frame.index for frame in select_frames(video, 1)] == [0]
    path.write_bytes(path.read_bytes()[:-20])
    for policy in ("linspace", "time"):
        first, last = select_frames(video, 1, policy)
        assert number_of(VideoCursor().read(path, first.index)) == 0
        with pytest.raises(DataError, match=r"cut short|truncated or damaged"):
            VideoCursor().read(path, last.index)


def test_damage_in_the_middle_is_no_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", 30, "mpeg4")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = np.random.default_rng(0).bytes(300)
    path.write_bytes(data)
    numbers = readable(path)
    assert numbers == list(range(len(numbers)))
    assert 0 < len(numbers) < 30
    with pytest.raises(DataError, match="truncated or damaged"):
        VideoCursor().read(path, 29)


def test_a_header_that_promises_too_much_is_an_error_at_the_end(clips: Path) -> None:
    with pytest.raises(DataError, match="ends before this frame"):
        VideoCursor().read(clips / "a.mp4", 30)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no video file"),
        (b"", "cannot decode .*it is an empty file"),
        (b"hello" * 99, "cannot decode .*it is a text file"),
        (bytes(99), "cannot decode .*Invalid data"),
    ],
)
def test_what_is_no_video_counts_one_frame_that_fails(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    assert count_frames(path) == 1
    with pytest.raises(DataError, match=reason):
        VideoCursor().read(path, 0)


def test_sound_without_a_picture_is_no_video(tmp_path: Path) -> None:
    import av

    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        sound.sample_rate = 16000
        container.mux(stream.encode(sound))  # type: ignore[attr-defined]
        container.mux(stream.encode(None))  # type: ignore[attr-defined]
    with pytest.raises(DataError, match="holds no video stream"):
        VideoCursor().read(path, 0)


# --- videos -----------------------------------------------------------------------------------


def test_the_frames_of_a_file_are_chosen_by_policy(clips: Path) -> None:
    video = Video(dataset="set", id="a", label=0, file=clips / "a.mp4")
    evenly = select_frames(video, 4)
    assert [(each.path, each.index) for each in evenly] == [
        (clips / "a.mp4", at) for at in (0, 9, 19, 29)
    ]
    times = [each.seconds for each in evenly]
    assert times == pytest.approx([at / 25 for at in (0, 9, 19, 29)], abs=0.005)
    assert [frame.index for frame in select_frames(video, 3, "first")] == [0, 1, 2]
    assert len(select_frames(video, 3, "all")) == 30


def test_the_fingerprint_knows_a_file_by_name_and_size(tmp_path: Path) -> None:
    def of(name: str, content: bytes) -> str:
        (tmp_path / name).write_bytes(content)
        return data_fingerprint([Video(dataset="set", id="a", label=0, file=tmp_path / name)])

    prints = {of("a.mp4", b"1"), of("a.mp4", b"12"), of("b.mp4", b"1")}
    assert len(prints) == 3
    assert of("a.mp4", b"1") in prints


def test_folders_may_hold_video_files(tmp_path: Path) -> None:
    for name in ("real/a.mp4", "fake/swap/a.mp4", "fake/b.avi"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    write_image(tmp_path / "real/c/0.png")
    videos = find_videos(str(tmp_path), "test", load_plugins())
    assert [(each.id, each.label, each.method, each.file) for each in videos] == [
        ("real/a", 0, "", tmp_path / "real/a.mp4"),
        ("real/c", 0, "", None),
        ("fake/b", 1, "", tmp_path / "fake/b.avi"),
        ("fake/swap/a", 1, "swap", tmp_path / "fake/swap/a.mp4"),
    ]


def test_images_beside_video_files_are_an_error(tmp_path: Path) -> None:
    write_image(tmp_path / "fake/swap/0.png")
    (tmp_path / "fake/swap/a.mp4").touch()
    with pytest.raises(DataError, match="swap holds images and video files"):
        find_videos(str(tmp_path), "test", load_plugins())


def manifest(tmp_path: Path, *lines: str) -> str:
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    return str(tmp_path / "manifest.csv")


def test_a_manifest_names_whole_videos_or_frames_of_them(tmp_path: Path) -> None:
    lines = ("path,label,video,frame", "a.mp4,0,,", "b.mp4,1,b,7", "b.mp4,1,b,2")
    whole, part = find_videos(manifest(tmp_path, *lines), "test", load_plugins())
    assert (whole.id, whole.file, whole.frames) == ("a", tmp_path / "a.mp4", ())
    assert part.file is None
    assert part.frames == tuple(
        Frame(path=tmp_path / "b.mp4", index=at, listed="b.mp4") for at in (2, 7)
    )


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (("path,label,video", "a.mp4,0,a", "b.mp4,0,a"), "line 2: a.mp4 is .* has further rows"),
        (("path,label,landmarks", "a.mp4,0,a.npy"), "line 2: a.mp4 is .* landmarks of one frame"),
    ],
)
def test_a_whole_video_has_one_row_and_nothing_of_a_frame(
    tmp_path: Path, lines: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(DataError, match=reason):
        find_videos(manifest(tmp_path, *lines), "test", load_plugins())


# --- evaluation -------------------------------------------------------------------------------


def whole_image(image: np.ndarray) -> list[Face]:
    height, width = image.shape[:2]
    return [Face(box=(0.0, 0.0, float(width), float(height)))]


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Plugins:
    """Everything that is installed, and a face detector that takes the whole image."""
    spec = FaceDetectorSpec(name="whole", summary="the whole image", build=lambda: whole_image)
    found = load_plugins()
    more = Plugins(records=(*found.records, spec))
    monkeypatch.setattr(registry.tasks.evaluate, "load_plugins", lambda: more)
    return more


def test_a_run_over_video_files_scores_their_frames_and_counts_the_broken(
    tmp_path: Path, plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("real/a.mp4", "real/b.mp4", "fake/c.mp4", "fake/d.avi"):
        write_video(tmp_path / name, 12, "mpeg4" if name.endswith("avi") else "libx264")
    write_video(tmp_path / "fake/cut.mp4", 12, movflags="faststart")
    cut(tmp_path / "fake/cut.mp4", 0.5)
    (tmp_path / "fake/empty.mp4").touch()
    opened: list[tuple[str, int]] = []
    original = registry.data.videos.open_container

    def counted(path: Path) -> object:
        opened.append((path.name, threading.get_ident()))
        return original(path)

    monkeypatch.setattr(registry.data.videos, "open_container", counted)
    result = evaluate(
        detector="random",
        dataset=(str(tmp_path),),
        out=str(tmp_path / "run"),
        frames=4,
        chunk=6,
        face_detector="whole",
        crop_from="detector",
        max_errors=0.5,
        draws=0,
        quiet=True,
        metrics=("auc",),
        reporters=(),  # a report opens files for its pictures
        workers=3,
    )
    table, _ = read_predictions(tmp_path / "run")
    rows = table.to_pylist()
    by_video = {
        name: [r for r in rows if r["video"] == name] for name in {r["video"] for r in rows}
    }
    for name in ("real/a", "real/b", "fake/c", "fake/d"):
        assert [(row["frame"], row["status"]) for row in by_video[name]] == [
            (at, "ok") for at in (0, 3, 7, 11)
        ]
    broken = [row["status"] for row in by_video["fake/cut"]]
    assert "cannot decode FILE up to this frame" in broken[-1]
    assert "empty file" in by_video["fake/empty"][0]["status"]
    assert len(by_video["fake/empty"]) == 1
    whole = result.counts[0]
    assert (whole.reals, whole.left_out) == (2, 1)
    # Once per chunk to read: the chunks of 6 frames cut b in two.
    times = Counter(name for name, _ in opened)
    assert times["a.mp4"] == 1
    assert times["b.mp4"] <= 2


def test_threads_read_files_apart(clips: Path) -> None:
    specs = Plugins(
        records=(
            FaceDetectorSpec(name="dlib", summary="whole", build=lambda: whole_image),
            LandmarkerSpec(name="dlib68", summary="none", points=68, build=lambda _: None),
        )
    )
    reader = reader_of(plugins=specs, crop_from="detector")

    def numbers(name: str) -> list[int]:
        path = clips / name
        return [number_of(reader.read(Frame(path=path, index=at))[0]) for at in range(0, 30, 2)]

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(numbers, [*KINDS, *KINDS]):
            assert found == list(range(0, 30, 2))


def test_a_video_is_known_by_its_extension() -> None:
    assert is_video(Path("a/b.MP4"))
    assert not is_video(Path("a.mp4/0.png"))
