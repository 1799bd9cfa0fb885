"""What each ingredient of `lesb_roi` is worth. Run by hand:

    python tests/benchmarks/roi_ablation.py collect DATA OUT --backbone sbi_efflite0
    python tests/benchmarks/roi_ablation.py table OUT

DATA holds the folders portraits, ffhq512, ffhq256 and manipulated. `collect` makes pseudo-fakes of
real faces and keeps what the backbone gives for them and for `manipulated`; `table` fits every
variant on the pseudo-fakes of the train split and measures them on `manipulated`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lesb_plugin.lesb.styled import StyledFakes, for_validation
from lesb_plugin.lesb.train.pairs import pair_maker
from lesb_plugin.lesb.train.store import build_store
from lesb_plugin.lfd.presets import psi_preset, region_preset
from lesb_plugin.lfd.variants import Skipped, VariantDataset
from lesb_plugin.roi.dataset import PartFakes
from lesb_plugin.roi.pooling import part_weights, pool
from registry import crop_face, progress
from registry.data import FaceReader, find_videos, samples
from registry.plugins import load_plugins

REAL = ("portraits", "ffhq512", "ffhq256")
PARTS = region_preset("eyes_nose_mouth")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="what", required=True)
    collecting = commands.add_parser("collect")
    collecting.add_argument("data", type=Path)
    collecting.add_argument("out", type=Path)
    collecting.add_argument("--backbone", default="sbi_efflite0")
    collecting.add_argument("--weights")
    collecting.add_argument("--split", default="dev", help="of manipulated")
    collecting.add_argument("--train-faces", type=int, default=150)
    collecting.add_argument("--val-faces", type=int, default=60)
    collecting.add_argument("--fakes", type=int, default=8, help="pairs per face")
    collecting.add_argument("--variants", type=int, default=4, help="psi variants for LFD")
    args = parser.parse_args()
    collect(args)


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
    features = backbone.fine_features(pixels)
    embedding = backbone.embed(features).numpy()
    rows = []
    last = features.map.numpy()
    fine = last if features.fine is None else features.fine.numpy()
    logit = backbone.head(torch.from_numpy(embedding))
    for i, points in enumerate(landmarks):
        weights = {
            name: part_weights(points, PARTS, images.shape[1], grid.shape[2:])
            for name, grid in (("fine", fine), ("last", last))
        }
        rows.append({
            "embedding": embedding[i], "logit": np.nan if logit is None else logit[i].item(),
            "map": fine[i].astype(np.float16), "weights": weights["fine"],
            "fine": pool(fine[i : i + 1], weights["fine"][None])[0],
            "last": pool(last[i : i + 1], weights["last"][None])[0],
        })  # fmt: skip
    return rows


def rows_of_manipulated(args: argparse.Namespace, backbone: Any) -> list[dict[str, Any]]:
    videos = find_videos(str(args.data / "manipulated"), args.split, load_plugins())
    rows = []
    for video in progress(videos, "manipulated", total=len(videos), unit="face", quiet=False):
        image, faces = FaceReader(plugins=load_plugins()).read(video.frames[0])
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
        found += samples(videos, FaceReader(plugins=load_plugins()))[: count // len(REAL)]
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
        maker = pair_maker(store, backbone.crop, "clean", purpose=f"fit {split}")
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
    """Pooled in their own part: (K, M, C) of each face."""
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
        for k, images in enumerate(item.images):
            rows = seen(backbone, images, np.repeat(points[None], len(images), 0))
            per_part.append(np.stack([row["fine"][k] for row in rows]))
        found.append({"variants": np.stack(per_part)})
    return found


if __name__ == "__main__":
    main()
