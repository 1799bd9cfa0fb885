"""One record per set of weights: its model, how images are fed to it, which file holds it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.contracts.training import Training
from registry.plugins.specs import BackboneSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["UNKNOWN", "TimmRecipe", "spec_of"]

UNKNOWN = (Training(dataset="unknown", task="unknown"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimmRecipe:
    """How a timm model becomes a backbone; None stands for the model's own value.

    `mean` and `std` are subtracted from and divided out of RGB in [0, 1]. `shipped` gives the file
    of weights that come with the install: they need no `--weights`, and `trained_on` is said of
    them alone. Functions may be `lazy`: the record is cheap to make.
    """

    arch: str
    file: str  # which weights file is meant, for the errors that ask for it
    names: tuple[str, ...] = ()  # of files that are found in the folder for weights
    size: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    trained_on: tuple[Training, ...] = UNKNOWN
    license: str = "unknown"
    classes: int | None = None  # that the file must have
    crop: str = "sbi"  # crop policy that the weights were trained with
    margin: float = 0.125  # of that policy
    rename: Callable[[dict[str, Tensor]], dict[str, Tensor]] | None = None  # to timm's names
    change: Callable[[nn.Module], None] | None = None  # of the model before it is filled
    many_classes: bool = False  # class 1 is fake and all others are not, however many there are
    shipped: Callable[[], Path] | None = None

    def trained_with(self, weights: str | None) -> tuple[Training, ...]:
        """Return what the weights of a file were trained on; None stands for the shipped file."""
        return self.trained_on if self.shipped is None or weights is None else UNKNOWN


def spec_of(name: str, recipe: TimmRecipe, summary: str, build: Callable[..., Any]) -> BackboneSpec:
    """Return what a plugin registers for a recipe; `build(name, weights, seed)` builds the
    backbone.
    """
    return BackboneSpec(
        name=name,
        summary=summary,
        build=build,
        input_size=recipe.size,
        mean=recipe.mean,
        std=recipe.std,
        crop=recipe.crop,
        trained_on=() if recipe.trained_on == UNKNOWN else recipe.trained_on,
        license=recipe.license,
        needs_weights=recipe.shipped is None,
        weights_file=recipe.file if recipe.shipped is None else "",
        weights_names=recipe.names,
    )
