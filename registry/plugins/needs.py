"""Find what a detector still lacks before it can run (weights, artefacts), all at once, without
torch.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from registry.errors import BenchError, ConfigError, DataError, NotFittedError
from registry.files import weights_dir
from registry.plugins.chosen import Chosen, ChosenBackbone, check_member
from registry.results.fit_report import artefact_file
from registry.settings.shared import DetectorSettings, ModelSettings
from registry.settings.tasks import ScoredDataSettings
from registry.urls import refuse_url

__all__ = [
    "HUB",
    "PRETRAINED",
    "RANDOM",
    "Absent",
    "check_needs",
    "find_weights",
    "how_to_fit",
    "is_no_file",
    "kept_places",
    "named_data",
    "wrapper_file",
]

# Weights that are no file: drawn, timm's own from its hub, or any others from there.
RANDOM, PRETRAINED, HUB = "random", "pretrained", "hf-hub:"
# Settings that the complete command names anyway.
_NAMED = {
    "backbone", "dataset", "detector", "fit_on", "train", "val", "weights", "wrap",
    "wrapper_artefact",
}  # fmt: skip
_SUFFIXES = (".safetensors", ".pth", ".pt", ".tar", ".bin", ".ckpt")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Need:
    """One missing thing: the error that describes it, and what the full command adds."""

    error: BenchError
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Missing data: why, under which flag it was named, and how ("" for not at all).

    A registered set `needs_root`: it keeps its name, and its folder is asked for.
    """

    error: BenchError
    flag: str
    name: str = ""
    needs_root: bool = False


def check_needs(
    chosen: Chosen,
    config: ModelSettings,
    absent: Callable[[], Iterable[Absent]] = tuple,
) -> None:
    """Raise a BenchError for everything missing: one sentence for one thing, else a list.

    Weights, the wrapper's artefact and the detector's; where one of these is missing, also the
    data that `absent` finds. Nothing can be missing for a model that its family of backbones does
    not have: that comes first. Opens no file, and loads no torch unless a family does to list its
    models; wrong contents of a file are reported when it is read.
    """
    missing = [] if chosen.backbone is None else list(_missing(chosen, chosen.backbone, config))
    if chosen.backbone is not None and missing:
        check_member(chosen.backbone)
    data = list(absent()) if missing else []
    missing += [_Need(error=each.error) for each in data]
    if len(missing) == 1:
        raise missing[0].error
    if missing:
        listed = [
            line for number, need in enumerate(missing, 1) for line in _listed(number, need.error)
        ]
        whole = f"  {_whole_command(config, missing, data)}"
        raise ConfigError(
            f"{len(missing)} things are missing:",
            *listed,
            "with all of them, the command is:",
            whole,
        )


def _listed(number: int, error: BenchError) -> Iterator[str]:
    """Yield the lines of one of several errors."""
    for k, line in enumerate(str(error).splitlines()):
        yield f"     {line}" if k else f"  {number}. {line}"


def find_weights(chosen: ChosenBackbone, weights: str | None) -> str | None:
    """Return `weights`, else the file in the folder for weights if it needs one, else None.

    A ConfigError says which file is needed if there is none.
    """
    if weights is not None or not chosen.spec.needs_weights:
        return weights
    found = next((path for path in kept_places(chosen) if path.is_file()), None)
    if found is None:
        raise ConfigError(_no_weights(chosen))
    return str(found)


def kept_places(chosen: ChosenBackbone) -> list[Path]:
    """List where the backbone's weights file may be in the folder for weights, first choice
    first.

    Under its published names, or under the backbone's own.
    """
    own = chosen.name.replace("/", "_")
    names = (*chosen.spec.weights_names, *(own + each for each in _SUFFIXES))
    return [weights_dir() / name for name in names]


def _no_weights(chosen: ChosenBackbone) -> str:
    first = kept_places(chosen)[: max(1, len(chosen.spec.weights_names))]
    return (
        f"backbone {chosen.name!r} needs a weights file:"
        f" {chosen.spec.weights_file or 'see its documentation'}. Put it at"
        f" {' or '.join(map(str, first))} (`bench weights add FILE` does), or pass --weights PATH."
        f" Ready without a file: {', '.join(chosen.ready) or 'none'}; --weights random runs it"
        " untrained"
    )


def _missing(chosen: Chosen, backbone: ChosenBackbone, config: ModelSettings) -> Iterator[_Need]:
    """Yield what is missing, in the order in which a user needs it."""
    try:
        weights = find_weights(backbone, config.weights)
        _check_file(backbone, weights)
    except BenchError as error:
        yield _Need(error=error, flags=("--weights", config.weights or "FILE"))
        weights = config.weights or "FILE"
    yield from _of_wrapper(chosen, config)
    if isinstance(config, DetectorSettings):
        yield from _of_detector(chosen, backbone, config, weights)


def _check_file(backbone: ChosenBackbone, weights: str | None) -> None:
    if weights is not None and not is_no_file(weights) and not _may_be_there(weights):
        refuse_url(weights)
        raise DataError(
            f"no weights file at {weights}; pass the file for backbone {backbone.name!r} as"
            " --weights, or --weights random to run it untrained"
        )


def is_no_file(weights: str) -> bool:
    """Say whether `weights` is a keyword for weights and not a path."""
    return weights in {RANDOM, PRETRAINED} or weights.startswith(HUB)


def _may_be_there(path: str) -> bool:
    """Return False for a path that does not exist; unreadable ones fail when they are read."""
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError, ValueError):
        return True


def wrapper_file(config: ModelSettings) -> Path:
    """Return the artefact for the wrapper of `config`; a BenchError if none is named or found."""
    if config.wrapper_artefact is None:
        raise ConfigError(
            f"--wrap {config.wrap} needs what it wraps with; pass {_wrapper_flag(config)} DIR, the"
            " folder that `bench fit --out` wrote"
        )
    return artefact_file(Path(config.wrapper_artefact))


def _wrapper_flag(config: ModelSettings) -> str:
    return "--artefact" if isinstance(config, DetectorSettings) else "--wrap-artefact"


def _of_wrapper(chosen: Chosen, config: ModelSettings) -> Iterator[_Need]:
    if chosen.wrapper is None:
        return
    try:
        wrapper_file(config)
    except BenchError as error:
        unnamed = config.wrapper_artefact is None
        yield _Need(error=error, flags=(_wrapper_flag(config), "DIR") if unnamed else ())


def _of_detector(
    chosen: Chosen, backbone: ChosenBackbone, config: DetectorSettings, weights: str | None
) -> Iterator[_Need]:
    """Yield an artefact that is named and missing, or needed and certainly not registered."""
    if config.detector_artefact is not None:
        try:
            artefact_file(Path(config.detector_artefact))
        except BenchError as error:
            yield _Need(error=error)
        return
    fitted_first = isinstance(config, ScoredDataSettings) and bool(config.fit_on)
    registered = any(each.backbone == backbone.name for each in chosen.artefacts)
    if chosen.detector.needs_artefact and not (fitted_first or registered or config.wrap):
        named = replace(config, weights=weights)
        yield _Need(error=NotFittedError(*how_to_fit(named)), flags=("--fit-on", "FACES"))


def how_to_fit(config: DetectorSettings, weights_sha256: str = "") -> tuple[str, ...]:
    """Return lines that say that no artefact is fitted for a backbone, and how to fit one."""
    named = shlex.join(config.backbone_flags)
    out = f"runs/{config.detector}_{(config.backbone or '').replace('/', '_')}"
    of_weights = f" with weights {weights_sha256[:12]}" if weights_sha256 else ""
    missing = (
        f"detector {config.detector!r} has no fitted artefact for backbone"
        f" {config.backbone or ''!r}{of_weights}. Fit one on real faces (DIR: a manifest"
        " or folder with train and val faces; `toy` to try it out):"
    )
    fit = f"  bench fit --detector {config.detector} {named} --train DIR --out {out}"
    use = (
        f"then pass {_as_artefact(config)}--artefact {out}, or let eval fit one and keep"
        " it with --fit-on DIR"
    )
    return missing, fit, use


def _as_artefact(config: DetectorSettings) -> str:
    """Return the flags needed first where `--artefact` alone would be the wrapper's."""
    if config.wrap is None:
        return ""
    return shlex.join(["--wrap-artefact", str(config.wrapper_artefact)]) + " "


def _command(config: ModelSettings) -> str:
    """Return the subcommand of a configuration: the name of its folder of YAML files."""
    return str(getattr(config, "folder", "eval"))


def named_data(config: ModelSettings) -> Iterator[tuple[str, str]]:
    """Yield flag and name of all data that a configuration names."""
    fields = {"--dataset": "dataset", "--fit-on": "fit_on", "--train": "train", "--val": "val"}
    for flag, field in fields.items():
        for name in getattr(config, field, ()):
            yield flag, name


def _whole_command(config: ModelSettings, missing: list[_Need], data: list[Absent]) -> str:
    """Return the intended command, with everything that it lacks."""
    added = [flag for need in missing for flag in need.flags]
    named = replace(config, weights=None) if "--weights" in added else config
    line = ["bench", _command(config), "--detector", named.detector, *named.backbone_flags, *added]
    gone = {(each.flag, each.name) for each in data if not each.needs_root}
    for flag, name in named_data(config):
        place = "DATA" if flag == "--dataset" else "FACES"
        line += [flag, place if (flag, name) in gone else name]
    line += [part for each in data if not each.name for part in (each.flag, "FACES")]
    line += ["--data-root", "DIR"] * any(each.needs_root for each in data)
    return shlex.join([*line, *_other_flags(config)])


def _other_flags(config: ModelSettings) -> Iterator[str]:
    """Yield the other settings as flags: lists item by item, options of plugins by `--set`."""
    for each in fields(config):
        value, flag = getattr(config, each.name), each.name.replace("_", "-")
        if each.name in _NAMED or value is None or value in (each.default, (), {}):
            continue
        if isinstance(value, bool):
            yield f"--{flag}" if value else f"--no-{flag}"
        elif isinstance(value, Mapping):
            yield from (
                part for key in value for part in ("--set", f"{each.name}.{key}={value[key]}")
            )
        else:
            items = value if isinstance(value, tuple) else (value,)
            yield from (part for item in items for part in (f"--{flag}", str(item)))
