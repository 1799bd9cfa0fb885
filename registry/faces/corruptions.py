"""Damage frames in known doses before they reach a detector: `bench eval --corrupt`.

Each corruption has five severities, as in ImageNet-C (Hendrycks and Dietterich, ICLR 2019). It
acts on the decoded frame, or on the box of a face in it, before the crop is taken; its
randomness depends on the seed and the frame alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import cv2
import numpy as np
from numpy.typing import NDArray

from registry.contracts.types import Face, Frame
from registry.data.codecs import Coding, video_frame
from registry.errors import ConfigError, UnknownNameError
from registry.settings.shared import separated

__all__ = ["CORRUPTIONS", "Condition", "Corruption", "conditions", "the_condition"]

Image = NDArray[np.uint8]
SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """One kind of damage: its five `doses`, in `unit`, and what it does.

    `image` gives an image from (image, dose, rng), `box` a face from (face, dose, rng); exactly
    one of them is set.
    """

    name: str
    unit: str
    doses: tuple[float, ...]
    image: Callable[[Image, float, np.random.Generator], Image] | None = None
    box: Callable[[Face, float, np.random.Generator], Face] | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """Corruptions one after the other, each with its severity (1 to 5)."""

    steps: tuple[tuple[str, int], ...]

    @property
    def name(self) -> str:
        """Return its name on the command line, such as "resize:2+jpeg:4"."""
        return "+".join(f"{name}:{severity}" for name, severity in self.steps)

    @property
    def dose(self) -> str:
        """Describe its severities, such as "1/2 size, quality 30"."""
        found = (CORRUPTIONS[name] for name, _ in self.steps)
        doses = (each.doses[at - 1] for each, (_, at) in zip(found, self.steps, strict=True))
        return ", ".join(
            f"{CORRUPTIONS[name].unit} {dose:g}"
            for (name, _), dose in zip(self.steps, doses, strict=True)
        )

    def of_image(self, image: Image, frame: Frame, seed: int) -> Image:
        """Return the frame's image after all steps that change pixels; the argument is
        unchanged.
        """
        for at, (name, severity) in enumerate(self.steps):
            kind = CORRUPTIONS[name]
            if kind.image is not None:
                image = kind.image(image, kind.doses[severity - 1], _rng(frame, seed, at))
        return image

    def of_face(self, face: Face, frame: Frame, seed: int) -> Face:
        """Return the face after all steps that move its box."""
        for at, (name, severity) in enumerate(self.steps):
            kind = CORRUPTIONS[name]
            if kind.box is not None:
                face = kind.box(face, kind.doses[severity - 1], _rng(frame, seed, at))
        return face


def conditions(asked: Sequence[str]) -> tuple[Condition, ...]:
    """Read the value of `--corrupt`: commas join; a name without severity stands for all five.

    ConfigError or UnknownNameError says what cannot be read.
    """
    found = [condition for text in separated(asked) for condition in _every(text)]
    return tuple(dict.fromkeys(found))


def the_condition(asked: Sequence[str]) -> Condition | None:
    """Read the one condition of a run, None for none; a ConfigError if there are several."""
    found = conditions(asked)
    if len(found) > 1:
        raise ConfigError(
            f"one run has one condition, not {len(found)} ({', '.join(map(str, asked))});"
            " name one severity, such as --corrupt h264:3, or use `bench eval --corrupt`"
            " or registry.evaluate_corrupted, which make one run for each"
        )
    return found[0] if found else None


def _every(text: str) -> list[Condition]:
    parts = text.split("+")
    if len(parts) == 1 and ":" not in text:
        return [Condition(((_known(text), severity),)) for severity in SEVERITIES]
    return [Condition(tuple(_step(part, text) for part in parts))]


def _step(part: str, text: str) -> tuple[str, int]:
    name, colon, severity = part.strip().partition(":")
    if not colon or severity not in {str(each) for each in SEVERITIES}:
        raise ConfigError(
            f"--corrupt {text!r} is not of the form NAME:SEVERITY with a severity of 1 to"
            " 5; NAME alone means all five, NAME:SEVERITY+NAME:SEVERITY one after the"
            " other"
        )
    return _known(name), int(severity)


def _known(name: str) -> str:
    if name not in CORRUPTIONS:
        raise UnknownNameError("corruption", name, CORRUPTIONS)
    return name


def _rng(frame: Frame, seed: int, at: int) -> np.random.Generator:
    """Seed by the frame's file name and number: the data's location must not change results."""
    text = f"{frame.path.parent.name}/{frame.path.name}#{frame.index}"
    return np.random.default_rng([seed, at, *sha256(text.encode()).digest()])


# --- what they do ----------------------------------------------------------------------------


def _jpeg(image: Image, quality: float, _rng: np.random.Generator) -> Image:
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    coded = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])[1]
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(np.asarray(decoded), cv2.COLOR_BGR2RGB), np.uint8)


def _resize(image: Image, factor: float, _rng: np.random.Generator) -> Image:
    height, width = image.shape[:2]
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _blur(image: Image, sigma: float, _rng: np.random.Generator) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)


def _noise(image: Image, sigma: float, rng: np.random.Generator) -> Image:
    noisy = image + np.float32(sigma) * rng.standard_normal(image.shape, np.float32)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


def _gamma(image: Image, gamma: float, rng: np.random.Generator) -> Image:
    power = gamma if rng.random() < 0.5 else 1.0 / gamma
    table = np.rint(255.0 * (np.arange(256) / 255.0) ** power).astype(np.uint8)
    return np.asarray(cv2.LUT(image, table), np.uint8)


def _coded(coding: Coding, lowest: float, highest: float) -> Callable[..., Image]:
    """Pass an image through a codec whose strength is a CRF."""

    def code(image: Image, crf: float, _rng: np.random.Generator) -> Image:
        return video_frame(image, replace(coding, strength=(crf - lowest) / (highest - lowest)))

    return code


def _shifted(face: Face, share: float, rng: np.random.Generator) -> Face:
    x0, y0, x1, y1 = face.box
    angle = rng.uniform(0.0, 2.0 * np.pi)
    dx, dy = share * (x1 - x0) * np.cos(angle), share * (y1 - y0) * np.sin(angle)
    return replace(face, box=(x0 + dx, y0 + dy, x1 + dx, y1 + dy))


def _scaled(face: Face, share: float, rng: np.random.Generator) -> Face:
    x0, y0, x1, y1 = face.box
    grown = (1.0 + share if rng.random() < 0.5 else 1.0 / (1.0 + share)) - 1.0
    dx, dy = grown * (x1 - x0) / 2, grown * (y1 - y0) / 2
    return replace(face, box=(x0 - dx, y0 - dy, x1 + dx, y1 + dy))


_H264_CRF, _H265_CRF = (18.0, 42.0), (20.0, 44.0)  # of strengths 0 and 1

CORRUPTIONS: dict[str, Corruption] = {
    each.name: each
    for each in (
        Corruption(name="jpeg", unit="quality", doses=(90, 70, 50, 30, 15), image=_jpeg),
        Corruption(name="resize", unit="1 /", doses=(1.5, 2, 3, 4, 6), image=_resize),
        Corruption(name="blur", unit="sigma (px)", doses=(0.5, 1, 1.5, 2.5, 4), image=_blur),
        Corruption(name="noise", unit="sigma (levels)", doses=(2, 4, 8, 12, 20), image=_noise),
        Corruption(
            name="crop_shift", unit="of the box", doses=(0.02, 0.04, 0.08, 0.12, 0.16), box=_shifted
        ),
        Corruption(
            name="crop_scale", unit="of the box", doses=(0.05, 0.1, 0.15, 0.2, 0.3), box=_scaled
        ),
        Corruption(
            name="h264",
            unit="CRF",
            doses=(23, 28, 34, 40, 45),
            image=_coded(Coding(codec="h264", preset="medium"), *_H264_CRF),
        ),
        Corruption(
            name="h264_veryfast",
            unit="CRF",
            doses=(23, 28, 34, 40, 45),
            image=_coded(Coding(codec="h264", preset="veryfast"), *_H264_CRF),
        ),
        Corruption(
            name="h265",
            unit="CRF",
            doses=(24, 27, 30, 36, 42),
            image=_coded(Coding(codec="hevc", preset="fast"), *_H265_CRF),
        ),
        Corruption(name="gamma", unit="exponent", doses=(1.2, 1.4, 1.7, 2, 2.5), image=_gamma),
    )
}
"""By name; crop_shift and crop_scale move the box, the others change the pixels of the frame."""
