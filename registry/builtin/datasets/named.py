"""Records of data sets with registered names."""

from __future__ import annotations

from functools import partial

from registry.builtin.datasets.deepfakebench.sets import SETS
from registry.plugins.specs import DatasetSpec, lazy

__all__ = ["named_sets"]

# Data sets whose published files no public documentation describes down to names and labels.
_UNCONFIRMED = {
    "kodf": "KoDF",
    "forgerynet": "ForgeryNet",
    "deepfake_mnist_plus": "DeepFakeMnist+",
}


def named_sets() -> list[DatasetSpec]:
    """Return those in DeepfakeBench's layout, and those whose own layout is not confirmed."""
    return [
        *(_unconfirmed(name, title) for name, title in _UNCONFIRMED.items()),
        *(_known(each.name, each.title, each.needs) for each in SETS),
        _known(
            "df40/*",
            "DF40, one JSON per method: df40/simswap_ff is simswap_ff.json",
            "--data-root with the frames, and <name>.json there or in --json-dir DIR",
        ),
    ]


def _unconfirmed(name: str, title: str) -> DatasetSpec:
    return DatasetSpec(
        name=name,
        summary=f"{title}; its layout is not confirmed, so it is read by a manifest that you write",
        videos=partial(lazy("registry.builtin.datasets.manifest:unconfirmed_videos"), title),
        needs="--data-root with the files and a manifest.csv of path and label",
    )


def _known(name: str, title: str, needs: str) -> DatasetSpec:
    return DatasetSpec(
        name=name,
        summary=f"{title}; in DeepfakeBench's layout",
        videos=partial(lazy("registry.builtin.datasets.deepfakebench.reader:known_videos"), name),
        needs=needs,
    )
