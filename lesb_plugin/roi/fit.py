"""Fit `lesb_roi`: pooled features of pseudo-fakes, a head per part, calibration, fusion."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.drawing.tensorboard import PICTURED, Board, board_in
from lesb_plugin.lesb.embedding import check_faces, embed_own
from lesb_plugin.lesb.fitted import head_logits
from lesb_plugin.lesb.probe import Probe, fit_probe
from lesb_plugin.lesb.styled import QUALITIES, reading_label, styled_fakes
from lesb_plugin.lfd.pieces import Pieces, piece_folder
from lesb_plugin.lfd.presets import region_preset
from lesb_plugin.lfd.regions import RegionSet
from lesb_plugin.lfd.variants import Skipped, check_skipped
from lesb_plugin.pseudo_fakes.pairs import load_recipe
from lesb_plugin.roi.board import show_faces, show_fit, show_parts
from lesb_plugin.roi.calibration import choose_fusion, fit_calibration
from lesb_plugin.roi.dataset import PartFakes, PartViews
from lesb_plugin.roi.encoding import FEATURES, Encoded, RoiEncoder, global_embedding, part_features
from lesb_plugin.roi.fitted import FittedRoi, RoiModel
from lesb_plugin.roi.heads import Examples, PartRecipe, train_part_heads
from lesb_plugin.roi.options import RoiFitOptions
from lesb_plugin.roi.summary import findings_on, notes, record, tables
from registry import (
    DataError,
    Embedder,
    FitContext,
    FitReport,
    dealt_back,
    gather_at_first,
    numbered_steps,
    scratch_folder,
    sharpness,
)

__all__ = ["ARTEFACT", "check_roi", "encode_fakes", "fit_roi", "model_of"]

ARTEFACT = "artefact.safetensors"


def check_roi(context: FitContext) -> None:
    """Raise the BenchErrors of a fit that need no embedding."""
    _checked(context, context.options or RoiFitOptions())


def fit_roi(context: FitContext) -> FitReport:
    """Fit `lesb_roi` on real faces and write its artefact; BenchErrors say what to change."""
    options: RoiFitOptions = context.options or RoiFitOptions()
    regions = _checked(context, options)
    steps = [
        label
        for split in ("train", "val")
        for label in (reading_label(split), f"pseudo-fakes ({split})")
    ]
    with (
        numbered_steps("the fit of lesb_roi", steps, quiet=context.quiet),
        board_in(context.out, wanted=context.tensorboard) as board,
    ):
        return _fit(context, options, regions, board)


def _fit(
    context: FitContext, options: RoiFitOptions, regions: RegionSet, board: Board
) -> FitReport:
    train, val = (encode_fakes(context, options, regions, split) for split in ("train", "val"))
    if train is None or val is None:  # the first rank has all of it
        return FitReport(artefact=context.out / ARTEFACT)
    model = model_of(context.embedder, regions, train, val, _recipe(options), context.seed, board)
    chosen = rows_of_reals(val)
    reals = model.scores_of(val.rows[chosen], context.embedder)
    if val.sharpness is not None:
        reals = replace(reals, sharpness=val.sharpness[chosen].astype(np.float64))
    scores = model.scores_of(val.rows[~val.clean], context.embedder)
    measured = record(context, options, model, (train, val), scores)
    path = FittedRoi(model=model, reals=reals, record=measured).save(context.out / ARTEFACT)
    show_fit(board, model, measured["val"])
    show_faces(board, model, val, context.embedder)
    show_parts(board, model, val, context.embedder.backbone.dim, context.seed)
    return FitReport(
        artefact=path,
        tables=tables(model, val, reals, scores),
        notes=notes(model, train, val),
        findings=findings_on(model, val, scores),
    )


def encode_fakes(
    context: FitContext, options: RoiFitOptions, regions: RegionSet, split: str
) -> Encoded | None:
    """Encode the pairs of every face of a split; more failures than max_errors is a DataError.

    Of several ranks each encodes its own faces; the first gets all of them, the others None.
    """
    with scratch_folder("fit") as scratch:
        fakes = styled_fakes(context, options.style, options.pseudo_fakes, split, scratch)
        dataset = PartFakes(fakes, regions)
        folder = piece_folder(context.pieces, FEATURES, *dataset.content)
        found = embed_own(
            dataset,
            len(dataset),
            partial(_face, RoiEncoder(context.embedder, regions)),
            Pieces(folder, _FacePairs, PartViews),
            split=split,
            workers=context.workers,
            max_errors=context.max_errors,
            quiet=context.quiet,
        )
    every = gather_at_first(found)
    return None if every is None else _joined(dealt_back(every), split, context.max_errors)


@dataclass(frozen=True, slots=True)
class _FacePairs:
    """The encoder's output for a face and its pairs, and what is known of them."""

    rows: NDArray[np.float32]
    labels: NDArray[np.float32]
    families: tuple[str, ...]
    sharpness: NDArray[np.float64]
    example: PartViews | None


def _face(encode: RoiEncoder, item: PartViews, example: bool) -> _FacePairs | Skipped:
    rows = encode(item.images, item.landmarks)
    if not np.isfinite(rows).all():
        return _skipped(encode, item)
    blurs = np.array([sharpness(image) for image in item.images])
    return _FacePairs(
        rows, item.labels, item.families, blurs, item.first_pair() if example else None
    )


def _joined(found: list[_FacePairs | Skipped], split: str, max_errors: float) -> Encoded:
    faces = [each for each in found if isinstance(each, _FacePairs)]
    skipped = tuple(each for each in found if isinstance(each, Skipped))
    check_skipped(skipped, len(found), max_errors)
    if not faces:
        raise DataError(f"none of {len(found)} faces of the {split} split could be used")
    each = len(faces[0].rows)  # the face itself, then real and fake of every pair
    place = np.tile(np.arange(each), len(faces))
    examples = [face.example for face in faces[:PICTURED] if face.example is not None]
    return Encoded(
        rows=np.concatenate([face.rows for face in faces]),
        labels=np.concatenate([face.labels for face in faces]),
        fake=((place > 0) & (place % 2 == 0)).astype(np.int64),
        clean=place == 0,
        families=np.array([name for face in faces for name in face.families]),
        skipped=skipped,
        examples=tuple(examples),
        sharpness=np.concatenate([face.sharpness for face in faces]).astype(np.float32),
    )


def rows_of_reals(val: Encoded) -> NDArray[np.bool_]:
    """Mark (n,) the unchanged faces, and of each face the reals of its first pairs."""
    starts = np.flatnonzero(val.clean)
    rows = np.arange(len(val.clean))
    place = rows - starts[np.searchsorted(starts, rows, side="right") - 1]  # within the face
    return np.asarray((place == 0) | ((place % 2 == 1) & (place < 2 * QUALITIES)))


def model_of(
    embedder: Embedder,
    regions: RegionSet,
    train: Encoded,
    val: Encoded,
    recipe: PartRecipe,
    seed: int,
    board: Board,
) -> RoiModel:
    """Train heads on `train`; everything else is chosen or calibrated on `val`."""
    dim, parts = embedder.backbone.dim, len(regions.parts)
    known, unseen = (
        Examples(part_features(split.rows, dim, parts), split.labels) for split in (train, val)
    )
    heads = train_part_heads(
        known,
        unseen,
        recipe,
        seed,
        watch=lambda epoch, loss: board.scalars({"heads/val_loss": loss}, epoch),
    )
    probe = _probe(embedder, train, val)
    head = head_logits(embedder, probe, global_embedding(val.rows, dim))
    logits = heads.logits(unseen.inputs)  # (K, n)
    pairs, clean = ~val.clean, val.clean
    calibration = fit_calibration(logits[:, clean], logits[:, pairs], val.labels[pairs])
    z = calibration.standardise(logits)
    fusion = choose_fusion(head[pairs], z[:, pairs], val.fake[pairs], head[clean], z[:, clean])
    return RoiModel(
        regions=regions, heads=heads, calibration=calibration, fusion=fusion, probe=probe
    )


def _recipe(options: RoiFitOptions) -> PartRecipe:
    return PartRecipe(
        margin=options.margin,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        batch=options.batch,
        epochs=options.epochs,
        patience=options.patience,
    )


def _probe(embedder: Embedder, train: Encoded, val: Encoded) -> Probe | None:
    """Fit a probe; None if the backbone's weights have a fake/real head of their own."""
    dim = embedder.backbone.dim
    known, unseen = (global_embedding(split.rows, dim) for split in (train, val))
    if embedder.logits(unseen[:1]) is not None:
        return None
    pairs, val_pairs = ~train.clean, ~val.clean
    return fit_probe(known[pairs], train.fake[pairs], unseen[val_pairs], val.fake[val_pairs])


def _checked(context: FitContext, options: RoiFitOptions) -> RegionSet:
    """Return the face parts; raise errors that can be found before the long work."""
    regions = region_preset(load_recipe(options.style).regions)
    check_faces("lesb_roi", context)
    return regions


def _skipped(encode: RoiEncoder, item: PartViews) -> Skipped:
    """Return a face with a part outside its crop; a DataError if the backbone fails."""
    reason = encode.fault(item.images, item.landmarks)
    if not reason:
        raise DataError(
            f"backbone {encode.embedder.backbone.name!r} gives NaN or infinite features for"
            f" {item.key}; check the weights, or use --precision float32"
        )
    return Skipped(item.key, reason)
