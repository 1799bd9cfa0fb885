"""The law that pseudo-fakes are drawn from, as configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from lesb_plugin.pseudo_fakes.distort import Colour
from lesb_plugin.pseudo_fakes.mask import mask_fault

__all__ = ["Style"]


@dataclass(frozen=True, kw_only=True)
class Style:
    """The law pseudo-fakes are drawn from; the defaults are those of SBI in training.

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
        if fault := mask_fault(self.hulls, self.kernel):
            raise ValueError(fault)

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Style:
        """A style from configuration; ValueError names an unknown key or an unfit value."""
        return cls(**_checked(cls(), mapping))

    def for_validation(self) -> Style:
        """The same blends of unmirrored faces, without what is done to both images of a pair."""
        return replace(self, flip=0.0, after=None, jpeg_p=0.0, margin=None)


_OF_ANY_LENGTH = ("hulls", "ratios")
_MAY_BE_NONE = ("after", "margin")


def _checked(defaults: Style | Colour, mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The values of `mapping`, each of the kind that its default has."""
    known = [each.name for each in fields(defaults)]
    for key in mapping:
        if key not in known:
            raise ValueError(f"unknown key {key!r}; known: {', '.join(known)}")
    return {key: _value(key, value, getattr(defaults, key)) for key, value in mapping.items()}


def _value(key: str, value: Any, default: Any) -> Any:
    if value is None and key in _MAY_BE_NONE:
        return None
    if isinstance(default, Colour):
        if not isinstance(value, Mapping):
            raise ValueError(
                f"{key} must be a mapping of {', '.join(vars(default))}, got {value!r}"
            )
        return Colour(**_checked(default, value))
    if isinstance(default, tuple):
        return _tuple(key, value, default)
    return _item(key, value, type(default))


def _tuple(key: str, value: Any, default: tuple[Any, ...]) -> tuple[Any, ...]:
    length_fits = isinstance(value, (list, tuple)) and (
        len(value) == len(default) or (key in _OF_ANY_LENGTH and len(value) > 0)
    )
    if not length_fits:
        wanted = "a list" if key in _OF_ANY_LENGTH else f"a list of {len(default)} values"
        raise ValueError(f"{key} must be {wanted}, got {value!r}")
    return tuple(_item(key, each, type(default[0])) for each in value)


def _item(key: str, value: Any, kind: type) -> Any:
    """A text, a whole number or a number of 0 or more."""
    if kind is str and isinstance(value, str):
        return value
    accepted = (int,) if kind is int else (int, float)
    if kind is str or isinstance(value, bool) or not isinstance(value, accepted) or value < 0:
        names = {str: "a name", int: "a whole number of 0 or more", float: "a number of 0 or more"}
        raise ValueError(f"{key} must be {names[kind]}, got {value!r}")
    return kind(value)
