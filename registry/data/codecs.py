"""Code an image with a video codec: as a single key frame, or as one of a few moving frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, cast, get_args

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

__all__ = ["CODECS", "Codec", "Coding", "Motion", "missing_encoders", "video_frame"]

Image = NDArray[np.uint8]

Codec = Literal["h264", "hevc", "mpeg4", "vp9"]
CODECS: tuple[Codec, ...] = get_args(Codec)

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "mpeg4": "mpeg4", "vp9": "libvpx-vp9"}
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
    frames, at = _frames(padded, coding.motion)
    decoded = _decoded(frames, coding)[at].to_ndarray(format="rgb24")
    return np.asarray(decoded[top : top + height, left : left + width], np.uint8)


def _frames(image: Image, motion: Motion | None) -> tuple[list[Image], int]:
    """Return the frames to code, and the position of the image among them."""
    if motion is None:
        return [image], 0
    return [_moved(image, motion, at - motion.at) for at in range(motion.frames)], motion.at


def _moved(image: Image, motion: Motion, steps: int) -> Image:
    if steps == 0:
        return image
    height, width = image.shape[:2]
    size = (1.0 + motion.growth) ** steps
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), motion.turn * steps, size)
    matrix[:, 2] += np.multiply(motion.drift, width * steps)
    return np.asarray(
        cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101), np.uint8
    )


def _decoded(images: Sequence[Image], coding: Coding) -> list[av.VideoFrame]:
    """Decode the frames in display order, one for each of `images`."""
    encoder = cast(VideoCodecContext, av.CodecContext.create(_ENCODERS[coding.codec], "w"))
    encoder.height, encoder.width = images[0].shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuv420p", _RATE
    encoder.options = _options(coding)
    encoder.thread_count = 1  # the result must not depend on the machine
    packets = []
    for number, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create(coding.codec, "r")
    decoder.thread_count = 1
    decoder.extradata = encoder.extradata
    return [decoded for packet in [*packets, None] for decoded in decoder.decode(packet)]


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
