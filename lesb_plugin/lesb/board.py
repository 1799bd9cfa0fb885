"""Show a fit of LESB in TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.drawing.overlay import overlay
from lesb_plugin.drawing.tensorboard import PICTURED, POINTS, SIDE, Board, changed, chosen, grid
from lesb_plugin.explainers.maps import build_cam
from lesb_plugin.lesb.detector import LesbDetector
from lesb_plugin.lesb.embedding import Embedded
from lesb_plugin.lesb.options import LesbFitOptions
from lesb_plugin.lesb.summary import Outcome
from lesb_plugin.lfd.artefact import Lfd
from lesb_plugin.lfd.presets import psi_preset, region_preset
from lesb_plugin.lfd.variants import VariantDataset
from registry import BenchError, Crop, Explanation, FitContext, crop_face

__all__ = ["show_fit", "show_pairs", "show_subspaces", "show_variants"]

Image = NDArray[np.uint8]


def show_variants(board: Board, context: FitContext, options: LesbFitOptions) -> None:
    """Show some faces with the masks of their parts and the results of psi (Eq. 1)."""
    if not board:
        return
    samples, policy = context.train[:PICTURED], context.embedder.backbone.crop
    regions, psi = region_preset(options.regions), psi_preset(options.psi)
    data = VariantDataset(samples, regions, psi, policy, options.variants, context.seed)
    masks: list[list[Image]] = []
    images: list[list[Image]] = []
    for sample in samples:
        try:
            crop = crop_face(*sample.load(), policy)
            drawn = [data.draw(sample.key, crop, part, 0) for part in regions.parts]
        except (BenchError, ValueError):
            continue  # the fit skips this face too, and says so
        masks.append([crop.image, *(np.rint(255 * mask).astype(np.uint8) for mask, _ in drawn)])
        images.append([crop.image, *(image for _, image in drawn)])
    if masks:
        board.image("masks", grid(masks, SIDE))
        board.image("augmentations", grid(images, SIDE))


def show_fit(board: Board, outcome: Outcome, lfd: Lfd, by_rank: Mapping[int, float]) -> None:
    """Show spectrum and explained share by direction, and AUCs by epoch, by seed and by rank."""
    if not board:
        return
    for part in lfd.parts:
        board.curve(f"spectrum/{part}", lfd.eigenvalues[part])
        board.curve(f"explained/{part}", lfd.diagnostics["explained"][part])
    for part, shares in lfd.diagnostics.get("own_share", {}).items():
        board.curve(f"own_share/{part}", shares)
    for at, name in enumerate(("heads_auc", "heads_loss")):
        for part, curve in zip(lfd.parts, outcome.runs[0].local.history[:, at].T, strict=True):
            board.curve(f"{name}/{part}", curve)
    for run in outcome.runs:
        for name, scored in (("val_auc", run.local), ("val_auc_random", run.random)):
            aucs = dict(zip(lfd.parts, scored.auc.tolist(), strict=True))
            found = {f"{name}/{part}": value for part, value in aucs.items()}
            board.scalars({**found, f"{name}/fused": scored.fused}, run.seed)
    board.scalars({"val_auc/head": outcome.head_auc}, outcome.runs[0].seed)
    for rank, value in by_rank.items():
        board.scalars({"val_auc_by_rank/fused": value}, rank)


def show_subspaces(board: Board, lfd: Lfd, val: Embedded, seed: int) -> None:
    """Show projections of val's pairs onto the parts' subspaces, by method and part.

    The axes span all of the subspaces, so that distances are those of the embedding space.
    """
    if not board:
        return
    rows = chosen(len(val.pairs), POINTS, seed)
    bases = {part: basis.astype(np.float64) for part, basis in lfd.bases.items()}
    axes = np.linalg.qr(np.concatenate(list(bases.values()), axis=1))[0]  # (d, <= K r)
    local = lfd.project(val.pairs[rows])  # (n, r) by part
    points = [local[part] @ (bases[part].T @ axes) for part in lfd.parts]  # (n, <= K r)
    methods = [str(each) or "real" for each in val.families[rows]]
    labels = {
        "method": methods * len(lfd.parts),
        "part": [part for part in lfd.parts for _ in rows],
    }
    board.points("subspaces", np.concatenate(points), labels)


def show_pairs(board: Board, val: Embedded, detector: LesbDetector) -> None:
    """Show pairs of val and where they differ, and what the scores of fake are based on."""
    if not board:
        return
    pairs = [each.pairs[0] for each in val.examples]
    rows = [[real, fake, changed(real, fake)] for real, fake in pairs]
    board.image("pairs", grid(rows, SIDE))
    fakes = [fake for _, fake in pairs]
    try:
        found = _maps(fakes, detector)
    except BenchError as error:
        board.text("overlays", f"no maps: {error}")
        return
    limit = max(float(np.abs(heat).max()) for each in found for heat in each.maps.values())
    board.image(
        "overlays",
        grid(
            [
                [fake, *(overlay(fake, heat, limit=limit) for heat in each.maps.values())]
                for fake, each in zip(fakes, found, strict=True)
            ],
            SIDE,
        ),
    )


def _maps(fakes: Sequence[Image], detector: LesbDetector) -> list[Explanation]:
    """Return a map for every part and for the face of each image."""
    size = len(fakes[0])
    return build_cam(detector)(
        [Crop(image=fake, landmarks=None, box=(0, 0, size, size)) for fake in fakes]
    )
