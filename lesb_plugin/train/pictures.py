"""Pictures of a training: its pairs, where they differ, and what the network sees in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lesb_plugin.drawing.overlay import overlay
from lesb_plugin.drawing.tensorboard import POINTS, Board, chosen, grid
from lesb_plugin.pseudo_fakes.crop_pair import CropPair
from lesb_plugin.pseudo_fakes.pairs import PairMaker
from lesb_plugin.train.lessons import Learner
from lesb_plugin.train.validation import ValSet
from registry import TrainableNetwork

__all__ = ["example_pairs", "pair_sheet", "show_embeddings", "show_pairs"]

_PICTURED = 8  # pairs in a picture
_BATCH = 32

Image = NDArray[np.uint8]


def show_pairs(
    board: Board, maker: PairMaker, network: nn.Module, device: str, *, epoch: int, step: int
) -> None:
    """Show pairs of an epoch, where the fakes were changed, and where the network suspects it."""
    pairs = example_pairs(maker, epoch, _PICTURED) if board else []
    if pairs:
        learned = _drawn_masks(network, np.stack([each.images[1] for each in pairs]), device)
        board.image("pairs", pair_sheet(pairs), step)
        board.image("overlays", _mask_sheet(pairs, learned), step)


def show_embeddings(board: Board, network: nn.Module, val: ValSet, device: str, seed: int) -> None:
    """Show the embeddings of some val images, by method."""
    if board:
        rows = chosen(len(val.images), POINTS, seed)
        labels = {
            "method": [str(family) or "real" for family in val.families[rows]],
            "label": ["fake" if label else "real" for label in val.labels[rows]],
        }
        board.points("val", _embeddings(network, val.images[rows], device), labels)


# --- sheets ----------------------------------------------------------------------------------


def example_pairs(maker: PairMaker, epoch: int, most: int) -> list[CropPair]:
    """Return pairs of the first `most` faces, an even number of them if there are two."""
    drawn = [maker.make(epoch, face) for face in range(min(most, len(maker)))]
    found = [each for each in drawn if isinstance(each, CropPair)]
    return found[: len(found) - len(found) % 2] or found


def pair_sheet(pairs: Sequence[CropPair]) -> Image:
    """Return real, fake and mask of each pair, two pairs beside each other; uint8 RGB."""
    cells = [[*each.images, each.mask] for each in pairs]
    if len(cells) > 1:
        cells = [left + right for left, right in zip(cells[::2], cells[1::2], strict=True)]
    return grid(cells)


def _mask_sheet(pairs: Sequence[CropPair], learned: NDArray[np.float32] | None) -> Image:
    """Return fakes, their masks over them, and over them what a network draws (n, h, w)."""
    rows = []
    for at, each in enumerate(pairs):
        fake = each.images[1]
        heats = [each.masks[1] / 255.0, *([] if learned is None else [learned[at]])]
        rows.append([fake, *(overlay(fake, heat, limit=1.0) for heat in heats)])
    return grid(rows)


# --- the network -----------------------------------------------------------------------------


@torch.inference_mode()
def _drawn_masks(network: nn.Module, images: Image, device: str) -> NDArray[np.float32] | None:
    """Return (n, h, w) in [0, 1]: where images (n, S, S, 3) seem changed; None if not learned."""
    if not isinstance(network, Learner):
        return None
    network.eval()
    answer = network.with_answer(_pixels(images, device))[1]  # (n, 1 or parts, h, w)
    drawn: NDArray[np.float32] = answer.amax(dim=1).sigmoid().cpu().numpy()
    return drawn


@torch.inference_mode()
def _embeddings(network: nn.Module, images: Image, device: str) -> NDArray[np.float32]:
    """Return (n, d): the head's input for images (n, S, S, 3)."""
    network = network.network if isinstance(network, Learner) else network
    network.eval()
    found: list[torch.Tensor] = []

    def keep(_head: nn.Module, inputs: tuple[Any, ...]) -> None:
        found.append(inputs[0].float().cpu())

    hook = cast(TrainableNetwork, network).head().register_forward_pre_hook(keep)
    try:
        for start in range(0, len(images), _BATCH):
            network(_pixels(images[start : start + _BATCH], device))
    finally:
        hook.remove()
    return torch.cat(found).flatten(1).numpy()


def _pixels(images: Image, device: str) -> torch.Tensor:
    tensor = torch.from_numpy(np.array(images)).to(device)  # (n, S, S, 3); a copy of a file's rows
    return tensor.permute(0, 3, 1, 2).float() / 255
