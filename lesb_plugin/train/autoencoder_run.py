"""Train the autoencoder that the family `redrawn` uses."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save as to_bytes

from lesb_plugin.pseudo_fakes.autoencoder import SIDE, Autoencoder, box_matrix, cut_box
from lesb_plugin.pseudo_fakes.store import FaceStore, build_store
from lesb_plugin.train.autoencoder_options import AutoencoderConfig
from registry import ConfigError, file_sha256, prepare_faces, progress, replacing, scratch_folder

__all__ = ["AutoencoderResult", "redrawing_loss", "train_autoencoder"]

_BOXES = {"face": 0.5, "eyes": 0.2, "mouth": 0.3}  # how often each is cut
_WARMUP = 100  # steps


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoencoderResult:
    """The file, its sha256, and the loss by epoch on train and on val."""

    path: Path
    sha256: str
    train: tuple[float, ...]
    val: tuple[float, ...]


def train_autoencoder(config: AutoencoderConfig) -> AutoencoderResult:
    """Train on boxes around faces, eyes and mouths, and write the weights as float16.

    BenchErrors say what to change.
    """
    out = _checked(config)
    inputs = prepare_faces(config)
    with scratch_folder("autoencoder") as scratch:
        stores = [
            build_store(
                split,
                scratch / name,
                label=f"reading {name} faces",
                workers=config.workers,
                max_errors=config.max_errors,
                quiet=config.quiet,
            )
            for name, split in (("train", inputs.train), ("val", inputs.val))
        ]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(config.seed)
            network = Autoencoder().to(inputs.device)
            losses = list(_fit(network, stores, config, inputs.device))
    tensors = {
        name: each.detach().to("cpu", torch.float16).contiguous()
        for name, each in network.state_dict().items()
    }
    with replacing(out) as temporary:
        temporary.write_bytes(to_bytes(tensors))
    train, val = zip(*losses, strict=True)
    return AutoencoderResult(path=out, sha256=file_sha256(out), train=train, val=val)


def redrawing_loss(redrawn: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Return the mean absolute difference of images (B, 3, S, S) and of their gradients."""
    loss = (redrawn - images).abs().mean()
    for axis in (2, 3):
        loss = loss + (redrawn.diff(dim=axis) - images.diff(dim=axis)).abs().mean()
    return loss


def _checked(config: AutoencoderConfig) -> Path:
    out = Path(config.out)
    if out.suffix != ".safetensors":
        raise ConfigError(f"--out is {config.out!r}; weights are written as FILE.safetensors")
    if out.exists() and not config.overwrite:
        raise ConfigError(f"{out} exists already; pass --overwrite to replace it, or another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    return out


def _fit(
    network: Autoencoder, stores: Sequence[FaceStore], config: AutoencoderConfig, device: str
) -> Iterator[tuple[float, float]]:
    """Yield losses on train and val after each epoch; leaves the network in eval mode."""
    train, val = stores
    optimiser = torch.optim.AdamW(network.parameters(), lr=config.learning_rate, weight_decay=1e-4)
    per_epoch = math.ceil(len(train) / config.batch)
    steps = config.epochs * per_epoch
    for epoch in progress(range(config.epochs), "epochs", unit="epoch", quiet=config.quiet):
        network.train()
        losses = []
        for number, boxes in enumerate(_batches(train, config, epoch)):
            step = epoch * per_epoch + number
            share = min(1.0, (step + 1) / _WARMUP) * (1 + math.cos(math.pi * step / steps)) / 2
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * share
            loss = redrawing_loss(network(boxes.to(device)), boxes.to(device))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(float(loss.detach()))
        yield float(np.mean(losses)), _measured(network, val, config, device)


@torch.inference_mode()
def _measured(
    network: Autoencoder, store: FaceStore, config: AutoencoderConfig, device: str
) -> float:
    network.eval()
    losses = [
        float(redrawing_loss(network(boxes.to(device)), boxes.to(device)))
        for boxes in _batches(store, config, 0)
    ]
    return float(np.mean(losses))


def _batches(store: FaceStore, config: AutoencoderConfig, epoch: int) -> Iterator[torch.Tensor]:
    """Yield boxes (B, 3, 64, 64) in [0, 1] of every face once, in an order that depends on the
    epoch.
    """
    order = np.random.default_rng([config.seed, epoch]).permutation(len(store))
    for start in range(0, len(order), config.batch):
        rng = np.random.default_rng([config.seed, epoch, start])
        chosen = order[start : start + config.batch]
        boxes = np.stack([_box(store, int(at), rng) for at in chosen])
        yield torch.from_numpy(boxes).permute(0, 3, 1, 2).float() / 255


def _box(store: FaceStore, at: int, rng: np.random.Generator) -> np.ndarray:
    view = store.view(at)
    name = str(rng.choice(list(_BOXES), p=list(_BOXES.values())))
    box = cut_box(view.image, box_matrix(view.landmarks, name, rng))
    mirrored = rng.random() < 0.5
    return np.ascontiguousarray(box[:, ::-1] if mirrored else box).reshape(SIDE, SIDE, 3)
