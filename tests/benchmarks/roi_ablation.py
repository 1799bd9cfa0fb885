"""What each ingredient of `lesb_roi` is worth. Run by hand:

    python tests/benchmarks/roi_ablation.py collect DATA OUT --backbone sbi_efflite0 --style clean
    python tests/benchmarks/roi_ablation.py table OUT

DATA holds the folders portraits, ffhq512, ffhq256 and manipulated. `collect` makes pseudo-fakes of
real faces and keeps what the backbone gives for them and for `manipulated`; `table` fits every
variant on the pseudo-fakes of the train split and measures them on `manipulated`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lesb_plugin.gep.fit import Contrastive, weights_of
from lesb_plugin.gep.options import GepFitOptions
from lesb_plugin.lesb.heads import auc
from lesb_plugin.lesb.styled import StyledFakes, for_validation
from lesb_plugin.lfd.diagnostics import random_subspace
from lesb_plugin.lfd.part_grid import part_weights, pool
from lesb_plugin.lfd.presets import psi_preset, region_preset
from lesb_plugin.lfd.subspace import Scatter, fit_subspace
from lesb_plugin.lfd.variants import Skipped, VariantDataset
from lesb_plugin.pseudo_fakes.pairs import pair_maker
from lesb_plugin.pseudo_fakes.store import build_store
from lesb_plugin.roi.calibration import Calibration, choose_fusion, fit_calibration
from lesb_plugin.roi.dataset import PartFakes
from lesb_plugin.roi.heads import Examples, PartRecipe, train_part_heads
from lesb_plugin.roi.localisation import localisation
from registry import crop_face, print_table, progress
from registry.data.index import find_videos
from registry.faces.real_faces import samples
from registry.plugins.discovery import load_plugins
from tests.shared.readers import reader_of
from tests.shared.scripts import run_script

REAL = ("portraits", "ffhq512", "ffhq256")
PARTS = region_preset("eyes_nose_mouth")
RANK = 32
SHARED = 8  # directions that parts have in common


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="what", required=True)
    collecting = commands.add_parser("collect")
    collecting.add_argument("data", type=Path)
    collecting.add_argument("out", type=Path)
    collecting.add_argument("--backbone", default="sbi_efflite0")
    collecting.add_argument("--weights")
    collecting.add_argument("--style", default="clean", help="of the pseudo-fakes")
    collecting.add_argument("--split", default="dev", help="of manipulated")
    collecting.add_argument("--train-faces", type=int, default=150)
    collecting.add_argument("--val-faces", type=int, default=60)
    collecting.add_argument("--fakes", type=int, default=8, help="pairs per face")
    collecting.add_argument("--variants", type=int, default=4, help="psi variants for LFD")
    tabulating = commands.add_parser("table")
    tabulating.add_argument("out", type=Path)
    tabulating.add_argument("--seeds", type=int, default=4, help="of the heads' training")
    args = parser.parse_args()
    {"collect": collect, "table": table}[args.what](args)


def collect(args: argparse.Namespace) -> None:
    args.out.mkdir(parents=True, exist_ok=True)
    spec = load_plugins().get("backbone", args.backbone)
    backbone = spec.build(args.backbone, args.weights, 0)
    steps: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "manipulated": lambda: rows_of_manipulated(args, backbone),
        "val": lambda: rows_of_fakes(args, backbone, "val", args.val_faces),
        "train": lambda: rows_of_fakes(args, backbone, "train", args.train_faces),
        "lfd": lambda: lfd_variants(args, backbone),
    }
    for name, step in steps.items():
        if not (args.out / f"{name}.npz").exists():
            save(args.out / f"{name}.npz", step())


def save(path: Path, rows: list[dict[str, Any]]) -> None:
    np.savez(path, **{name: np.stack([row[name] for row in rows]) for name in rows[0]})


@torch.inference_mode()
def seen(
    backbone: Any, images: NDArray[np.uint8], landmarks: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """What is kept of each crop."""
    pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    outputs: list[torch.Tensor] = []
    before_last = backbone.model.blocks[3]  # of stride 16, as the last of an EfficientNet's is
    handle = before_last.register_forward_hook(lambda _m, _i, output: outputs.append(output))
    features = backbone.fine_features(pixels)
    handle.remove()
    embedding = backbone.embed(features).numpy()
    rows = []
    last, earlier = features.map.numpy(), outputs[0].numpy()
    fine = last if features.fine is None else features.fine.numpy()
    logit = backbone.head(torch.from_numpy(embedding))
    for i, points in enumerate(landmarks):
        weights = {
            name: with_rest(part_weights(points, PARTS, images.shape[1], grid.shape[2:]))
            for name, grid in (("fine", fine), ("earlier", earlier), ("last", last))
        }
        rows.append({
            "embedding": embedding[i], "logit": np.nan if logit is None else logit[i].item(),
            "map": fine[i].astype(np.float16), "weights": weights["fine"],
            "fine": pool(fine[i : i + 1], weights["fine"][None])[0],
            "earlier": pool(earlier[i : i + 1], weights["earlier"][None])[0],
            "last": pool(last[i : i + 1], weights["last"][None])[0],
        })  # fmt: skip
    return rows


def with_rest(parts: NDArray[np.float32]) -> NDArray[np.float32]:
    """What belongs to no part, as one more part."""
    return np.concatenate([parts, 1.0 - parts.sum(axis=0, keepdims=True)])


def rows_of_manipulated(args: argparse.Namespace, backbone: Any) -> list[dict[str, Any]]:
    videos = find_videos(str(args.data / "manipulated"), args.split, load_plugins())
    rows = []
    for video in progress(videos, "manipulated", total=len(videos), unit="face", quiet=False):
        image, faces = reader_of(plugins=load_plugins()).read(video.frames[0])
        crop = crop_face(image, faces[0], backbone.crop)
        (row,) = seen(backbone, crop.image[None], np.asarray(crop.landmarks)[None])
        rows.append({
            **row, "label": video.label, "method": video.method,
            "region": video.region or "", "identity": video.identity or "",
        })  # fmt: skip
    width = {
        name: f"<U{max(len(row[name]) for row in rows)}"
        for name in ("method", "region", "identity")
    }
    return [{**row, **{n: np.array(row[n], dtype=w) for n, w in width.items()}} for row in rows]


def real_samples(args: argparse.Namespace, split: str, count: int) -> list[Any]:
    """As many of each data set, whichever come first."""
    found: list[Any] = []
    for name in REAL:
        videos = find_videos(str(args.data / name), split, load_plugins())
        found += samples(videos, reader_of(plugins=load_plugins()))[: count // len(REAL)]
    return found


def rows_of_fakes(
    args: argparse.Namespace, backbone: Any, split: str, count: int
) -> list[dict[str, Any]]:
    chosen = real_samples(args, split, count)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        store = build_store(
            chosen, Path(scratch) / split, label=split, workers=0, max_errors=0.1, quiet=False
        )
        maker = pair_maker(store, backbone.crop, args.style, purpose=f"fit {split}")
        maker = for_validation(maker) if split == "val" else maker
        fakes = PartFakes(StyledFakes(chosen, maker, args.fakes), PARTS)
        items = (fakes[i] for i in range(len(fakes)))
        for item in progress(items, split, total=len(fakes), unit="face", quiet=False):
            if isinstance(item, Skipped):
                continue
            # The reals of every other pair are enough: there is one for each fake otherwise.
            kept = [at for at in range(len(item.images)) if at % 4 != 3]
            found = seen(backbone, item.images[kept], item.landmarks[kept])
            for at, row in zip(kept, found, strict=True):
                extra = {"y": item.labels[at], "family": np.array(item.families[at], "<U24")}
                rows.append({**row, **extra, "clean": at == 0})
    return rows


def lfd_variants(args: argparse.Namespace, backbone: Any) -> list[dict[str, Any]]:
    """(K, M, K, C) of each face: part k changed, features pooled in part j."""
    chosen = real_samples(args, "train", args.train_faces // 3)
    dataset = VariantDataset(chosen, PARTS, psi_preset("paper"), backbone.crop, args.variants)
    found = []
    for i in progress(range(len(dataset)), "LFD", total=len(dataset), unit="face", quiet=False):
        item = dataset[i]
        if isinstance(item, Skipped):
            continue
        image, face = chosen[i].load()
        points = np.asarray(crop_face(image, face, backbone.crop).landmarks)
        per_part = []
        for images in item.images:
            rows = seen(backbone, images, np.repeat(points[None], len(images), 0))
            per_part.append(np.stack([row["fine"][:-1] for row in rows]))
        found.append({"variants": np.stack(per_part)})
    return found


# --- the table -------------------------------------------------------------------------------

Rows = dict[str, NDArray[Any]]
Inputs = Callable[[Rows], NDArray[np.float32]]  # (K, n, c)
Scatters = dict[str, dict[str, Scatter]]  # of features in a part, by what part was changed
GROUPS = {"transplants": ("alpha", "poisson"), "warps": ("warp",), "in-painting": ("inpaint",)}


def table(args: argparse.Namespace) -> None:
    """Right part first on val with its standard deviation over seeds, then on `manipulated` as a
    whole and by group, and the rest.
    """
    train, val, real, lfd = (
        dict(np.load(args.out / f"{name}.npz")) for name in ("train", "val", "manipulated", "lfd")
    )
    found: dict[str, list[list[float]]] = {}
    fixed = variants_of(train, lfd["variants"])
    for seed in progress(range(args.seeds), "seeds", total=args.seeds, unit="seed", quiet=False):
        for name, each in {**fixed, **drawn_variants(train, seed)}.items():
            known, unseen = each.inputs(train), each.inputs(val)
            heads = train_part_heads(
                Examples(known, each.labels), Examples(unseen, val["y"]), each.recipe, seed
            )
            logits = heads.logits(unseen), heads.logits(each.inputs(real))
            found.setdefault(name, []).append(measured(*logits, val, real, each.on_scale))
    rows = []
    for name, numbers in found.items():
        mean, spread = np.mean(numbers, axis=0), np.std(numbers, axis=0)
        rows.append((name, f"{mean[0]:.3f} ± {spread[0]:.3f}", *(f"{x:.3f}" for x in mean[1:])))
    header = ("variant", "val", "all", *GROUPS, "corr.", "part AUC", "AUC", "head AUC")
    title = f"manipulated, {len(real['label'])} faces, mean of {args.seeds} seeds of the heads"
    print_table(title, header, rows)


@dataclass(frozen=True, kw_only=True)
class Variant:
    """`on_scale`: part logits are compared after division by what reals have."""

    inputs: Inputs
    labels: NDArray[np.float32]
    recipe: PartRecipe = field(default_factory=PartRecipe)
    on_scale: bool = True


def variants_of(train: Rows, changes: NDArray[np.float32]) -> dict[str, Variant]:
    """By name, those in which nothing is drawn at random."""
    y = train["y"]
    faces = np.repeat(np.fmax.reduce(y, axis=1)[:, None], 3, axis=1)
    fine, last, earlier = (stage(name) for name in ("fine", "last", "earlier"))
    features, scatters = fine(train), scatters_of(changes)
    local = local_subspaces(scatters)
    shifted = with_shift(local[:, :, :-1], features, train)
    contrastive = contrastive_subspaces(scatters, features, train)
    return {
        "as shipped": Variant(inputs=fine, labels=y),
        "without the margin": Variant(inputs=fine, labels=y, recipe=PartRecipe(margin=0.0)),
        "logits not on the scale of reals": Variant(inputs=fine, labels=y, on_scale=False),
        "less the rest of the face": Variant(inputs=less_rest("fine"), labels=y),
        "beside the rest of the face": Variant(inputs=beside(fine, rest_of("fine")), labels=y),
        "beside the other parts": Variant(inputs=beside(fine, others("fine")), labels=y),
        f"less {SHARED} directions that parts share": within(without_shared(scatters), y),
        "last stage": Variant(inputs=last, labels=y),
        "last stage, less the rest": Variant(inputs=less_rest("last"), labels=y),
        "last two stages": Variant(inputs=beside(fine, last), labels=y),
        "the stage before, of stride 16 too": Variant(inputs=earlier, labels=y),
        "both stages of stride 16": Variant(inputs=beside(fine, earlier), labels=y),
        f"in LFD's subspaces, rank {RANK}": within(local, y),
        "the same with the mean shift": within(shifted, y),
        "in contrastive subspaces": within(contrastive, y),
        "of the whole embedding": Variant(
            inputs=lambda rows: np.stack([rows["embedding"]] * 3), labels=y
        ),
        "labels of whole faces": Variant(inputs=fine, labels=faces),
    }


def drawn_variants(train: Rows, seed: int) -> dict[str, Variant]:
    """By name, those in which something is drawn, with `seed`."""
    y, fine = train["y"], stage("fine")
    dim = train["fine"].shape[-1]
    rngs = (np.random.default_rng([seed, k]) for k in range(3))
    random = np.stack([random_subspace(dim, RANK, rng) for rng in rngs])
    spread = np.random.default_rng(seed).permutation(len(y))
    return {
        "in random subspaces": within(random, y),
        "labels shuffled": Variant(inputs=fine, labels=y[spread]),
    }


def within(bases: NDArray[np.floating], labels: NDArray[np.float32]) -> Variant:
    """As `lesb_roi`, in subspaces with the bases (K, C, r)."""
    fine, narrow = stage("fine"), bases.astype(np.float32)
    return Variant(inputs=lambda rows: fine(rows) @ narrow, labels=labels)


def stage(name: str) -> Inputs:
    return lambda rows: np.ascontiguousarray(rows[name][:, :-1].transpose(1, 0, 2))


def rest_of(name: str) -> Inputs:
    """The mean over what belongs to no part, the same for each."""
    return lambda rows: np.repeat(rows[name][None, :, -1], len(PARTS.parts), axis=0)


def less_rest(name: str) -> Inputs:
    """As `lesb_roi` once had it: the mean over what belongs to no part is taken off."""
    parts, rest = stage(name), rest_of(name)
    return lambda rows: parts(rows) - rest(rows)


def others(name: str) -> Inputs:
    """The mean of the other parts."""
    parts = stage(name)
    return lambda rows: (parts(rows).sum(axis=0) - parts(rows)) / (len(PARTS.parts) - 1)


def beside(first: Inputs, second: Inputs) -> Inputs:
    """Features of both, one after the other."""
    return lambda rows: np.concatenate([first(rows), second(rows)], axis=2)


def scatters_of(changes: NDArray[np.float32]) -> Scatters:
    """Of the features in each part, what a change of this and of every other part does to them.

    Of `changes` (N, K, M, K, C).
    """
    return {
        name: {
            other: Scatter(changes.shape[-1]).update(changes[:, j, :, k])
            for j, other in enumerate(PARTS.names)
        }
        for k, name in enumerate(PARTS.names)
    }


def local_subspaces(scatters: Scatters) -> NDArray[np.float64]:
    """(K, C, r) of what psi does to the features of each part."""
    return np.stack([fit_subspace(each[name], RANK).basis for name, each in scatters.items()])


def without_shared(scatters: Scatters) -> NDArray[np.float64]:
    """(K, C, C - SHARED): all but the directions along which the parts together vary most."""
    own = [each[name].within for name, each in scatters.items()]
    total = np.sum([each / np.trace(each) for each in own], axis=0)
    return np.stack([np.linalg.eigh(total)[1][:, :-SHARED]] * len(own))


def with_shift(
    bases: NDArray[np.float64], features: NDArray[np.float32], train: Rows
) -> NDArray[np.float64]:
    """(K, C, r + 1): where the features (K, n, C) of a part go when it alone is changed, too."""
    reals = train["family"] == ""
    single = np.nansum(train["y"], axis=1) == 1
    found = []
    for k, basis in enumerate(bases):
        changed = features[k][single & (train["y"][:, k] == 1)]
        shift = (changed.mean(axis=0) - features[k][reals].mean(axis=0)).astype(np.float64)
        found.append(np.linalg.qr(np.concatenate([basis, shift[:, None]], axis=1))[0])
    return np.stack(found)


def contrastive_subspaces(
    scatters: Scatters, features: NDArray[np.float32], train: Rows
) -> NDArray[np.float64]:
    """(K, C, r): each part's changes against the others', persons and quality, as `lesb_gep`."""
    weights = weights_of(GepFitOptions())
    face = np.cumsum(train["clean"]) - 1  # the clean image comes first of each face
    distorted = (train["family"] == "") & ~train["clean"]
    found = []
    for (name, each), own in zip(scatters.items(), features.astype(np.float64), strict=True):
        clean = own[train["clean"]]
        moved = own[distorted] - clean[face[distorted]]
        identity, noise = np.cov(clean.T, bias=True), moved.T @ moved / len(moved)
        method = Contrastive(identity=identity, noise=noise, weights=weights)
        found.append(method.solve(each, name, RANK).basis)
    return np.stack(found)


def measured(
    unseen: NDArray[np.float64],
    found: NDArray[np.float64],
    val: Rows,
    real: Rows,
    on_scale: bool,
) -> list[float]:
    """The figures of a row, of logits (K, n) of val and of `manipulated`."""
    pairs, clean = ~val["clean"], val["clean"]
    calibration = fit_calibration(unseen[:, clean], unseen[:, pairs], val["y"][pairs])
    if not on_scale:
        count = len(unseen)
        calibration = Calibration(mean=np.zeros(count), deviation=np.ones(count))
    z_val, z = calibration.standardise(unseen), calibration.standardise(found)
    parts_val, parts = calibration.contrast(unseen), calibration.contrast(found)
    fake = (val["family"] != "").astype(np.int64)
    fusion = choose_fusion(
        val["logit"][pairs], z_val[:, pairs], fake[pairs], val["logit"][clean], z_val[:, clean]
    )
    reals = parts[:, real["label"] == 0]
    single = np.isin(real["region"], PARTS.names)
    labels = (real["region"][:, None] == np.array(PARTS.names)).astype(float)
    whole = localisation(parts[:, single], labels[single], reals)
    by_group = [
        localisation(parts[:, kept], labels[kept], reals).right_part
        for words in GROUPS.values()
        for kept in [single & np.array([any(w in m for w in words) for m in real["method"]])]
    ]
    on_val = localisation(parts_val[:, pairs], val["y"][pairs], parts_val[:, clean]).right_part
    detection = [
        auc(real["label"], scores) for scores in (fusion.logits(real["logit"], z), real["logit"])
    ]
    numbers = [on_val, whole.right_part, *by_group, whole.redundancy, whole.part_auc.mean()]
    return [float(value) for value in [*numbers, *detection]]


if __name__ == "__main__":
    run_script(main)
