"""Fit LFD: one pass over real faces accumulates the statistics of all parts."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from lesb_plugin.lfd.artefact import Lfd, describe_backbone
from lesb_plugin.lfd.augment import Psi
from lesb_plugin.lfd.diagnostics import diagnose
from lesb_plugin.lfd.regions import RegionSet
from lesb_plugin.lfd.statistics import Statistics, collect
from lesb_plugin.lfd.subspace import (
    Reference,
    Scatter,
    Subspace,
    fit_subspace,
    largest_rank,
    varied_directions,
)
from lesb_plugin.lfd.variants import VariantDataset, stable_int
from registry import (
    ConfigError,
    Embedder,
    Sample,
    package_versions,
)

__all__ = [
    "LocalStatistics",
    "Method",
    "Principal",
    "Scatters",
    "check_ranks",
    "collect_lfd",
    "fit_lfd",
]

Matrix = NDArray[np.float64]
Scatters = Mapping[str, Scatter]


class Method(Protocol):
    """How subspaces are computed from the parts' scatters S_k."""

    def solve(self, scatters: Scatters, part: str, rank: int) -> Subspace:
        """Return the subspace of one part; ValueError for a rank that its scatter cannot
        support.
        """

    def diagnose(self, scatters: Scatters, rank: int) -> dict[str, Any]:
        """Return diagnostics beyond those of `lfd.diagnostics`, as plain data for JSON."""

    def record(self) -> dict[str, Any]:
        """Return its name, under `method`, and its settings."""


class Principal:
    """Eq. 5, the paper's: the directions in which a part's variants differ most."""

    def solve(self, scatters: Scatters, part: str, rank: int) -> Subspace:
        return fit_subspace(scatters[part], rank)

    def diagnose(self, scatters: Scatters, rank: int) -> dict[str, Any]:  # noqa: ARG002
        return {}

    def record(self) -> dict[str, Any]:
        return {"method": "principal"}


@dataclasses.dataclass(frozen=True, slots=True)
class LocalStatistics:
    """The statistics of one pass over the faces; they give local subspaces of any rank."""

    embedder: Embedder
    regions: RegionSet
    statistics: Statistics
    settings: dict[str, Any]  # what else was decided, for the record
    method: Method = dataclasses.field(default_factory=Principal)

    def directions(self) -> dict[str, int]:
        """Count directions in which the variants of each part differ; a rank is at most the
        fewest.
        """
        return {
            part: varied_directions(scipy.linalg.eigvalsh(scatter.within))
            for part, scatter in self.statistics.scatters.items()
        }

    def at(self, rank: int) -> Lfd:
        """Return local subspaces of `rank` directions each."""
        statistics, direction = self.statistics, self.embedder.backbone.head_direction()
        bases, eigenvalues = _solve(statistics, self.method, rank)
        diagnostics = {
            **diagnose(statistics.scatters, bases, direction, self.settings["seed"]),
            **self.method.diagnose(statistics.scatters, rank),
        }
        return Lfd(
            regions=self.regions,
            bases={part: basis.astype(np.float32) for part, basis in bases.items()},
            eigenvalues=eigenvalues,
            mean=statistics.mean.astype(np.float32),
            diagnostics={**diagnostics, "seconds": statistics.clock.spent},
            provenance={
                **_provenance(self.embedder, statistics),
                **self.settings,
                "subspaces": self.method.record(),
            },
        )


def fit_lfd(
    embedder: Embedder,
    samples: Sequence[Sample],
    regions: RegionSet,
    psi: Psi,
    *,
    rank: int = 128,
    **settings: Any,
) -> Lfd:
    """Return local subspaces of `rank` directions; `settings` are those of `collect_lfd`."""
    return collect_lfd(embedder, samples, regions, psi, ranks=(rank,), **settings).at(rank)


def collect_lfd(
    embedder: Embedder,
    samples: Sequence[Sample],
    regions: RegionSet,
    psi: Psi,
    *,
    ranks: Sequence[int],
    images: int = 1440,
    variants: int = 16,
    reference: Reference = "mean",
    seed: int = 0,
    workers: int = 0,
    max_errors: float = 0.05,
    data_fingerprint: str = "",
    quiet: bool = False,
    pieces: Path | None = None,
) -> LocalStatistics:
    """Return statistics of all parts from N = min(images, available) faces with M variants each.

    More faces than `images`: a seeded choice. Faces that cannot be used are skipped and listed in
    the result; more of them than `max_errors` (a share below 1, else a count) is a DataError. One
    of `ranks` that N and M cannot support is a ConfigError, before anything is computed. Finished
    faces are stored below `pieces`, and found there by a fit that follows a killed one.
    """
    chosen = _choose(samples, images, seed)
    check_ranks(ranks, embedder.backbone.dim, len(chosen), variants, reference)
    dataset = VariantDataset(chosen, regions, psi, embedder.backbone.crop, variants, seed)
    statistics = collect(
        embedder,
        dataset,
        reference=reference,
        workers=workers,
        max_errors=max_errors,
        quiet=quiet,
        pieces=pieces,
    )
    settings = {
        "reference": reference,
        "variants": variants,
        "seed": seed,
        "psi": psi.config,
        "data_fingerprint": data_fingerprint,
    }
    return LocalStatistics(embedder, regions, statistics, settings)


def _choose(samples: Sequence[Sample], images: int, seed: int) -> list[Sample]:
    if images < 1 or not samples:
        raise ConfigError(f"LFD needs at least one face; asked for {images} of {len(samples)}")
    if len(samples) <= images:
        return list(samples)
    rng = np.random.default_rng([seed, stable_int("lfd images")])
    return [samples[i] for i in sorted(rng.choice(len(samples), images, replace=False))]


def check_ranks(
    ranks: Sequence[int], dim: int, images: int, variants: int, reference: Reference
) -> None:
    """Raise a ConfigError for a rank that so many faces and variants cannot support."""
    if reference not in ("mean", "clean"):
        raise ConfigError(f"no LFD reference named {reference!r}; known: mean, clean")
    limit = largest_rank(dim, images, variants, reference)
    wrong = [rank for rank in ranks if not 1 <= rank <= limit]
    if wrong:
        raise ConfigError(
            f"rank {wrong[0]} is not between 1 and {limit}, which is what {images} faces with "
            f"{variants} variants each and an embedding of length {dim} support; choose a lower "
            "one with --rank or --ranks, or raise the numbers of faces or variants"
        )


def _solve(
    statistics: Statistics, method: Method, rank: int
) -> tuple[dict[str, Matrix], dict[str, Matrix]]:
    """Return bases (d, r) and all eigenvalues (d,) by part."""
    bases, eigenvalues = {}, {}
    for part in statistics.scatters:
        try:
            subspace = method.solve(statistics.scatters, part, rank)
        except ValueError as error:
            raise ConfigError(f"part {part!r}: {error}") from error
        bases[part], eigenvalues[part] = subspace.basis, subspace.eigenvalues
    return bases, eigenvalues


def _provenance(embedder: Embedder, statistics: Statistics) -> dict[str, Any]:
    packages = ("lesb-plugin", "numpy", "scipy", "torch", "albumentations")
    versions = package_versions(packages)
    return {
        "backbone": describe_backbone(embedder.backbone),
        "precision": embedder.precision,
        **({} if embedder.engine is None else {"backend": embedder.backend}),
        "images": statistics.faces,
        "skipped": [dataclasses.asdict(skipped) for skipped in statistics.skipped],
        "versions": {"python": platform.python_version(), **versions},
    }
