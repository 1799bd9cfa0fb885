"""Look up what the names in a configuration stand for, once, at the start of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from registry.errors import ConfigError, UnknownNameError, guarded, similar_names
from registry.plugins.discovery import Plugins
from registry.plugins.specs import (
    ArtefactSpec,
    BackboneSpec,
    CommandSpec,
    DetectorSpec,
    FaceDetectorSpec,
    LandmarkerSpec,
    MetricSpec,
    ReporterSpec,
    WrapperSpec,
)
from registry.settings.shared import FaceSettings, ModelSettings

__all__ = [
    "Chosen",
    "ChosenBackbone",
    "ChosenFaces",
    "check_member",
    "choose",
    "choose_backbone",
    "choose_faces",
    "default_detectors",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenFaces:
    """How faces are found in frames; `asked_for` says that landmarks were requested from it."""

    face_detector: FaceDetectorSpec
    landmarker: LandmarkerSpec
    asked_for: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenBackbone:
    """A backbone by its full name; `ready` are those that run without a weights file."""

    name: str
    spec: BackboneSpec
    ready: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A detector and its parts: backbone, wrapper, readers of faces and metrics.

    `backbone` and `wrapper` are None where the detector needs none; `artefacts` are those that are
    registered for it, `audits` the commands that audit detectors, `packages` the versions of all
    plugins by distribution.
    """

    detector: DetectorSpec
    faces: ChosenFaces
    backbone: ChosenBackbone | None = None
    wrapper: WrapperSpec | None = None
    artefacts: tuple[ArtefactSpec, ...] = ()
    audits: tuple[CommandSpec, ...] = ()
    metrics: Mapping[str, MetricSpec] = field(default_factory=dict)
    reporters: tuple[ReporterSpec, ...] = ()
    packages: Mapping[str, str] = field(default_factory=dict)

    @property
    def sources(self) -> set[str]:
        """Return the packages of detector, backbone and wrapper."""
        backbone = None if self.backbone is None else self.backbone.spec
        specs = (self.detector, backbone, self.wrapper)
        return {each.source for each in specs if each is not None and each.source}


def choose(
    plugins: Plugins,
    config: ModelSettings,
    *,
    metrics: Sequence[str] = (),
    reporters: Sequence[str] = (),
) -> Chosen:
    """Look up everything that `config` names; a BenchError for the first unknown name."""
    detector: DetectorSpec = plugins.get("detector", config.detector)
    runs_on_one = detector.needs_backbone
    return Chosen(
        detector=detector,
        metrics={name: plugins.get("metric", name) for name in metrics},
        reporters=tuple(_reporter(plugins, name) for name in reporters),
        backbone=_backbone_of(plugins, config) if runs_on_one else None,
        wrapper=plugins.get("wrapper", config.wrap) if runs_on_one and config.wrap else None,
        faces=choose_faces(plugins, config),
        artefacts=tuple(
            each for each in plugins.specs("artefact").values() if each.detector == detector.name
        ),
        audits=tuple(each for each in plugins.specs("command").values() if each.audit is not None),
        packages={each.distribution: each.version for each in plugins.infos},
    )


def choose_backbone(plugins: Plugins, name: str) -> ChosenBackbone:
    """Look up the backbone of a name; an UnknownNameError if there is none."""
    return ChosenBackbone(name=name, spec=plugins.get("backbone", name), ready=_ready(plugins))


def check_member(backbone: ChosenBackbone) -> None:
    """Raise an UnknownNameError if the family of a backbone has no such model.

    Lists the family, which may load torch. A tag after a dot, as timm's models have, is not
    checked.
    """
    name, spec = backbone.name, backbone.spec
    if spec.members is None:
        return
    members = guarded(f"backbone {spec.name!r}", spec.source, spec.members, "*")
    if name not in members and name.partition(".")[0] not in members:
        family, _, model = name.partition("/")
        models = [each.partition("/")[2] for each in members]  # the family would make all alike
        similar = [f"{family}/{each}" for each in similar_names(model, models)]
        others = f"{spec.name} is {spec.summary}"
        raise UnknownNameError("backbone", name, similar, others=others)


def choose_faces(plugins: Plugins, config: FaceSettings) -> ChosenFaces:
    """Look up face detector and landmarker; by default dlib's, of the predictor's size."""
    own = "dlib68" if config.landmarks is None else "dlib81"
    return ChosenFaces(
        face_detector=plugins.get("face_detector", config.face_detector),
        landmarker=plugins.get("landmarker", config.landmarker or own),
        asked_for=config.landmarker is not None or config.landmarks is not None,
    )


def default_detectors(plugins: Plugins) -> list[DetectorSpec]:
    """List the detectors that may be chosen where none is named, in order of preference."""
    specs: dict[str, DetectorSpec] = plugins.specs("detector")
    ranked = sorted(specs.values(), key=lambda spec: -spec.precedence)
    found = [spec for spec in ranked if spec.precedence > 0]
    if not found:
        raise ConfigError(
            "no detector is chosen by default; pass --detector NAME. registered:"
            f" {', '.join(sorted(specs)) or 'none'}"
        )
    return found


def _reporter(plugins: Plugins, name: str) -> ReporterSpec:
    """Look up the reporter of a name; an error before a run if it lacks something."""
    spec: ReporterSpec = plugins.get("reporter", name)
    if spec.check is not None:
        guarded(f"reporter {name!r}", spec.source, spec.check)
    return spec


def _backbone_of(plugins: Plugins, config: ModelSettings) -> ChosenBackbone:
    """Look up the backbone of `config`; a ConfigError that lists all if it names none."""
    if config.backbone is None:
        raise ConfigError(
            f"detector {config.detector!r} needs a backbone; pass --backbone NAME."
            f" Ready without a weights file: {', '.join(_ready(plugins)) or 'none'};"
            f" registered: {', '.join(sorted(plugins.specs('backbone')))}"
        )
    return choose_backbone(plugins, config.backbone)


def _ready(plugins: Plugins) -> tuple[str, ...]:
    """List backbones that run without a weights file."""
    return tuple(name for name, spec in plugins.specs("backbone").items() if _runs_alone(spec))


def _runs_alone(spec: object) -> bool:
    return isinstance(spec, BackboneSpec) and not spec.needs_weights and spec.members is None
