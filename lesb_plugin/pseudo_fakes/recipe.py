"""The recipe that training pairs are drawn from, as configuration (configs/style/*.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from lesb_plugin.pseudo_fakes.mask import mask_fault
from registry import CODECS, missing_encoders

__all__ = [
    "Bands",
    "Cutout",
    "Drift",
    "Placement",
    "Quality",
    "Recipe",
    "Redrawn",
    "Source",
    "Swap",
    "Warp",
]

Span = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Placement:
    """How the face lies in the image before anything is blended, alike for real and fake."""

    flip: float = 0.0  # probability of mirroring
    width: Span | None = None  # pixels of the face box, log-uniform, never enlarged; None: as it is
    width_p: float = 1.0  # how often a width is drawn at all
    rotation: float = 0.0  # degrees, either way
    rotation_p: float = 0.0
    bend: float = 0.0  # of the whole face into another: standard deviation of a coarse field, IOD
    stretch: float = 0.0  # of width against height, either way
    bend_p: float = 0.0
    margin: Span | None = None  # of the crop beyond the face box, per side; None: the backbone's


@dataclass(frozen=True, kw_only=True)
class Source:
    """How the two sides of a blend differ; lengths relative to the face box's width."""

    on_source: float = 0.5  # probability that the source is changed; else the target, so the real
    rgb: float = 12.0  # levels per channel, either way
    rgb_p: float = 0.4
    hue: float = 5.0  # of 180, either way
    saturation: float = 25.0  # of 255
    value: float = 18.0  # of 255
    hsv_p: float = 0.4
    contrast: float = 0.15  # factor 1 +- contrast
    brightness: float = 0.06  # of full scale, either way
    tone_p: float = 0.4
    resample: Span = (1.2, 4.0)  # scaled down by this and up again
    blur: Span = (0.4, 1.6)  # sigma in pixels
    sharpen: Span = (0.1, 0.5)
    detail_p: float = 0.7  # probability of one of the three
    noise: Span = (1.0, 5.0)  # standard deviation in levels
    noise_p: float = 0.15
    scale: float = 0.06  # of the source about its centre, per axis
    shift: Span = (0.03, 0.02)
    rotation: float = 2.0  # degrees


@dataclass(frozen=True, kw_only=True)
class Warp:
    """A change of geometry inside a part; lengths in inter-ocular distances (IOD)."""

    scale: Span = (0.8, 1.25)  # of the part about its centre, per axis
    shift: float = 0.08
    bend: float = 0.07  # standard deviation of a coarse random field
    strength: Span = (1.0, 1.0)  # share of these three, log-uniform, one draw for all
    grid: tuple[int, int] = (3, 5)  # sides of that field
    reach: Span = (0.10, 0.22)  # sigma that smooths the mask
    jaw: float = 0.2  # probability that the lower face is warped, not parts of it
    apart: float = 0.0  # probability that each eye is changed about its own centre, as a mirror


@dataclass(frozen=True, kw_only=True)
class Swap:
    """How another person's face or part is brought onto the target."""

    candidates: int = 8  # of whom the most similar in shape is taken
    piecewise: float = 0.6  # probability of a piecewise-affine warp; else one similarity
    match: Span = (0.6, 1.0)  # share of the difference in colour that is taken away
    changed: float = 0.4  # probability that the donor is changed as a source is
    alike: float = 0.0  # of one from the same data set, as small as the target, and not changed


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A frame over itself with moved landmarks, as forged videos drift."""

    strength: Span = (0.3, 1.5)  # log-uniform; 1 opens the mouth wide
    mouth: float = 0.5  # how often only the mouth is blended in; else a part or the face
    face: float = 0.3
    changed: float = 0.5  # how often it is changed as a source is too


@dataclass(frozen=True, kw_only=True)
class Bands:
    """Frequency bands of source and target mixed (as in FreqBlender; Li et al., NeurIPS 2024)."""

    sigma: Span = (0.006, 0.04)  # of the Gaussian between the bands, of the face box's width
    donor: float = 0.5  # how often the source is another person's face, else a changed self


@dataclass(frozen=True, kw_only=True)
class Redrawn:
    """A region redrawn by a small autoencoder: the look of a decoder."""

    weights: str = "shipped"  # or a file of `bench autoencoder`
    face: float = 0.5  # how often the face, the mouth, the eyes
    mouth: float = 0.35
    eyes: float = 0.15
    match: Span = (0.3, 1.0)  # share of the difference in colour that is taken away
    sharpen: Span = (0.0, 0.8)


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What happens to a finished image, drawn once for real and fake; probabilities end in _p."""

    spared_p: float = 0.0  # no more than colours and, in half of the draws, a JPEG pass
    spared_jpeg: tuple[int, int] = (75, 98)
    tone: float = 0.2  # contrast factor 1 +- tone
    brightness: float = 0.1  # of full scale, either way
    gamma: Span = (0.8, 1.25)
    saturation: Span = (0.5, 1.4)
    colour: float = 12.0  # levels per channel, either way
    colour_p: float = 0.5
    grey_p: float = 0.03
    blur: Span = (0.3, 1.8)  # sigma in pixels
    blur_p: float = 0.2
    sharpen: Span = (0.1, 0.6)
    sharpen_p: float = 0.15
    rescale: Span = (1.0, 3.2)  # scaled down by this and up again
    rescale_p: float = 0.5
    noise: Span = (1.0, 9.0)  # standard deviation in levels
    noise_p: float = 0.25
    jpeg: tuple[int, int] = (20, 95)
    jpeg_passes: tuple[float, ...] = (0.25, 0.5, 0.25)  # chances of none, one, two
    codecs: Mapping[str, float] = field(  # by weight
        default_factory=lambda: {"h264": 0.7, "hevc": 0.1, "mpeg4": 0.1, "vp9": 0.1}
    )
    codec_p: float = 0.25  # a pass through a video codec
    codec_twice_p: float = 0.2  # of these, a second: a camera's, then a platform's
    moving_p: float = 0.5  # of passes, one of a few moving frames (P, B), else a lone key frame
    stored: Span = (0.6, 1.8)  # another size at which it is stored and gets its JPEG passes
    stored_p: float = 0.0

    def fault(self) -> str:
        """Return what is wrong with it, or an empty string."""
        known = ", ".join(CODECS)
        for name, weight in self.codecs.items():
            if name not in CODECS or weight < 0:
                return f"quality.codecs has {name}: {weight}; give weights of 0 or more to {known}"
        used = [name for name in CODECS if self.codecs.get(name, 0.0) > 0]
        if self.codec_p > 0 and not used:
            return f"quality.codecs gives no codec a weight above 0; known: {known}"
        if self.codec_p > 0 and (missing := missing_encoders(used)):
            return f"quality.codecs needs {missing[0]}, which the installed PyAV lacks"
        return ""


@dataclass(frozen=True, kw_only=True)
class Cutout:
    """A rectangle of one colour over both images of a pair."""

    p: float = 0.0
    share: Span = (0.05, 0.3)  # of the crop's area
    visible: float = 0.6  # share of the changed area that must stay in sight


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Families of pseudo-fakes by weight, and everything that is drawn around them."""

    folder: ClassVar[str] = "style"

    families: Mapping[str, float]
    regions: str = "eyes_nose_mouth"  # the parts: configs/regions/NAME.yaml, or a path
    blend: str = "sbi"  # recipe of the family sbi: configs/blend/NAME.yaml, or a path
    hulls: tuple[str, ...] = ("lower", "components", "brows", "full")  # of whole-face masks
    kernel: tuple[int, int] = (3, 25)  # odd sizes of the blurs that soften them
    ratios: tuple[float, ...] = (0.5, 0.75, 1.0, 1.0)  # opacity of the source, equally likely
    least_change: float = 1.5  # levels by which a fake differs within its mask, else a new draw
    mock: float = 0.0  # probability that a region of the real is interpolated, as a source is
    placement: Placement = field(default_factory=Placement)
    source: Source = field(default_factory=Source)
    warp: Warp = field(default_factory=Warp)
    swap: Swap = field(default_factory=Swap)
    drift: Drift = field(default_factory=Drift)
    bands: Bands = field(default_factory=Bands)
    redrawn: Redrawn = field(default_factory=Redrawn)
    quality: Quality | None = None
    cutout: Cutout = field(default_factory=Cutout)

    def weights(self) -> dict[str, float]:
        """Return probabilities by family, in a fixed order."""
        weights = {name: weight for name, weight in sorted(self.families.items()) if weight > 0}
        total = sum(weights.values())
        return {name: weight / total for name, weight in weights.items()}

    def check(self, known: Mapping[str, Any]) -> str:
        """Return what is wrong with it, or an empty string."""
        unknown = sorted(set(self.families) - set(known))
        if unknown:
            return f"no family of pseudo-fakes named {unknown[0]!r}; known: {', '.join(known)}"
        if not any(weight > 0 for weight in self.families.values()):
            return "no family of pseudo-fakes has a weight above 0"
        return self._wrong_value()

    def _wrong_value(self) -> str:
        if fault := mask_fault(self.hulls, self.kernel):
            return fault
        if self.placement.width is not None and self.placement.width[0] <= 0:
            return f"placement.width {list(self.placement.width)} must be above 0"
        if self.quality is not None and (fault := self.quality.fault()):
            return fault
        if not 0 < self.warp.strength[0] <= self.warp.strength[1]:
            return (
                f"warp.strength {list(self.warp.strength)} must be [low, high] with 0 < low <= high"
            )
        return ""
