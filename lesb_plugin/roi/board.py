"""Show a fit of `lesb_roi` in TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.drawing.overlay import overlay, region_fill
from lesb_plugin.drawing.tensorboard import POINTS, SIDE, Board, changed, chosen, grid
from lesb_plugin.explainers.polygons import part_polygons
from lesb_plugin.lfd.part_grid import fine_masks
from lesb_plugin.pseudo_fakes.part_labels import GRID
from lesb_plugin.roi.calibration import WEIGHTS
from lesb_plugin.roi.encoding import RoiEncoder, part_features
from lesb_plugin.roi.fitted import RoiModel
from registry import Crop, Embedder

if TYPE_CHECKING:
    from lesb_plugin.roi.encoding import Encoded

__all__ = ["show_faces", "show_fit", "show_parts"]

Image = NDArray[np.uint8]


def show_fit(board: Board, model: RoiModel, measured: Mapping[str, Any]) -> None:
    """Show `measured` figures on val, AUCs by part, and by the parts' weight in hundredths."""
    parts = dict(zip(model.regions.names, measured["part_auc"], strict=True))
    named = {**measured, **{f"auc/{part}": value for part, value in parts.items()}}
    numbers = {key: value for key, value in named.items() if isinstance(value, int | float)}
    board.scalars({f"val/{key}": float(value) for key, value in numbers.items()}, 0)
    for weight, value in zip(WEIGHTS, model.fusion.aucs, strict=True):
        board.scalars({"val_auc_by_weight/fused": value}, round(100 * weight))


def show_parts(board: Board, model: RoiModel, val: Encoded, dim: int, seed: int) -> None:
    """Show the features of every part of some of val's crops, by method and part."""
    if not board:
        return
    rows = chosen(len(val.rows), POINTS, seed)
    names = model.regions.names
    features = part_features(val.rows[rows], dim, len(names))  # (K, n, C)
    methods = [str(each) or "real" for each in val.families[rows]]
    labels = {"method": methods * len(names), "part": [part for part in names for _ in rows]}
    board.points("parts", features.reshape(-1, features.shape[2]), labels)


def show_faces(board: Board, model: RoiModel, val: Encoded, embedder: Embedder) -> None:
    """Show faces with the masks of their parts, and pairs filled with the scores of their parts."""
    if not board:
        return
    encode = RoiEncoder(embedder, model.regions)
    masks: list[list[Image]] = []
    pairs: list[list[Image]] = []
    filled: list[list[Image]] = []
    for each in val.examples:
        clean, real, fake = each.images
        parts = fine_masks(each.landmarks[0], model.regions, len(clean), (GRID, GRID))
        masks.append([clean, *(overlay(clean, part, limit=1.0) for part in parts)])
        pairs.append([real, fake, changed(real, fake)])
        part_scores = model.scores_of(
            encode(each.images[1:], each.landmarks[1:]), embedder
        ).parts  # (K, 2)
        crops = (
            Crop(image=image, landmarks=points, box=(0, 0, len(image), len(image)))
            for image, points in zip(each.images[1:], each.landmarks[1:], strict=True)
        )
        filled.append([
            region_fill(
                crop.image,
                part_polygons(crop, model.regions),
                dict(zip(model.regions.names, scores.tolist(), strict=True)),
            )
            for crop, scores in zip(crops, part_scores.T, strict=True)
        ])  # fmt: skip
    board.image("masks", grid(masks, SIDE))
    board.image("pairs", grid(pairs, SIDE))
    board.image("overlays", grid(filled, SIDE))
