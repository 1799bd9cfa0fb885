"""The random transformation psi, and the blend that confines it to one face part (Eq. 1)."""

from __future__ import annotations

import inspect
import os
import random
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from registry import ConfigError, UnknownNameError

__all__ = ["MAX_DRAWS", "MIN_CHANGE", "Psi", "blend", "local_variant"]

Image = NDArray[np.uint8]
Mask = NDArray[np.float32]

MIN_CHANGE = (
    1.0  # mean absolute change inside the mask, in 8-bit levels, below which psi is redrawn
)
MAX_DRAWS = 32  # draws of psi for one variant before it is given up


# --- psi -------------------------------------------------------------------------------------


class Psi:
    """A chain of random image transformations: uint8 RGB (H, W, 3) in and out, same size.

    Everything random comes from the `rng` of the call, so a sample is a function of its own seed;
    nothing is left of earlier calls. One instance serves one thread; pickling rebuilds it.
    """

    def __init__(self, config: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self.config = config
        self._chain = _load_albumentations().Compose(_transforms(config))

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Psi:
        """Build psi from `{group: [{name: ..., argument: value, ...}, ...]}`, groups applied in
        order.
        """
        return cls(config)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        # albumentations keeps two generators in every transform and would go on with them.
        self._chain.set_random_state(rng, random.Random(int(rng.integers(2**63))))
        result: Image = self._chain(image=image)["image"]
        if result.shape != image.shape or result.dtype != np.uint8:
            raise ConfigError(
                f"psi turned a uint8 image of {image.shape} into {result.dtype} of"
                f" {result.shape}; remove transforms that resize, crop or normalise"
            )
        return result

    def __reduce__(self) -> tuple[Any, ...]:
        return Psi, (self.config,)


def _load_albumentations() -> Any:
    """Import albumentations, without its query of a package index for a newer version."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
    import albumentations

    return albumentations


def _transforms(config: Any) -> list[Any]:
    if not isinstance(config, Mapping) or not config:
        raise ConfigError(f"psi must map groups to lists of transforms, got {config!r}")
    return [
        transform
        for group, entries in config.items()
        for transform in _transform_list(f"psi group {group!r}", entries)
    ]


def _transform_list(where: str, entries: Any) -> list[Any]:
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        raise ConfigError(f"{where}: expected a list of transforms, got {entries!r}")
    return [_transform(where, entry) for entry in entries]


def _transform(where: str, entry: Any) -> Any:
    """Return one transform, or a composition such as OneOf with its own `transforms`."""
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise ConfigError(f"{where}: a transform is {{name: ..., arguments}}, got {entry!r}")
    arguments = {str(key): _tuples(value) for key, value in entry.items() if key != "name"}
    name = str(entry["name"])
    kinds = _known_transforms()
    if name not in kinds:
        raise UnknownNameError("albumentations transform", name, kinds)
    accepted = [arg for arg in inspect.signature(kinds[name]).parameters if arg != "self"]
    for argument in arguments:
        # albumentations 2 only warns of an argument it does not know, and goes on without it.
        if argument not in accepted:
            raise UnknownNameError(f"argument of {name}", argument, accepted)
    if "transforms" in arguments:
        arguments["transforms"] = _transform_list(f"{where}, {name}", entry["transforms"])
    try:
        transform = kinds[name](**arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {name} rejects its arguments: {_reason(error)}") from error
    needs = set(getattr(transform, "targets_as_params", ())) - {"image"}
    if needs:
        raise ConfigError(
            f"{where}: {name} needs {', '.join(sorted(needs))} in addition to the image"
        )
    return transform


def _reason(error: Exception) -> str:
    """Return a validation error on one line, without pydantic's address."""
    lines = (line.strip() for line in str(error).splitlines())
    return " ".join(line for line in lines if not line.startswith("For further information"))


def _known_transforms() -> dict[str, Any]:
    """Return transforms of single images and their compositions, by name."""
    albumentations = _load_albumentations()
    bases = (
        albumentations.ImageOnlyTransform,
        albumentations.DualTransform,
        albumentations.BaseCompose,
    )
    return {
        name: kind
        for name, kind in vars(albumentations).items()
        if isinstance(kind, type)
        and issubclass(kind, bases)
        and not issubclass(kind, albumentations.Transform3D)
        and kind not in bases
    }


def _tuples(value: Any) -> Any:
    """Convert YAML's lists to the tuples that albumentations expects, at any depth of a mapping."""
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


# --- blending --------------------------------------------------------------------------------


def blend(image: Image, distorted: Image, mask: Mask) -> Image:
    """Eq. 1: (1 - m) x + m x_d, rounded once to 8 bits; where m is 0 the pixels are x exactly.

    `image` and `distorted` are uint8 (H, W, 3), `mask` is float (H, W) in [0, 1].
    """
    result = image.copy()
    rows, columns = _extent(mask)
    weight = mask[rows, columns, None]
    base = image[rows, columns].astype(np.float32)
    base += weight * (distorted[rows, columns] - base)
    result[rows, columns] = np.rint(base)
    return result


def local_variant(image: Image, mask: Mask, psi: Psi, rng: np.random.Generator) -> Image:
    """Return one x_a of Eq. 1; psi is drawn again while it leaves the part unchanged.

    A draw counts when the mean absolute change inside the mask, weighted by it, reaches
    MIN_CHANGE. ValueError after MAX_DRAWS draws that do not: such an image is of no use for this
    part.
    """
    for _ in range(MAX_DRAWS):
        distorted = psi(image, rng)
        if _mean_change(image, distorted, mask) >= MIN_CHANGE:
            return blend(image, distorted, mask)
    raise ValueError(
        f"{MAX_DRAWS} draws of psi all changed the masked part by less than {MIN_CHANGE:g}"
        " of 255 levels; use stronger transforms or higher probabilities"
    )


def _mean_change(image: Image, distorted: Image, mask: Mask) -> float:
    rows, columns = _extent(mask)
    change = cv2.absdiff(image[rows, columns], distorted[rows, columns])  # (h, w, 3)
    weight = mask[rows, columns]
    per_channel = weight.reshape(-1) @ change.reshape(-1, 3).astype(np.float32)  # (3,)
    return float(per_channel.sum() / (3 * weight.sum()))


def _extent(mask: Mask) -> tuple[slice, slice]:
    """Return the rows and columns outside of which the mask is zero."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return slice(0, 0), slice(0, 0)
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
