"""Sanity: does an explanation change as layers are randomised, from the last to the first?

Model parameter randomisation (Adebayo et al., 2018), cascading from the top down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lesb_plugin.audit.extended.study import Map, Study
from lesb_plugin.audit.measures.agreement import spearman
from lesb_plugin.audit.measures.controls import EDGES, OWN, edge_map
from lesb_plugin.audit.measures.discrimination import rank_correlation
from lesb_plugin.audit.measures.naming import standardised
from lesb_plugin.audit.rows.compared import mean_row, unmeasured
from lesb_plugin.audit.rows.row import Row, at_most

__all__ = ["cascade_rows", "map_correlation", "randomised", "resettable"]

Array = NDArray[np.float64]
DEPTHS = (0.25, 0.5, 0.75, 1.0)
_AIM = at_most(0.2)


def cascade_rows(study: Study) -> list[Row]:
    """Rank correlation with the explanation after a share of the layers, from the top, is
    random.

    For maps the mean over faces of Spearman's correlation over the map's cells; for part scores
    alone the correlation over faces, averaged over the parts. Range [-1, 1], lower is better: an
    explanation that outlives the network's weights does not explain them. The control is a map that
    only sees the image. Layers are the backbone's; heads that a detector has beside it stay.
    """
    embedder = study.subject.inputs.embedder
    network = None if embedder is None else embedder.backbone
    if not isinstance(network, nn.Module) or not resettable(network):
        reason = "the detector has no backbone whose layers could be randomised"
        return [unmeasured("cascade", "Spearman after randomising layers", reason)]
    layers = resettable(network)
    found: list[Row] = []
    rows = np.concatenate([study.fakes, study.reals])
    for depth in DEPTHS:
        top = layers[: max(1, round(depth * len(layers)))]
        with randomised(network, top, study.config.seed):
            found.append(_row(study, depth, rows))
    return found


def resettable(network: nn.Module) -> list[Any]:
    """Return the layers that have `reset_parameters`, last defined first, as Quantus walks them."""
    return [each for each in network.modules() if hasattr(each, "reset_parameters")][::-1]


@contextmanager
def randomised(network: nn.Module, layers: Sequence[Any], seed: int) -> Iterator[None]:
    """Yield the network with some layers as before any training, while the context lasts."""
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    devices = sorted({each.device.index for each in weights.values() if each.device.type == "cuda"})
    try:
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            for layer in layers:
                layer.reset_parameters()
        yield
    finally:
        network.load_state_dict(weights)


def map_correlation(before: Map, after: Map) -> Array:
    """Return (n,) Spearman's correlation over the cells of maps (n, h, w).

    NaN if the map was uniform before, so that nothing can be compared; 0 if it became uniform.
    """
    one, other = (each.reshape(len(each), -1).astype(np.float64) for each in (before, after))
    even = one.min(axis=1) == one.max(axis=1)
    return np.where(even, np.nan, spearman(one, other))


def _row(study: Study, depth: float, rows: NDArray[np.int64]) -> Row:
    key = f"cascade.{round(100 * depth)}"
    title = f"Spearman after the top {round(100 * depth)} % of layers are random"
    reading = study.read_again(rows, f"{round(100 * depth)} % of layers random")
    maps, parts = study.found.reading.maps, study.found.reading.parts
    if maps is not None and reading.maps is not None:
        values = {OWN: study.column(), EDGES: study.column()}
        values[OWN][rows] = map_correlation(maps[rows], reading.maps)
        edges = np.stack([_edges(study, row, maps.shape[1:]) for row in rows])
        values[EDGES][rows] = map_correlation(edges, edges)
        return mean_row(key, title, _AIM, values, study.draws, higher=False)
    if parts is None or reading.parts is None:
        return unmeasured(key, title, "no explanation is left for any face")
    after = standardised(reading.parts, study.found.real[rows])
    before = standardised(parts, study.found.real)[rows]
    silent = bool((after.std(axis=0) == 0).any())

    def correlation(weights: Array) -> Array:
        if silent:  # a part that scores all faces alike keeps nothing of how they were ranked
            return np.zeros(len(weights))
        return rank_correlation(before, after, weights[:, rows])

    return Row(
        key=key,
        title=title,
        n=len(rows),
        figure=study.draws.figure(correlation),
        aim=_AIM,
        higher_is_better=False,
        people=study.draws.people(rows),
    )


def _edges(study: Study, row: int, shape: tuple[int, ...]) -> Map:
    """Return the magnitude (h, w) of the image's gradient."""
    slope = edge_map(study.found.faces[row].crop.image)
    return np.asarray(cv2.resize(slope, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
