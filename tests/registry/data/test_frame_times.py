"""FFmpeg's own decoder is the reference for which frames a file shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from registry import DataError
from registry.contracts.types import Video
from registry.data.frame_times import find_frames
from registry.data.index import select_frames
from registry.data.videos import VideoCursor, count_frames
from tests.shared.films import encoded, number_in, remuxed, shown_by_decoder, trimmed

OPEN_GOP = {"qp": "5", "bf": "2", "x264-params": "open-gop=1:keyint=8:min-keyint=8:scenecut=0"}


def numbers(path: Path) -> list[int]:
    """What all frames that are counted say of themselves."""
    cursor = VideoCursor()
    return [number_in(cursor.read(path, at)) for at in range(count_frames(path))]


def after(key: int) -> Any:
    """Keeps the packets from the key frame of that number on."""
    seen = 0

    def keep(_number: int, packet: Any) -> Any:
        nonlocal seen
        seen += packet.is_keyframe
        return packet if seen >= key else None

    return keep


@pytest.mark.parametrize(("skipped", "shown"), [(8, 16), (0, 10), (5, 7)])
def test_an_edit_list_decides_what_is_shown(tmp_path: Path, skipped: int, shown: int) -> None:
    """Phones trim by an edit list: what was cut off stays in the file."""
    source = encoded(tmp_path / "whole.mp4")
    path = trimmed(source, tmp_path / "cut.mp4", skipped, shown)
    assert numbers(path) == list(range(skipped, skipped + shown))
    assert len(numbers(path)) == shown_by_decoder(path)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "flv"])
def test_a_cut_out_of_an_open_group_of_pictures_is_whole(tmp_path: Path, suffix: str) -> None:
    """Its first B-frames lean on pictures before the cut; strict decoders fail at them."""
    source = encoded(tmp_path / "whole.mkv", 30, "libx264", 8, **OPEN_GOP)
    path = remuxed(source, tmp_path / f"cut.{suffix}", after(3))
    with av.open(str(path)) as container:
        times = [packet.pts for packet in container.demux(video=0) if packet.size]
    assert min(times) < times[0]  # there are such B-frames
    found = numbers(path)
    assert found == list(range(found[0], 30))
    assert len(found) == shown_by_decoder(path)


@pytest.mark.parametrize("frames", ["2", "3"])
@pytest.mark.parametrize("key", [2, 4])
def test_a_cut_out_of_an_open_group_in_avi_is_whole_too(
    tmp_path: Path, frames: str, key: int
) -> None:
    """AVI has no times: what leans on pictures before the cut is told by the packets."""
    coding = f"{OPEN_GOP['x264-params']}:b-adapt=0"
    options = {**OPEN_GOP, "bf": frames, "x264-params": coding}
    source = encoded(tmp_path / "whole.avi", 30, "libx264", 8, **options)
    path = remuxed(source, tmp_path / "cut.avi", after(key))
    first = 8 * (key - 1)
    assert numbers(path) == list(range(first, 30))
    assert len(numbers(path)) == shown_by_decoder(path)


def test_a_damaged_frame_at_the_start_of_such_an_avi_stays_one(tmp_path: Path) -> None:
    """A new start, and a P-frame after the key frame: nothing leans on what was cut off."""
    for name, options in (("closed", {"qp": "5", "bf": "0"}), ("open", {**OPEN_GOP, "bf": "0"})):
        source = encoded(tmp_path / f"{name}.avi", 24, "libx264", 8, **options)
        path = remuxed(source, tmp_path / "cut.avi", after(2))
        with av.open(str(path)) as container:
            packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
        data = bytearray(path.read_bytes())
        at = data.index(packets[1])
        data[at + 12 : at + len(packets[1])] = b"\xa5" * (len(packets[1]) - 12)
        path.write_bytes(data)
        with pytest.raises(DataError, match="truncated or damaged"):
            numbers(path)


def test_what_comes_before_the_first_key_frame_is_not_shown(tmp_path: Path) -> None:
    source = encoded(tmp_path / "whole.mkv", 24, gop=8)
    path = remuxed(source, tmp_path / "late.mkv", lambda at, packet: packet if at > 2 else None)
    assert numbers(path) == list(range(8, 24))


def test_dropped_frames_of_an_avi_are_no_frames(tmp_path: Path) -> None:
    """The header counts them, and the container has empty places for them."""
    source = encoded(tmp_path / "whole.avi", 24, "mpeg4")
    path = remuxed(
        source, tmp_path / "a.avi", lambda at, packet: None if at in {5, 6, 11} else packet
    )
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 24
    assert count_frames(path) == shown_by_decoder(path) == 21
    assert len(numbers(path)) == 21


def test_two_frames_in_a_packet_are_two(tmp_path: Path) -> None:
    """As DivX packs B-frames into AVI: one beside the P-frame that it leans on, a mark after."""
    source = encoded(tmp_path / "whole.avi", 25, "mpeg4", 25, bf="1")
    with av.open(str(source)) as given:
        stored = [bytes(packet) for packet in given.demux(video=0) if packet.size]
    mark = b"\0\0\1\xb2DivX503b1393p"  # how the decoder knows
    not_coded = b"\0\0\1\xb6\x50\0\0"
    packed = [mark + stored[0]]
    for forward, both in zip(stored[1::2], stored[2::2], strict=True):
        packed += [forward + both, not_coded]

    def change(number: int, packet: Any) -> Any:
        made = av.Packet(packed[number])
        made.pts = made.dts = packet.dts
        made.time_base, made.is_keyframe = packet.time_base, packet.is_keyframe
        return made

    path = remuxed(source, tmp_path / "packed.avi", change)
    assert count_frames(path) == shown_by_decoder(path) == 25
    assert len(numbers(path)) == 25


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_last_frame_that_is_held_is_no_sign_of_damage(tmp_path: Path, suffix: str) -> None:
    source = encoded(tmp_path / "whole.mp4", 12)

    def hold(number: int, packet: Any) -> Any:
        packet.duration *= 60 if number == 11 else 1
        return packet

    path = remuxed(source, tmp_path / f"held.{suffix}", hold)
    with av.open(str(path)) as container:
        assert (container.duration or 0) > 5e6
    assert numbers(path) == list(range(12))


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("ts", "libx264"), ("mpg", "mpeg2video"), ("webm", "libvpx")],
)
def test_containers_without_a_count_are_counted(tmp_path: Path, suffix: str, codec: str) -> None:
    path = encoded(tmp_path / f"a.{suffix}", 20, codec)
    assert count_frames(path) == shown_by_decoder(path) == 20
    assert len(numbers(path)) == 20


def test_a_cut_fragmented_film_is_known_by_its_boxes(tmp_path: Path) -> None:
    source = encoded(tmp_path / "whole.mp4", 24, gop=6)
    path = tmp_path / "a.mp4"
    with (
        av.open(str(source)) as given,
        av.open(str(path), "w", options={"movflags": "frag_keyframe+empty_moov"}) as container,
    ):
        stream = container.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)
    assert numbers(path) == list(range(24))
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"moof") + 200])
    count = count_frames(path)
    assert 18 <= count <= 24
    with pytest.raises(DataError, match=r"cut short|truncated"):
        VideoCursor().read(path, count - 1)


# --- by time ----------------------------------------------------------------------------------


def variable(path: Path) -> Path:
    """Twelve frames in the first second, then one each second for eleven seconds."""
    source = encoded(path.with_name("even.mkv"), 24)

    def stretch(number: int, packet: Any) -> Any:
        packet.pts = packet.dts = round(1000 * (number / 12 if number < 12 else number - 11))
        return packet

    return remuxed(source, path, stretch)


def test_times_are_those_at_which_frames_are_shown(tmp_path: Path) -> None:
    times = find_frames(variable(tmp_path / "a.mkv")).times
    assert times is not None
    expected = [at / 12 if at < 12 else at - 11 for at in range(24)]
    np.testing.assert_allclose(times, expected, atol=2e-3)


def test_frames_can_be_taken_evenly_in_seconds(tmp_path: Path) -> None:
    video = Video(dataset="set", id="a", label=0, file=variable(tmp_path / "a.mkv"))
    by_number = [frame.index for frame in select_frames(video, 5)]
    by_time = [frame.index for frame in select_frames(video, 5, "time")]
    assert by_number == [0, 5, 11, 17, 23]
    assert by_time == [0, 14, 17, 20, 23]  # what is on screen after 0, 3, 6, 9 and 12 seconds


def test_even_rates_are_taken_alike_by_number_and_by_time(tmp_path: Path) -> None:
    video = Video(dataset="set", id="a", label=0, file=encoded(tmp_path / "a.mp4", 25))
    for count in (1, 2, 4, 7, 13, 25, 40):
        assert select_frames(video, count) == select_frames(video, count, "time")


def test_a_film_that_is_cut_short_fails_by_time_too(tmp_path: Path) -> None:
    path = encoded(tmp_path / "a.mkv", 24)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    video = Video(dataset="set", id="a", label=0, file=path)
    last = select_frames(video, 4, "time")[-1]
    with pytest.raises(DataError, match=r"cut short|truncated"):
        VideoCursor().read(path, last.index)
