"""How well a network separates fixed pseudo-fakes of unseen people from their reals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lesb_plugin.lfd.variants import Skipped, load_in_order
from lesb_plugin.pseudo_fakes.crop_pair import CropPair
from lesb_plugin.pseudo_fakes.pairs import PairMaker
from lesb_plugin.pseudo_fakes.store import once_a_machine
from registry import (
    DataError,
    auc,
    auc_weighted,
    draw_weights,
    interval,
    map_shared,
    progress,
)

__all__ = ["ValSet", "Verdict", "build_val_set", "verdict"]

_DRAWS = 200  # of the bootstrap over people
_BATCH = 64


@dataclass(frozen=True, slots=True)
class ValSet:
    """Fixed images of the val split, uint8 (n, S, S, 3) in a file, and what each of them is.

    `labels`, `people` (numbers of identities) and `families` (of fakes; "" for reals) are (n,).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    people: NDArray[np.int64]
    families: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class Verdict:
    """AUC overall with the 95 % interval of a bootstrap over people, and by family.

    `reals` (n,) are the logits of fake of the real images.
    """

    auc: float
    low: float
    high: float
    families: dict[str, float]
    reals: NDArray[np.float64]

    def exceeded_by(self, share: float) -> float:
        """Return the logit of fake that `share`, in (0, 1), of the real images exceed."""
        return float(np.quantile(self.reals, 1.0 - share))

    def record(self) -> dict[str, Any]:
        """Return AUCs to four digits, as plain data for JSON."""
        return {
            "auc": round(self.auc, 4),
            "interval": [round(self.low, 4), round(self.high, 4)],
            "families": {name: round(value, 4) for name, value in self.families.items()},
        }


def build_val_set(
    maker: PairMaker, path: Path, *, fakes: int, reals: int, workers: int, quiet: bool
) -> ValSet:
    """Make `fakes` pseudo-fakes of every face, the families in turn, and the reals of `reals` of
    them.

    Of the ranks on one machine the first makes them for all.
    """
    path, records = once_a_machine(
        lambda: (path, _val_pairs(maker, path, fakes, reals, workers, quiet=quiet))
    )
    if len({label for label, _, _ in records}) < 2:
        raise DataError(f"no pairs to validate on could be made from {len(maker)} faces")
    size = maker.crop.size
    images = np.memmap(path, np.uint8, mode="r", shape=(len(records), size, size, 3))
    labels, people, families = zip(*records, strict=True)
    return ValSet(images, np.array(labels), np.array(people), np.array(families))


def _val_pairs(
    maker: PairMaker, path: Path, fakes: int, reals: int, workers: int, *, quiet: bool
) -> list[tuple[int, int, str]]:
    """Write the images into a file; return label, person and family of each."""
    draws = cast(Any, _Draws(maker, fakes))
    records: list[tuple[int, int, str]] = []
    numbers = _numbers([entry.identity for entry in maker.store.entries])
    items = cast(Iterator[CropPair | Skipped], load_in_order(draws, workers))
    bar = progress(
        items, "pairs to validate on", total=len(maker) * fakes, unit="pair", quiet=quiet
    )
    with path.open("wb") as file:
        for at, item in enumerate(bar):
            if isinstance(item, Skipped):
                continue  # a family that is impossible for this face; the next draw is another's
            face, draw = divmod(at, fakes)
            for label in (0, 1) if draw < reals else (1,):
                file.write(np.ascontiguousarray(item.images[label]).tobytes())
                records.append((label, numbers[face], item.family if label else ""))
    return records


@torch.inference_mode()
def verdict(
    network: nn.Module, val: ValSet, *, device: str, precision: str, quiet: bool
) -> Verdict:
    """Score every image and summarise; the network is left in eval mode.

    Ranks share the images, and all get the same.
    It gives logits of real and fake (B, 2), or of fake alone (B, 1).
    """
    network.eval()

    def scores_from(start: int) -> NDArray[np.float64]:
        batch = torch.from_numpy(np.array(val.images[start : start + _BATCH])).to(device)
        with torch.autocast(torch.device(device).type, torch.bfloat16, precision == "bfloat16"):
            logits = network(batch.permute(0, 3, 1, 2).float() / 255)  # (b, 2) or (b, 1)
        fake = logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]
        found: NDArray[np.float64] = fake.double().cpu().numpy()
        return found

    starts = range(0, len(val.images), _BATCH)
    found = map_shared(scores_from, starts, "validating", unit="batch", quiet=quiet)
    scores = np.concatenate(found)
    if not np.isfinite(scores).all():
        raise DataError("the network gives NaN or infinite scores; lower --learning-rate")
    low, high = _interval(val, scores)
    real = val.labels == 0
    families = {
        str(name): _auc_of(val, scores, real | (val.families == name))
        for name in np.unique(val.families[~real])
    }
    return Verdict(auc(val.labels, scores), low, high, families, scores[real])


def _auc_of(val: ValSet, scores: NDArray[np.float64], chosen: NDArray[np.bool_]) -> float:
    return auc(val.labels[chosen], scores[chosen])


def _interval(val: ValSet, scores: NDArray[np.float64]) -> tuple[float, float]:
    """Return the central 95 % of the AUC over draws of people; NaN if it is undefined."""
    drawn = draw_weights(val.labels, val.people, _DRAWS, np.random.default_rng(0))
    found = interval(np.concatenate([auc_weighted(val.labels, scores, each) for each in drawn]))
    low, high = (np.nan if end is None else end for end in (found.low, found.high))
    return low, high


def _numbers(names: list[str]) -> list[int]:
    known = {name: number for number, name in enumerate(sorted(set(names)))}
    return [known[name] for name in names]


@dataclass(frozen=True)
class _Draws(torch.utils.data.Dataset["CropPair | Skipped"]):
    """Item i: draw i % draws of face i // draws, families in turn."""

    maker: PairMaker
    draws: int

    def __len__(self) -> int:
        return len(self.maker) * self.draws

    def __getitem__(self, index: int) -> CropPair | Skipped:
        if not 0 <= index < len(self):
            raise IndexError(index)
        face, draw = divmod(index, self.draws)
        families = list(self.maker.recipe.weights())
        return self.maker.make(draw, face, families[index % len(families)])
