"""What the host reads off a detector besides its methods; every trait is optional."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Protocol, runtime_checkable

__all__ = ["DescribedDetector", "DetectorTraits", "traits_of"]


@runtime_checkable
class DescribedDetector(Protocol):
    """A detector with every trait that the host reads; any of these attributes may be missing.

    `DetectorTraits` has the defaults of missing ones.
    """

    @property
    def head_kind(self) -> str:
        """Return "own" for a head of the weights, "probe" for a linear one that was fitted."""

    @property
    def trained_on(self) -> tuple[str, ...]:
        """Name the data sets that the fit learned from: an evaluation on one is in-domain."""

    @property
    def fitted(self) -> Mapping[str, Any]:
        """Describe the fit in plain data, for a result's record."""

    @property
    def vote_variants(self) -> frozenset[str]:
        """Name the variants whose video score is a majority of part scores, not a mean."""

    @property
    def explained_by(self) -> str:
        """Name the explainer that draws its maps by default."""

    @property
    def concurrent(self) -> bool:
        """Say whether `score` and `embed` may be called from several threads at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorTraits:
    """The traits of a detector, with defaults for those that it does not have."""

    head_kind: str = "own"
    trained_on: tuple[str, ...] = ()
    fitted: Mapping[str, Any] = field(default_factory=dict)
    vote_variants: frozenset[str] = frozenset()
    explained_by: str = "cam"
    concurrent: bool = False


def traits_of(detector: object) -> DetectorTraits:
    """Collect the traits that `detector` declares."""
    names = (each.name for each in fields(DetectorTraits))
    return DetectorTraits(
        **{name: getattr(detector, name) for name in names if hasattr(detector, name)}
    )
