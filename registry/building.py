"""From the names in a configuration to the objects they stand for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

from registry.config import resolve_options
from registry.data import FaceReader
from registry.errors import BenchError, ConfigError, DataError, PluginError
from registry.inference import Embedder, resolve_device
from registry.plugins import Plugins
from registry.types import ArtefactSpec, Backbone, BackboneSpec, Detector, DetectorContext, DetectorSpec

__all__ = [
    "Loading",
    "build_detector",
    "build_embedder",
    "build_reader",
    "find_artefact",
    "guarded",
]

ARTEFACT_FILE = "artefact.safetensors"
T = TypeVar("T")


class Loading(Protocol):
    """The fields that `bench eval` and `bench fit` have in common."""

    @property
    def detector(self) -> str: ...
    @property
    def backbone(self) -> str | None: ...
    @property
    def weights(self) -> str | None: ...
    @property
    def landmarks(self) -> str | None: ...
    @property
    def landmarker(self) -> str | None: ...
    @property
    def face_detector(self) -> str: ...
    @property
    def crop_from(self) -> str: ...
    @property
    def seed(self) -> int: ...
    @property
    def batch_size(self) -> int: ...
    @property
    def threads(self) -> int | None: ...
    @property
    def device(self) -> str: ...
    @property
    def precision(self) -> str: ...


def guarded(what: str, source: str, call: Callable[..., T], *args: Any) -> T:
    """Call into a plugin: its own BenchErrors pass, anything else becomes a PluginError."""
    try:
        return call(*args)
    except BenchError:
        raise
    except Exception as error:  # noqa: BLE001 - the plugin boundary
        raise PluginError(
            f"{what} of package {source or 'unknown'!r} failed: {type(error).__name__}: {error}"
        ) from error


def build_embedder(plugins: Plugins, config: Loading) -> Embedder:
    """The backbone that `config` names, with its weights, on its device."""
    if config.backbone is None:
        known = plugins.specs("backbone")
        free = [name for name, spec in known.items() if _runs_alone(spec)]
        raise ConfigError(
            f"detector {config.detector!r} needs a backbone; pass --backbone NAME."
            f" Ready without a weights file: {', '.join(free) or 'none'};"
            f" registered: {', '.join(sorted(known))}"
        )
    spec = plugins.get("backbone", config.backbone)
    if config.threads is not None:
        import torch

        torch.set_num_threads(config.threads)
    backbone: Backbone = guarded(
        f"backbone {config.backbone!r}",
        spec.source,
        spec.build,  # type: ignore[attr-defined]
        config.backbone,
        config.weights,
        config.seed,
    )
    return Embedder(
        backbone,
        device=resolve_device(config.device),
        precision=config.precision,
        batch_size=config.batch_size,
    )


def _runs_alone(spec: object) -> bool:
    return isinstance(spec, BackboneSpec) and not spec.needs_weights and spec.members is None


def build_reader(plugins: Plugins, config: Loading) -> FaceReader:
    """What turns a frame into faces with landmarks."""
    return FaceReader(
        crop_from=config.crop_from,
        face_detector=config.face_detector,
        landmarker=config.landmarker,
        predictor=None if config.landmarks is None else Path(config.landmarks),
        plugins=plugins,
    )


def find_artefact(
    plugins: Plugins, config: Loading, spec: DetectorSpec, given: str | None, backbone: Backbone
) -> Path:
    """The artefact that was given, else the one registered for this detector and these weights."""
    if given is not None:
        return _artefact_file(Path(given))
    for candidate in plugins.specs("artefact").values():
        if isinstance(candidate, ArtefactSpec) and (
            (candidate.detector, candidate.weights_sha256) == (spec.name, backbone.weights_sha256)
        ):
            return _artefact_file(guarded(f"artefact {candidate.name!r}", candidate.source, candidate.path))
    weights = "" if config.weights is None else f" --weights {config.weights}"
    out = f"runs/{spec.name}_{backbone.name.replace('/', '_')}"
    raise ConfigError(
        f"detector {spec.name!r} has no fitted artefact for backbone {backbone.name!r} with weights"
        f" {backbone.weights_sha256[:12]}. Fit one on real faces (DIR: a manifest or folder with train"
        f" and val faces; the name `toy` tries it out):\n"
        f"  bench fit --detector {spec.name} --backbone {backbone.name}{weights} --train DIR --out {out}\n"
        f"then pass --artefact {out}, or let eval fit and keep one with --fit-on DIR"
    )


def _artefact_file(path: Path) -> Path:
    file = path / ARTEFACT_FILE if path.is_dir() else path
    if not file.is_file():
        raise DataError(
            f"no artefact at {file}; pass the folder that `bench fit --out` wrote, or the"
            f" {ARTEFACT_FILE} in it"
        )
    return file


def build_detector(
    spec: DetectorSpec, embedder: Embedder | None, options: Any, artefact: Path | None, seed: int
) -> Detector:
    """The detector itself; one that does not keep the contract is a PluginError."""
    resolved = resolve_options(None if spec.options is None else spec.options.load(), options)
    context = DetectorContext(embedder=embedder, options=resolved, artefact=artefact, seed=seed)
    detector = guarded(f"detector {spec.name!r}", spec.source, spec.build, context)
    if not isinstance(detector, Detector):
        raise PluginError(
            f"detector {spec.name!r} of package {spec.source!r} built a"
            f" {type(detector).__name__}, which has no score(crops)"
        )
    return detector
