"""Configuration: frozen dataclasses, a YAML file over them, `--set a.b=1` over that, flags on top.

An unknown key is an error with a suggestion, and every value is checked against its field's
annotation. Text is converted (`"32"` to 32, `"none"` to None), nothing else is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

from registry.coercion import build, check
from registry.errors import ConfigError, did_you_mean

T = TypeVar("T")

__all__ = [
    "EvalConfig",
    "FitConfig",
    "PredictConfig",
    "ScoringConfig",
    "as_yaml",
    "config_dir",
    "load_yaml",
    "merge",
    "option",
    "resolve",
    "resolve_options",
]


def option(default: Any, help_text: str, *aliases: str, **limits: float) -> Any:
    """A field with its line of help; `min` and `max` bound a number, `aliases` are more flags."""
    return field(default=default, metadata={"help": help_text, "aliases": aliases, **limits})


def _options() -> Any:
    return field(default_factory=dict, metadata={"help": "the detector's own options"})


@dataclass(frozen=True, kw_only=True)
class EvalConfig:
    """What `bench eval` does; the same names are flags, YAML keys and arguments of `evaluate`."""

    folder: ClassVar[str] = "eval"

    detector: str = option("lesb", "detector to evaluate (`bench list detectors`)")
    backbone: str | None = option("sbi_efflite0", "backbone to use (`bench list backbones`)")
    weights: str | None = option(None, "weights of the backbone: a file, or 'random' for none")
    checkpoint_selection: Literal["unknown", "val", "last", "test"] = option(
        "unknown", "data on which --weights was chosen among checkpoints, as its makers say"
    )
    artefact: str | None = option(None, "what `bench fit` wrote: its folder or file")
    fit_on: tuple[str, ...] = option((), "fit on this data first where no artefact is given")
    dataset: tuple[str, ...] = option(
        ("toy",), "data to score: a path, a registered name, or kind:NAME"
    )
    split: str = option("test", "split of the data to score")
    data_root: str | None = option(None, "folder that the paths in an index of the data start from")
    json_dir: str | None = option(
        None, "folder of DeepfakeBench's JSON files; by default at --data-root", "--json"
    )
    compression: Literal["raw", "c23", "c40"] | None = option(
        None, "compression level of FaceForensics++ and its kin; by default the JSON's own, or c23"
    )
    path_map: tuple[str, ...] = option((), "OLD=NEW: rewrite the start of listed paths")
    min_resolved: float = option(
        0.99, "share of the listed frames of each label that must be there", min=0, max=1
    )
    label_map: str | None = option(None, "YAML file: which labels of an index are fake")
    out: str | None = option(None, "folder of the run; by default a name of its own under runs/")
    frames: int = option(32, "frames taken of each video", min=1)
    frame_policy: Literal["linspace", "first", "all"] = option(
        "linspace", "which: evenly spread, the first, or all whatever --frames says"
    )
    landmarks: str | None = option(None, "landmark predictor file for data without landmarks")
    landmarker: str | None = option(None, "landmarker to use (`bench list landmarkers`)")
    face_detector: str = option("dlib", "face detector to use (`bench list face-detectors`)")
    crop_from: Literal["auto", "landmarks", "detector", "frame"] = option(
        "auto",
        "where the face box comes from; auto: landmarks where there are any; frame: images are face"
        " crops already and taken whole",
    )
    metrics: tuple[str, ...] = option(
        ("auc", "ap", "eer", "accuracy", "tpr_at_fpr_1", "tpr_at_fpr_5"),
        "metrics to compute (`bench list metrics`)",
    )
    profile: Literal["strict", "deepfakebench"] = option(
        "strict", "how metrics are computed; deepfakebench as that benchmark does, faults included"
    )
    draws: int = option(2000, "bootstrap draws of an interval; 0 for none", min=0)
    seed: int = option(0, "seed of everything random", min=0)
    batch_size: int = option(16, "face crops per forward pass", min=1)
    chunk: int = option(256, "frames per chunk, the unit in which a run resumes", min=1)
    workers: int = option(2, "workers that read and crop frames", min=0)
    threads: int | None = option(None, "threads of the computation; by default torch's", min=1)
    device: str = option("auto", "cpu, cuda, cuda:N, mps, or auto")
    precision: Literal["float32", "bfloat16"] = option("float32", "precision of the backbone")
    max_errors: float = option(0.05, "faces that may fail: a fraction below 1, else a count", min=0)
    cache: bool = option(True, "keep embeddings, so that another detector needs no forward pass")
    overwrite: bool = option(False, "score afresh where --out holds finished work of other weights")
    reporters: tuple[str, ...] = option(("html",), "reports to write (`bench list reporters`)")
    quiet: bool = option(False, "no progress bars")
    options: Mapping[str, Any] = _options()

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """What `bench fit` does; the same names are flags, YAML keys and arguments of `fit`."""

    folder: ClassVar[str] = "fit"

    detector: str = option("lesb", "detector to fit (`bench list detectors`)")
    backbone: str | None = option("sbi_efflite0", "backbone to fit it on (`bench list backbones`)")
    weights: str | None = option(None, "weights of the backbone: a file, or 'random' for none")
    train: tuple[str, ...] = option((), "real faces to learn from: a path, a name, or kind:NAME")
    val: tuple[str, ...] = option((), "data to stop on; by default the val split of --train")
    data_root: str | None = option(None, "folder that the paths in an index of the data start from")
    json_dir: str | None = option(
        None, "folder of DeepfakeBench's JSON files; by default at --data-root", "--json"
    )
    compression: Literal["raw", "c23", "c40"] | None = option(
        None, "compression level of FaceForensics++ and its kin; by default the JSON's own, or c23"
    )
    path_map: tuple[str, ...] = option((), "OLD=NEW: rewrite the start of listed paths")
    min_resolved: float = option(
        0.99, "share of the listed frames of each label that must be there", min=0, max=1
    )
    label_map: str | None = option(None, "YAML file: which labels of an index are fake")
    out: str | None = option(None, "folder of the artefact; by default runs/DETECTOR_BACKBONE")
    landmarks: str | None = option(None, "landmark predictor file for data without landmarks")
    landmarker: str | None = option(None, "landmarker to use (`bench list landmarkers`)")
    face_detector: str = option("dlib", "face detector to use (`bench list face-detectors`)")
    crop_from: Literal["auto", "landmarks", "detector", "frame"] = option(
        "auto",
        "where the face box comes from; auto: landmarks where there are any; frame: images are face"
        " crops already and taken whole",
    )
    seed: int = option(0, "seed of everything random", min=0)
    batch_size: int = option(16, "face crops per forward pass", min=1)
    workers: int = option(2, "workers that read, augment and crop", min=0)
    threads: int | None = option(None, "threads of the computation; by default torch's", min=1)
    device: str = option("auto", "cpu, cuda, cuda:N, mps, or auto")
    precision: Literal["float32", "bfloat16"] = option("float32", "precision of the backbone")
    max_errors: float = option(0.05, "faces that may fail: a fraction below 1, else a count", min=0)
    overwrite: bool = option(False, "replace an artefact that is there")
    tensorboard: bool = option(True, "write curves, pictures and embeddings for TensorBoard")
    quiet: bool = option(False, "no progress bars")
    options: Mapping[str, Any] = _options()

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class ScoringConfig:
    """What scores the faces in files, and how; a command adds fields of its own."""

    folder: ClassVar[str]

    detector: str = option("lesb", "detector that scores (`bench list detectors`)")
    backbone: str | None = option("sbi_efflite0", "backbone to use (`bench list backbones`)")
    weights: str | None = option(None, "weights of the backbone: a file, or 'random' for none")
    artefact: str | None = option(None, "what `bench fit` wrote: its folder or file")
    frames: int = option(32, "frames taken of each video", min=1)
    frame_policy: Literal["linspace", "first", "all"] = option(
        "linspace", "which: evenly spread, the first, or all whatever --frames says"
    )
    landmarks: str | None = option(None, "landmark predictor file")
    landmarker: str | None = option(None, "landmarker to use (`bench list landmarkers`)")
    face_detector: str = option("dlib", "face detector to use (`bench list face-detectors`)")
    crop_from: Literal["auto", "landmarks", "detector", "frame"] = option(
        "auto",
        "where the face box comes from; auto: landmarks, by dlib where no other landmarker is"
        " named; frame: images are face crops already and taken whole",
    )
    seed: int = option(0, "seed of everything random", min=0)
    batch_size: int = option(16, "face crops per forward pass", min=1)
    workers: int = option(2, "workers that read and crop frames", min=0)
    threads: int | None = option(None, "threads of the computation; by default torch's", min=1)
    device: str = option("auto", "cpu, cuda, cuda:N, mps, or auto")
    precision: Literal["float32", "bfloat16"] = option("float32", "precision of the backbone")
    quiet: bool = option(False, "no progress bars")
    options: Mapping[str, Any] = _options()

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class PredictConfig(ScoringConfig):
    """What `bench predict` does; the same names are flags, YAML keys and arguments of `predict`."""

    folder: ClassVar[str] = "predict"

    json: bool = option(False, "JSON lines: one object per file, with every frame and face")
    out: str | None = option(None, "file to write the lines to, instead of standard output")


def resolve(
    cls: type[T],
    file: str | Path | None = None,
    sets: Sequence[str] = (),
    flags: Mapping[str, Any] | None = None,
) -> T:
    """Defaults < `file` < `sets` ("a.b=1") < `flags`, checked; ConfigError names the bad key.

    `file` is a path or the name of a YAML shipped in the folder `cls.folder`.
    """
    return build(cls, merge(cls, file, sets, flags or {}))


def merge(
    cls: type[Any], file: str | Path | None, sets: Sequence[str], flags: Mapping[str, Any]
) -> dict[str, Any]:
    """The layers above the defaults as one unchecked mapping."""
    values = load_yaml(cls.folder, str(file)) if file is not None else {}
    for text in sets:
        values = _overlay(values, _parse_set(text))
    return _overlay(values, flags)


def resolve_options(cls: type[T] | None, options: Mapping[str, Any]) -> T | None:
    """An instance of a detector's or explainer's options; `cls` is None where it has none."""
    if cls is not None:
        return build(cls, options, prefix="options.")
    if options:
        raise ConfigError(f"there are no options to set, got {', '.join(sorted(options))}")
    return None


def config_dir() -> Path:
    """The shipped YAML files: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "configs", package.parent / "configs"):
        if folder.is_dir():
            return folder
    raise ConfigError(f"no folder 'configs' in {package} or beside it; reinstall the package")


def load_yaml(folder: str, name_or_path: str) -> dict[str, Any]:
    """A YAML mapping: `configs/<folder>/<name>.yaml` for a plain name, else the file at a path."""
    asked = Path(name_or_path)
    if asked.suffix in {".yaml", ".yml"} or len(asked.parts) != 1:
        path = asked
    else:
        path = config_dir() / folder / f"{name_or_path}.yaml"
    if not path.is_file():
        shipped = sorted(each.stem for each in (config_dir() / folder).glob("*.yaml"))
        raise ConfigError(
            f"no configuration {name_or_path!r};{did_you_mean(name_or_path, shipped)} "
            f"give the path of a .yaml file or a shipped name of {folder}/: "
            f"{', '.join(shipped) or 'none'}"
        )
    return _read_yaml(path)


def as_yaml(config: Any) -> str:
    """A dataclass as YAML that `resolve` reads back to an equal one."""
    import yaml

    return yaml.safe_dump(_plain(dataclasses.asdict(config)), sort_keys=False, allow_unicode=True)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        node = yaml.compose(path.read_text("utf-8"), Loader=yaml.SafeLoader)
        _refuse_duplicates(node, path)
        values = yaml.SafeLoader("").construct_document(node) if node is not None else {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold a mapping of keys, got {type(values).__name__}")
    return values


def _refuse_duplicates(node: Any, path: Path) -> None:
    """A key given twice is an error; PyYAML would silently take the last."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ConfigError(f"{path}, line {line}: the key {key.value!r} is given twice")
            seen.add(key.value)
            _refuse_duplicates(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _refuse_duplicates(each, path)


def _parse_set(text: str) -> dict[str, Any]:
    """`a.b=1` -> {"a": {"b": "1"}}; a value in [] or {} is YAML, any other is text."""
    import yaml

    key, equals, value = text.partition("=")
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"--set {text!r} is not of the form key=value or options.key=value")
    parsed: Any = value.strip()
    if parsed.startswith(("[", "{")):
        try:
            parsed = yaml.safe_load(parsed)
        except yaml.YAMLError as error:
            raise ConfigError(
                f"--set {text!r} is not YAML: {' '.join(str(error).split())}"
            ) from error
    for part in reversed(parts):
        parsed = {part: parsed}
    return dict(parsed)


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`; mappings are merged key by key, neither argument is changed."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(under, Mapping)
        merged[key] = _overlay(under, value) if both else value  # type: ignore[arg-type]
    return merged
