"""Run a training from a configuration until it is finished or stopped, or resume it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from lesb_plugin.pseudo_fakes.order import Order
from lesb_plugin.pseudo_fakes.pairs import PairMaker, load_recipe, pair_maker
from lesb_plugin.train.checkpoint import load_same_run
from lesb_plugin.train.loop import CHECKPOINT, EARLIER, LOG, WEIGHTS, Trainer
from lesb_plugin.train.monitor import stopping, write_png
from lesb_plugin.train.options import TrainConfig
from lesb_plugin.train.parallel import Norms, norms_of, seed_rank, with_norms
from lesb_plugin.train.pictures import example_pairs, pair_sheet
from lesb_plugin.train.val_set import stored_faces, val_set
from registry import (
    ConfigError,
    FreezableNetwork,
    TrainableBackbone,
    as_yaml,
    mark_begun,
    of_first,
    owned_folder,
    package_versions,
    prepare_training,
    scratch_folder,
    this_rank,
    wait_for_all,
    was_begun,
    write_text,
)

__all__ = ["TrainResult", "plan_training", "train"]

CLASSES = 2  # real, fake
_BEGUN = "train"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult:
    """The result of a run: `stopped` says why it ended early, "" if all epochs are done."""

    out: Path
    weights: Path | None
    log: dict[str, Any]
    steps: int
    stopped: str
    interrupted: bool


def train(config: TrainConfig) -> TrainResult:
    """Train as `config` says; BenchErrors say what to change.

    `out` holds weights.safetensors (the best on val), checkpoint.pt, log.json, config.yaml,
    pairs.png and TensorBoard's files.

    Processes that torchrun starts train one network together; the first one writes.
    """
    load_recipe(config.style), load_recipe(config.val_style)  # what is wrong there is said at once
    out = Path(config.out or f"runs/train_{config.backbone.replace('/', '_')}")
    if was_begun(_BEGUN):  # torchrun starts all ranks again when one has died
        there = of_first((out / CHECKPOINT).exists())
        config = replace(config, resume=there, overwrite=not there)
    _refuse_taken(out, config)
    if not this_rank().first:
        return _train(replace(config, quiet=True, tensorboard=False), out)
    with owned_folder(out):
        _refuse_taken(out, config)  # again: another may have trained here in the meantime
        return _train(config, out)


def plan_training(config: TrainConfig) -> list[tuple[str, str]]:
    """Return what `train` would do; raises what it would raise before it begins."""
    load_recipe(config.style), load_recipe(config.val_style)
    out = Path(config.out or f"runs/train_{config.backbone.replace('/', '_')}")
    _refuse_taken(out, config)
    inputs = prepare_training(config)
    _network(config, inputs.backbone)
    steps = Order(len(inputs.train), config.pairs, config.epochs).steps * config.epochs
    return [
        ("backbone", f"{config.backbone}, {inputs.backbone.crop.size} pixels, {inputs.device}"),
        ("faces", f"{len(inputs.train):,} to learn from, {len(inputs.val):,} to validate on"),
        ("styles", f"{config.style}, {config.val_style} to validate"),
        ("steps", f"{steps:,} of {config.pairs} pairs in {config.epochs} epochs"),
        ("out", str(out)),
    ]


def _train(config: TrainConfig, out: Path) -> TrainResult:
    inputs = prepare_training(config)
    norms, saved = norms_of(config, inputs.device), None
    if config.resume:  # a wrong run fails before faces are read
        saved = load_same_run(
            out / CHECKPOINT, inputs.device, config, inputs.data_fingerprint, norms
        )
    crop = inputs.backbone.crop
    with (
        scratch_folder("train") as scratch,
        torch.random.fork_rng(devices=[]),
    ):
        torch.default_generator.manual_seed(config.seed)
        stored = stored_faces(config, inputs.train, scratch / "train", "reading train faces")
        maker = pair_maker(
            stored,
            crop,
            config.style,
            purpose="train",
            seed=config.seed,
            shuffled=config.shuffled_labels,
        )
        trainer = Trainer(
            config=config,
            network=_network(config, inputs.backbone, norms),
            maker=maker,
            val=val_set(config, inputs.val, crop, scratch),
            out=out,
            device=inputs.device,
            data_fingerprint=inputs.data_fingerprint,
            log=_log(config, inputs.datasets, inputs.data_fingerprint, len(stored)),
        )
        if saved is not None:
            trainer.resume(saved)
            saved = None  # as large as the network, its average and the optimiser together
        else:
            seed_rank(config.seed, inputs.device)
            if this_rank().first:
                _begin(out, config, maker)
        with stopping(config.minutes) as stop:
            stopped = trainer.run(stop)
        wait_for_all()  # the first rank's file of faces is all ranks'
    return TrainResult(
        out=out,
        weights=out / WEIGHTS if (out / WEIGHTS).is_file() else None,
        log=trainer.log,
        steps=trainer.done,
        stopped=stopped,
        interrupted=stop.interrupted,
    )


def _network(config: TrainConfig, backbone: TrainableBackbone, norms: Norms = "") -> nn.Module:
    network = with_norms(cast(nn.Module, backbone.trainable(CLASSES, config.seed)), norms)
    if config.frozen:
        if not isinstance(network, FreezableNetwork):
            raise ConfigError(
                f"stages of backbone {backbone.name!r} cannot be frozen; pass --frozen 0"
            )
        network.freeze(config.frozen)
    return network


def _refuse_taken(out: Path, config: TrainConfig) -> None:
    if config.overwrite and config.resume:
        raise ConfigError(
            "--resume continues a run, --overwrite starts a new one; pass only one of them"
        )
    there = [name for name in (CHECKPOINT, WEIGHTS, LOG) if (out / name).exists()]
    if there and not (config.resume or config.overwrite):
        go_on = "--resume to continue that run, " if CHECKPOINT in there else ""
        raise ConfigError(
            f"{out / there[0]} exists already; pass {go_on}--overwrite to start over, or another"
            " --out"
        )


def _begin(out: Path, config: TrainConfig, maker: PairMaker) -> None:
    """Replace an earlier run, only now that everything is read and built."""
    for name in (CHECKPOINT, WEIGHTS, EARLIER, LOG):
        (out / name).unlink(missing_ok=True)
    write_text(out / "config.yaml", as_yaml(config))
    if pairs := example_pairs(maker, 0, 12):
        write_png(out / "pairs.png", pair_sheet(pairs))
    mark_begun(_BEGUN)


def _log(
    config: TrainConfig, datasets: tuple[str, ...], fingerprint: str, faces: int
) -> dict[str, Any]:
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(config).items()}
    packages = ("lesb-plugin", "torch", "timm", "numpy", "opencv-python-headless", "av")
    return {
        "config": plain,
        "style": _plain(asdict(load_recipe(config.style))),
        "datasets": list(datasets),
        "data_fingerprint": fingerprint,
        "faces": faces,
        "versions": package_versions(packages),
        "epochs": [],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (tuple, list)) else value
