"""Validate weights as they are on the pseudo-fakes that `bench train` selects by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from lesb_plugin.pseudo_fakes.pairs import load_recipe
from lesb_plugin.train.checkpoint import save_weights
from lesb_plugin.train.options import ValidateConfig
from lesb_plugin.train.val_set import val_set
from lesb_plugin.train.validation import ValSet, Verdict, verdict
from registry import (
    Backbone,
    ConfigError,
    CountedFigure,
    Sample,
    TrainableBackbone,
    TrainableNetwork,
    file_sha256,
    opened_folder,
    prepare_training,
    scratch_folder,
)

__all__ = ["Validation", "validate"]

Row = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A verdict, its numbers of images, and what was written.

    `counts` are the images by family ("" for reals), `sha256` that of the file, "" for none.
    """

    verdict: Verdict
    counts: dict[str, int]
    people: int
    sha256: str

    @property
    def above_half(self) -> tuple[float, float, float]:
        """Return the share of the reals above 0.5, and its exact 95 % interval.

        Images of one person are alike, so that the interval is that of as many images as people.
        """
        reals = self.verdict.reals
        share, people = float((reals > 0).mean()), min(self.people, len(reals))
        return share, *CountedFigure.ends_of_share(share * people, people)

    def rows(self) -> Sequence[Row]:
        """Return the rows of a table: pseudo-fakes, their number, AUC, its 95 % interval over
        people.
        """
        found = self.verdict
        fakes = sum(count for name, count in self.counts.items() if name)
        interval = f"[{found.low:.4f}, {found.high:.4f}]"
        families = ((name, str(self.counts[name]), f"{value:.4f}", "")
                    for name, value in found.families.items())  # fmt: skip
        return [("all", str(fakes), f"{found.auc:.4f}", interval), *families]


def validate(config: ValidateConfig) -> Validation:
    """Validate the weights that `config` names; if it names `out`, write them with 0.5
    recalibrated.

    BenchErrors say what to change.
    """
    load_recipe(config.val_style)  # what is wrong there is said at once
    _check_asked(config)
    if config.out is None:
        return _validate(config)
    with opened_folder(Path(config.out).parent):
        return _validate(config)


def _validate(config: ValidateConfig) -> Validation:
    inputs = prepare_training(config)
    network = _with_own_head(inputs.backbone)
    with scratch_folder("validate") as scratch:
        val = val_set(
            config, _chosen_faces(config, inputs.train, inputs.val), inputs.backbone.crop, scratch
        )
        found = verdict(
            cast(nn.Module, network).to(inputs.device),
            val,
            device=inputs.device,
            precision=config.precision,
            quiet=config.quiet,
        )
        counts, people = _counts(val), len(set(val.people.tolist()))
    sha256 = ""
    if config.out is not None and config.flagged is not None:
        of = _origin(cast(Backbone, inputs.backbone))
        data = {"datasets": inputs.datasets, "data_fingerprint": inputs.data_fingerprint}
        record = {"of": of, "val": found.record(), **data, **_settings(config)}
        shift = found.exceeded_by(config.flagged)
        save_weights(Path(config.out), network, {"validation": record}, shift, exact=True)
        sha256 = file_sha256(Path(config.out))
    return Validation(verdict=found, counts=counts, people=people, sha256=sha256)


def _chosen_faces(
    config: ValidateConfig, train: Sequence[Sample], val: Sequence[Sample]
) -> Sequence[Sample]:
    """Return the faces of the split that `config` names.

    Of train as many as val has, so that intervals compare, spaced evenly over all sources.
    """
    if config.split == "val":
        return val
    count = min(len(val), len(train))
    return [train[each * len(train) // count] for each in range(count)]


def _check_asked(config: ValidateConfig) -> None:
    """Check the arguments themselves."""
    if not config.train:
        raise ConfigError(
            "nothing to validate on; pass --train DATA as in training, whose val split is"
            " used, or name data with --val"
        )
    if config.split == "train" and (config.val or config.flagged is not None):
        given = "--val" if config.val else "--flagged"
        raise ConfigError(
            f"--split train does not go with {given}: faces that the network was trained on show"
            " how well it fits them; thresholds and choices need others; omit one of the two"
        )
    if (config.out is None) != (config.flagged is None):
        given, other = (
            ("--out", "--flagged X") if config.flagged is None else ("--flagged", "--out")
        )
        raise ConfigError(
            f"{given} needs {other}: --out FILE.safetensors --flagged 0.03 writes the"
            " weights so that this share of val's reals scores above 0.5; omit both to"
            " only measure the AUC"
        )
    if config.out is None:
        return
    out = Path(config.out)
    if out.suffix != ".safetensors":
        raise ConfigError(f"--out is {config.out!r}; weights are written as FILE.safetensors")
    if out.exists() and not config.overwrite:
        raise ConfigError(f"{out} exists already; pass --overwrite to replace it, or another --out")


def _with_own_head(backbone: TrainableBackbone) -> TrainableNetwork:
    """Return the network with the head of its weights, with two classes or one logit.

    Any other head would be replaced by one drawn from the seed, and so differ between two seeds.
    """
    for classes in (2, 1):
        networks = [backbone.trainable(classes, seed) for seed in (0, 1)]
        heads = [list(each.head().parameters()) for each in networks]
        if all(torch.equal(one, other) for one, other in zip(*heads, strict=True)):
            return networks[0]
    raise ConfigError(
        f"the weights of backbone {backbone.name!r} have no real/fake head (two classes,"
        " or one logit of fake) to validate; pass --weights FILE, such as the one that"
        " `bench train` writes, or another --backbone"
    )


def _counts(val: ValSet) -> dict[str, int]:
    families = val.families.tolist()
    return {name: families.count(name) for name in sorted(set(families))}


def _origin(backbone: Backbone) -> dict[str, str]:
    return {
        "backbone": backbone.name,
        "weights": backbone.weights,
        "sha256": backbone.weights_sha256,
    }


def _settings(config: ValidateConfig) -> dict[str, Any]:
    names = ("flagged", "val_style", "val_fakes", "val_reals", "precision")
    settings = {name: getattr(config, name) for name in names}
    return {**settings, "style": asdict(load_recipe(config.val_style))}
