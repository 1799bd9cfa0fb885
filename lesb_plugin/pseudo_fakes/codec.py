"""An image after one frame of a video codec."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, cast

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext

from lesb_plugin.pseudo_fakes.distort import Image

__all__ = ["Codec", "video_frame"]

Codec = Literal["h264", "mpeg4"]

_ENCODERS = {"h264": "libx264", "mpeg4": "mpeg4"}


def video_frame(image: Image, codec: Codec, strength: float) -> Image:
    """`image` coded as a key frame with half the chroma resolution and decoded again.

    `strength` in [0, 1] goes from visually lossless to badly visible (H.264: CRF 18 to 38,
    MPEG-4: quantiser 2 to 16).
    """
    height, width = image.shape[:2]
    even = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    encoder = cast(VideoCodecContext, av.CodecContext.create(_ENCODERS[codec], "w"))
    encoder.height, encoder.width = even.shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 25)
    encoder.options = _options(codec, strength)
    encoder.thread_count = 1  # the result must not depend on the machine
    frame = av.VideoFrame.from_ndarray(even, format="rgb24").reformat(format="yuv420p")
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    decoder = av.CodecContext.create(codec, "r")
    decoder.thread_count = 1
    decoder.extradata = encoder.extradata
    frames = [decoded for packet in [*packets, None] for decoded in decoder.decode(packet)]
    return np.asarray(frames[0].to_ndarray(format="rgb24")[:height, :width], np.uint8)


def _options(codec: Codec, strength: float) -> dict[str, str]:
    if codec == "h264":
        return {"crf": f"{18 + 20 * strength:.1f}", "preset": "ultrafast", "tune": "zerolatency"}
    quantiser = str(round(2 + 14 * strength))
    return {"qmin": quantiser, "qmax": quantiser}
