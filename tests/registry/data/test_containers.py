"""Which stream is the film, and what is no video at all."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.stream import Disposition

from registry import DataError
from registry.data.videos import VideoCursor, count_frames
from tests.shared.films import encoded, number_in


def joined(path: Path, *parts: tuple[Path, Disposition], sound: float = 0) -> Path:
    """The first video streams of several files in one, and seconds of silence."""
    with ExitStack() as stack:
        container = stack.enter_context(av.open(str(path), "w"))
        silence: Any = container.add_stream("aac", rate=44100) if sound else None
        sources = [stack.enter_context(av.open(str(source))) for source, _ in parts]
        streams = [container.add_stream_from_template(each.streams.video[0]) for each in sources]
        for stream, (_, disposition) in zip(streams, parts, strict=True):
            stream.disposition = disposition
        for given, stream in zip(sources, streams, strict=True):
            for packet in given.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    container.mux(packet)
        if silence is not None:
            samples = np.zeros((2, int(44100 * sound)), np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            frame.sample_rate = 44100
            for packet in [*silence.encode(frame), *silence.encode(None)]:
                container.mux(packet)
    return path


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return encoded(tmp_path / "film.mkv", 12)


@pytest.fixture
def still(tmp_path: Path) -> Path:
    return encoded(tmp_path / "still.avi", 1, "mjpeg")


def numbers(path: Path) -> list[int]:
    cursor = VideoCursor()
    return [number_in(cursor.read(path, at)) for at in range(count_frames(path))]


@pytest.mark.parametrize("default", ["film", "still", "both", "none"])
def test_a_still_before_the_film_is_not_taken_for_it(
    tmp_path: Path, film: Path, still: Path, default: str
) -> None:
    none, mark = Disposition(0), Disposition.default
    marks = [mark if default in {name, "both"} else none for name in ("still", "film")]
    path = joined(tmp_path / "a.mkv", (still, marks[0]), (film, marks[1]))
    assert numbers(path) == list(range(12))


def test_a_cover_beside_the_film_is_not_taken_for_it(
    tmp_path: Path, film: Path, still: Path
) -> None:
    parts = (still, Disposition.attached_pic), (film, Disposition(0))
    assert numbers(joined(tmp_path / "a.mp4", *parts)) == list(range(12))


def test_of_two_films_the_default_one_is_shown(tmp_path: Path, film: Path) -> None:
    other = encoded(tmp_path / "other.mkv", 20)
    parts = (film, Disposition(0)), (other, Disposition.default)
    assert numbers(joined(tmp_path / "a.mkv", *parts)) == list(range(20))


@pytest.mark.parametrize("marked", [True, False])
def test_sound_with_a_cover_is_no_video(tmp_path: Path, still: Path, marked: bool) -> None:
    mark = Disposition.attached_pic if marked else Disposition(0)
    path = joined(tmp_path / ("a.mp4" if marked else "a.mkv"), (still, mark), sound=2)
    with pytest.raises(DataError, match="holds no video stream, only a cover picture"):
        VideoCursor().read(path, 0)


def test_a_film_with_sound_stays_one(tmp_path: Path, film: Path) -> None:
    assert numbers(joined(tmp_path / "a.mkv", (film, Disposition(0)), sound=2)) == list(range(12))


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["12:30.mkv", "concat:x.mkv", "file:x.mkv", "http:x.mkv", "a%20b.mkv"]
)
def test_a_name_is_never_an_address(
    tmp_path: Path, film: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    film.rename(tmp_path / name)
    assert numbers(Path(name)) == numbers(tmp_path / name) == list(range(12))


# --- what is no video -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile film.mkv\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfilm.mkv\n#EXT-X-ENDLIST\n",
        "<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011'></MPD>",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 1 RTP/AVP 96\n",
    ],
    ids=["concat", "hls", "dash", "sdp"],
)
@pytest.mark.parametrize("name", ["evidence.mp4", "evidence.mkv"])
def test_a_list_of_files_is_no_video(tmp_path: Path, film: Path, text: str, name: str) -> None:
    (tmp_path / name).write_text(text)
    assert film.is_file()
    with pytest.raises(DataError, match="it is a text file, not a video"):
        VideoCursor().read(tmp_path / name, 0)


def test_pictures_are_no_video(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (32, 32)).save(tmp_path / "a.mp4", format="PNG")
    with pytest.raises(DataError, match="it is an image, not a video"):
        VideoCursor().read(tmp_path / "a.mp4", 0)


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        os.chdir(path.parent)  # a socket's path is short
        made.bind(path.name)


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (make_pipe, "not a file but a device, a pipe or a socket"),
        (make_socket, "not a file but a device, a pipe or a socket"),
        (make_device, "not a file but a device, a pipe or a socket"),
        (make_loop, "symbolic links"),
        (Path.mkdir, "it is a folder"),
    ],
)
def test_what_has_no_end_is_not_read(
    tmp_path: Path, make: Any, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a.mp4"
    make(path)
    assert count_frames(path) == 1
    with pytest.raises(DataError, match=reason):
        VideoCursor().read(path, 0)


def test_a_codec_without_a_decoder_is_a_reason(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.avi", 3, "mpeg4")
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"ZZZZ").replace(b"fmp4", b"zzzz"))
    assert count_frames(path) == 1
    with pytest.raises(DataError, match="no decoder for its codec"):
        VideoCursor().read(path, 0)


def test_of_two_films_the_one_that_can_be_decoded_is_shown(tmp_path: Path) -> None:
    parts = [encoded(tmp_path / f"{name}.avi", 3, name) for name in ("mpeg4", "mjpeg")]
    none = Disposition(0)
    path = joined(tmp_path / "both.avi", *((part, none) for part in parts))
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"ZZZZ").replace(b"fmp4", b"zzzz"))
    image = VideoCursor().read(path, 1)
    assert number_in(image) == number_in(VideoCursor().read(parts[1], 1))


def test_tags_need_not_be_utf8(tmp_path: Path) -> None:
    source = encoded(tmp_path / "plain.mkv", 3)
    path = tmp_path / "a.mkv"
    with av.open(str(source)) as given, av.open(str(path), "w") as container:
        container.metadata["title"] = "caption"
        stream = container.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    data = path.read_bytes()
    assert b"caption" in data
    path.write_bytes(data.replace(b"caption", b"\xff\xfe\xfdtion"))
    assert numbers(path) == [0, 1, 2]
