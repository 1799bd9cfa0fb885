"""Code an image with a video codec: as a single key frame, or as one of a few moving frames."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Literal, cast, get_args

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

__all__ = ["CODECS", "Codec", "Coding", "Motion", "missing_encoders", "video_frame"]

Image = NDArray[np.uint8]

Codec = Literal["h264", "hevc", "mpeg4", "vp9"]
CODECS: tuple[Codec, ...] = get_args(Codec)

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "mpeg4": "mpeg4", "vp9": "libvpx-vp9"}
_LOOKS_AHEAD = frozenset({"h264", "hevc"})  # B frames refer to later ones
_RATE = Fraction(1, 25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """A talking head: from one of `frames` to the next it drifts, turns and grows.

    The image itself is number `at` of them, coded with reference to others (a P or B frame).
    """

    frames: int
    at: int
    drift: tuple[float, float] = (0.0, 0.0)  # of the width, per frame
    turn: float = 0.0  # degrees
    growth: float = 0.0  # of the size


@dataclass(frozen=True, slots=True, kw_only=True)
class Coding:
    """How an image is coded; `strength` in [0, 1] goes from visually lossless to badly visible.

    H.264: CRF 18 to 42, HEVC: CRF 20 to 44, MPEG-4: quantiser 2 to 16, VP9: CRF 20 to 60.
    """

    codec: Codec = "h264"
    strength: float = 0.5
    preset: str = "veryfast"  # of H.264 and HEVC
    offset: tuple[int, int] = (0, 0)  # rows and columns from the codec's grid to the image
    motion: Motion | None = None  # None: a lone key frame


def missing_encoders(codecs: Sequence[str]) -> list[str]:
    """List encoders of `codecs` that the installed PyAV lacks."""
    return [_ENCODERS[name] for name in codecs if _ENCODERS[name] not in av.codecs_available]


def video_frame(image: Image, coding: Coding) -> Image:
    """Code `image` (H, W, 3) with half the chroma resolution and decode it again."""
    height, width = image.shape[:2]
    top, left = coding.offset
    padded = cv2.copyMakeBorder(
        image, top, (height + top) % 2, left, (width + left) % 2, cv2.BORDER_REPLICATE
    )
    still = _converters.to_yuv(av.VideoFrame.from_ndarray(padded, format="rgb24"))
    frames, at = _frames(still, coding)
    decoded = _converters.to_rgb(_decoded(frames, at, coding)).to_ndarray()
    return np.asarray(decoded[top : top + height, left : left + width], np.uint8)


class _Converters(threading.local):
    """Colour conversions of one thread, which are set up anew only for another size of image."""

    def __init__(self) -> None:
        self._to_yuv, self._to_rgb = VideoReformatter(), VideoReformatter()

    def to_yuv(self, frame: av.VideoFrame) -> av.VideoFrame:
        return self._to_yuv.reformat(frame, format="yuv420p", threads=1)

    def to_rgb(self, frame: av.VideoFrame) -> av.VideoFrame:
        return self._to_rgb.reformat(frame, format="rgb24", threads=1)


_converters = _Converters()


def _frames(still: av.VideoFrame, coding: Coding) -> tuple[list[av.VideoFrame], int]:
    """Return the frames to code, and which of them is the image.

    Those after it are left out where no frame refers to a later one.
    """
    motion = coding.motion
    if motion is None:
        return [still], 0
    count = motion.frames if coding.codec in _LOOKS_AHEAD else motion.at + 1
    planes = np.asarray(still.to_ndarray(), np.uint8)  # (H + H / 2, W): luma, then both chromas
    frames = [
        still if at == motion.at else _moved(planes, motion, at - motion.at) for at in range(count)
    ]
    return frames, motion.at


def _moved(planes: Image, motion: Motion, steps: int) -> av.VideoFrame:
    """Return the frame that lies `steps` of the motion after the one of these planes."""
    width, height = planes.shape[1], planes.shape[0] * 2 // 3
    size = (1.0 + motion.growth) ** steps
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), motion.turn * steps, size)
    matrix[:, 2] += np.multiply(motion.drift, width * steps)
    halved = matrix.copy()  # a chroma pixel c lies at 2 c + 0.5 of luma
    halved[:, 2] = (matrix[:, :2].sum(axis=1) * 0.5 + matrix[:, 2] - 0.5) / 2
    moved = np.empty_like(planes)
    for plane, there in zip(_planes(planes), _planes(moved), strict=True):
        where = matrix if plane.shape[1] == width else halved
        cv2.warpAffine(plane, where, plane.shape[::-1], there, borderMode=cv2.BORDER_REFLECT_101)
    return av.VideoFrame.from_ndarray(moved, format="yuv420p")


def _planes(yuv: Image) -> tuple[Image, Image, Image]:
    """Return views of luma (H, W) and chroma (H / 2, W / 2) of planes (H + H / 2, W)."""
    width, height = yuv.shape[1], yuv.shape[0] * 2 // 3
    blue, red = yuv[height:].reshape(2, height // 2, width // 2)
    return yuv[:height], blue, red


def _decoded(frames: Sequence[av.VideoFrame], at: int, coding: Coding) -> av.VideoFrame:
    """Code the frames and decode number `at` of them."""
    encoder = cast(VideoCodecContext, av.CodecContext.create(_ENCODERS[coding.codec], "w"))
    encoder.height, encoder.width = frames[0].height, frames[0].width
    encoder.pix_fmt, encoder.time_base = "yuv420p", _RATE
    encoder.options = _options(coding)
    encoder.thread_count = 1  # the result must not depend on the machine
    packets = []
    for number, frame in enumerate(frames):
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create(coding.codec, "r")
    decoder.thread_count = 1
    decoder.extradata = encoder.extradata
    pictures = (decoded for packet in [*packets, None] for decoded in decoder.decode(packet))
    return next(islice(pictures, at, None))


def _options(coding: Coding) -> dict[str, str]:
    strength = coding.strength
    if coding.codec == "h264":
        # With its tree of macroblocks x264 reads memory that it never wrote where a clip is shorter
        # than its look-ahead: equal frames would be coded differently from call to call.
        still = {"x264-params": "mbtree=0"}
        return {"crf": f"{18 + 24 * strength:.1f}", "preset": coding.preset, **still}
    if coding.codec == "hevc":
        single = f"crf={20 + 24 * strength:.1f}:log-level=none:pools=none:frame-threads=1"
        return {"preset": coding.preset, "x265-params": single}
    if coding.codec == "vp9":
        fast = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        return {"crf": str(round(20 + 40 * strength)), "b": "0", **fast}
    quantiser = str(round(2 + 14 * strength))
    return {"qmin": quantiser, "qmax": quantiser}
