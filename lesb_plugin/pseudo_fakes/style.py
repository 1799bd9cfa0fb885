"""The recipe that pseudo-fakes are drawn from, as configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

from lesb_plugin.pseudo_fakes.distort import Colour
from lesb_plugin.pseudo_fakes.mask import mask_fault

__all__ = ["Style"]


@dataclass(frozen=True, kw_only=True)
class Style:
    """The recipe pseudo-fakes are drawn from; the defaults are those of SBI in training.

    `margin` belongs to the crop that a data set takes from the finished pair.
    """

    flip: float = 0.5  # probability of mirroring the whole sample
    without_forehead: float = 0.25  # probability of using 68 of 81 landmarks
    hulls: tuple[str, ...] = ("lower", "components", "brows", "full")  # equally likely
    source: float = 0.5  # probability that the source is distorted; else the target is
    colour: Colour = field(default_factory=Colour)  # of the distorted side
    resolution: float = 1.0  # probability that it loses pixels or is sharpened
    scale: float = 0.95  # scale per axis from `scale` to 1 / `scale`
    shift: tuple[float, float] = (0.03, 0.015)  # of width and height
    elastic: float = 50.0  # amplitude in pixels before smoothing
    elastic_sigma: float = 7.0  # pixels
    grid: tuple[int, int] = (192, 256)  # sides of the grid that the mask is softened on
    kernel: tuple[int, int] = (5, 25)  # odd sizes of the two blurs
    ratios: tuple[float, ...] = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)  # opacity, equally likely
    after: Colour | None = field(  # of both images of the pair
        default_factory=lambda: Colour(hsv_p=0.3, tone=0.3, tone_p=0.3)
    )
    jpeg: tuple[int, int] = (40, 100)  # quality
    jpeg_p: float = 0.5  # probability that both images are compressed
    margin: tuple[float, float] | None = (0.05, 0.2)  # of the crop, per side; None: the backbone's

    def __post_init__(self) -> None:
        for name, value in _numbers(self):
            if value < 0:
                raise ValueError(f"{name} must be 0 or more, got {value}")
        if fault := mask_fault(self.hulls, self.kernel):
            raise ValueError(fault)

    def for_validation(self) -> Style:
        """Return the same blends of unmirrored faces, without what is done to both images of a
        pair.
        """
        return replace(self, flip=0.0, after=None, jpeg_p=0.0, margin=None)


def _numbers(style: Style) -> Iterator[tuple[str, float]]:
    """Yield every number in it, by its field."""
    for name, value in asdict(style).items():
        inner = value.values() if isinstance(value, dict) else value
        items = inner if isinstance(value, dict | tuple) else (value,)
        yield from ((name, each) for each in items if isinstance(each, int | float))
