"""Short lossless videos whose frames tell their number and which way is up."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS, RATE = 96, 64, 12


def picture(number: int = 0) -> NDArray[np.uint8]:
    """(96, 64, 3): no turn and no mirror leaves it as it is; blue is 8 times its number."""
    rows, columns = np.mgrid[:ROWS, :COLUMNS]
    blue = np.full_like(rows, 8 * number)
    image = np.stack([columns * 3, rows * 2, blue], axis=-1).astype(np.uint8)
    image[4:20, 4:20, :2] = 255
    return image


def number_in(image: NDArray[np.uint8]) -> int:
    return round(float(np.median(image[..., 2])) / 8)


def encoded(
    path: Path, count: int = 24, codec: str = "libx264rgb", gop: int = 100, **options: str
) -> Path:
    """`count` pictures at 12 a second; H.264 without loss and without B-frames by default."""
    lossless = codec == "libx264rgb"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(
            codec, rate=RATE, options=options or ({"qp": "0", "bf": "0"} if lossless else {})
        )
        stream.width, stream.height, stream.gop_size = COLUMNS, ROWS, gop
        stream.pix_fmt = "rgb24" if lossless else "yuv420p"
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"
        for packet in _packets(stream, [picture(number) for number in range(count)]):
            container.mux(packet)
    return path


def remuxed(
    source: Path, path: Path, change: Callable[[int, Any], Any] = lambda _number, packet: packet
) -> Path:
    """The packets of a file in another one; those that `change` makes None are left out."""
    with av.open(str(source)) as given, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(given.streams.video[0])
        stored = [packet for packet in given.demux(video=0) if packet.size]
        for number, packet in enumerate(stored):
            changed = change(number, packet)
            if changed is not None:
                changed.stream = stream
                container.mux(changed)
    return path


def trimmed(source: Path, path: Path, skipped: int, shown: int) -> Path:
    """An MP4 whose edit list begins at frame `skipped` and lasts for `shown` frames."""
    data = bytearray(source.read_bytes())
    at, header = data.index(b"elst"), data.index(b"mdhd")
    whole = data.index(b"mvhd")
    (timescale,) = struct.unpack_from(">I", data, header + 16)
    (movie,) = struct.unpack_from(">I", data, whole + 16)
    assert data[at + 4] == 0
    struct.pack_into(">Ii", data, at + 12, movie * shown // RATE, skipped * timescale // RATE)
    path.write_bytes(data)
    return path


def with_matrix(source: Path, path: Path, matrix: Sequence[int]) -> Path:
    """An MP4 with another display matrix: a, b, u, c, d, v, x, y, w."""
    data = bytearray(source.read_bytes())
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, *matrix)
    path.write_bytes(data)
    return path


def shown_by_decoder(path: Path) -> int:
    """How many frames FFmpeg gives of the first video stream."""
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def _packets(stream: Any, images: Sequence[NDArray[np.uint8]]) -> list[Any]:
    found = []
    for number, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        found += stream.encode(frame)
    return [*found, *stream.encode(None)]
