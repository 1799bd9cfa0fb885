"""What plugins register: a record for each thing, with lazy factories instead of imports."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from registry.contracts.training import Training
from registry.errors import PluginError

if TYPE_CHECKING:
    import argparse

    import numpy as np
    from numpy.typing import NDArray

    from registry.contracts.backbone import Backbone
    from registry.contracts.detector import (
        Detector,
        DetectorContext,
        Explain,
        FitContext,
        FitReport,
    )
    from registry.contracts.types import DatasetRequest, Face, Video
    from registry.results.result import Result

__all__ = [
    "ArtefactSpec",
    "BackboneSpec",
    "CommandSpec",
    "DatasetSpec",
    "DetectorSpec",
    "ExplainerSpec",
    "FaceDetectorSpec",
    "LandmarkerSpec",
    "Lazy",
    "MetricSpec",
    "ReporterSpec",
    "Spec",
    "WrapperSpec",
    "lazy",
]


@dataclass(frozen=True, slots=True)
class Lazy:
    """A function or class by address; imported when it is first called or loaded."""

    target: str

    def load(self) -> Any:
        """Import and return the object; a PluginError says which half of the address is wrong."""
        module_name, _, attribute = self.target.partition(":")
        try:
            module = importlib.import_module(module_name)
        except ImportError as error:
            raise PluginError(
                f"cannot import {module_name!r} of {self.target!r}: {error}"
            ) from error
        try:
            return getattr(module, attribute)
        except AttributeError:
            raise PluginError(f"module {module_name!r} has no {attribute!r}") from None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.load()(*args, **kwargs)


def lazy(target: str) -> Lazy:
    """Name an object as `lazy("package.module:name")`: records hold this instead of an import."""
    module, colon, attribute = target.partition(":")
    if not (module and colon and attribute):
        raise PluginError(f"lazy({target!r}) is not of the form 'package.module:name'")
    return Lazy(target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A registered thing: unique name, one-line summary; the host stamps `source` (its package)."""

    name: str
    summary: str
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSpec(Spec):
    """`build(name, weights, seed) -> Backbone`; `weights` is a path, "random", or None for its own.

    A name ending in `/*` is a family: every `family/<model>` is built by it, and
    `members(glob) -> list[str]` lists them. Fields left None are the model's own. A backbone that
    `needs_weights` is never built with None: `weights_file` says which file is meant and where to
    get it; one of `weights_names` in the folder for weights is used without being asked for.
    """

    build: Callable[..., Backbone]
    input_size: int | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    crop: str = "sbi"
    trained_on: tuple[Training, ...] = ()
    license: str = "unknown"
    needs_weights: bool = False
    weights_file: str = ""
    weights_names: tuple[str, ...] = ()
    members: Callable[[str], list[str]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WrapperSpec(Spec):
    """`wrap(backbone, artefact_path) -> Backbone`: a backbone made from another one."""

    wrap: Callable[[Backbone, Path], Backbone]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorSpec(Spec):
    """`build(DetectorContext) -> Detector`; `fit(FitContext) -> FitReport` where it can be fitted.

    `options` and `fit_options` load frozen dataclasses whose fields become flags of `bench eval`
    and `bench fit`; the modules they live in must be cheap to import. `recognises(path) -> bool`
    tells whether a fitted artefact is one of this detector (a DataError for what is none). Where no
    detector is named, `bench predict` and `bench explain` take the fitted one of highest
    `precedence`; of 0 none is taken, nor one that `needs_landmarks` where none are looked for.
    `fit_shares` says that `fit` is called in every process that torchrun starts, and that they
    share its work; the first alone writes, and what it reports counts. `check_fit(FitContext)`
    raises the BenchErrors of a fit that can be found before its work; `--dry-run` calls it.
    `noise` says that scores mean nothing: files then get no verdict. `scores_parts` says whether
    `Scores.regions` holds scores of parts, which an audit without an explainer needs; None where
    that is not known before it is built.
    """

    build: Callable[[DetectorContext], Detector]
    fit: Callable[[FitContext], FitReport] | None = None
    fit_shares: bool = False
    check_fit: Callable[[FitContext], None] | None = None
    options: Lazy | None = None
    fit_options: Lazy | None = None
    needs_backbone: bool = True
    needs_artefact: bool = False
    recognises: Callable[[Path], bool] | None = None
    precedence: int = 0
    needs_landmarks: bool = False
    noise: bool = False
    scores_parts: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtefactSpec(Spec):
    """A fitted artefact that ships with a package; used where detector and weights agree.

    `path() -> Path` of the file.
    """

    detector: str
    backbone: str
    weights_sha256: str
    path: Callable[[], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec(Spec):
    """`videos(DatasetRequest) -> Iterable[Video]`, which may be a VideoIndex.

    `recognises(path) -> bool` lets `--dataset PATH` find the reader of a folder or file;
    `needs` says in a few words what must be on disk ("" for nothing). `splits` names the splits
    where they are always the same: any other is refused before the data is read.
    """

    videos: Callable[[DatasetRequest], Iterable[Video]]
    recognises: Callable[[Path], bool] | None = None
    needs: str = ""
    splits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceDetectorSpec(Spec):
    """`build() -> f(image uint8 RGB (H, W, 3)) -> list[Face]`.

    `build(size=N)` where the detector is `sized`: frames are searched in a square of N pixels.
    `misses` says which faces it does not find and what does, for a frame in which it finds none.
    `tracked_at` is how many pixels across a face has to be to be found, with half of it to spare;
    where it is set, the faces of a video may be searched for around where they were last, in a part
    of the frame at the frame's own scale, and in a small copy of the frame. It is for detectors
    whose boxes depend on nothing further away than a quarter of the face. What is built is used by
    one thread at a time, by several in turn.
    """

    build: Callable[..., Callable[[NDArray[np.uint8]], list[Face]]]
    sized: bool = False
    misses: str = ""
    tracked_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkerSpec(Spec):
    """`build(predictor_path | None) -> f(image, face) -> (points, 2) float32`.

    What is built is used by one thread at a time, by several in turn.
    """

    points: Literal[68, 81]
    build: Callable[[Path | None], Callable[[NDArray[np.uint8], Face], NDArray[np.float32]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainerSpec(Spec):
    """`build(detector) -> Explain`; a ConfigError for a detector that it cannot explain.

    Where `options` loads a frozen dataclass, `build(detector, options)` takes one too and does with
    the defaults where it is left out. `unit` says what its numbers of parts are in, "log-odds of
    fake" for one: it stands above them in reports. `detector_parts` says that it speaks of parts
    only where the detector itself scores parts: an audit of another one is refused.
    """

    build: Callable[..., Explain]
    options: Lazy | None = None
    unit: str = ""
    detector_parts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec(Spec):
    """`compute(labels (n,), scores (n,)) -> float`, UndefinedMetricError where it has no value.

    `weighted(labels, scores, weights (D, n)) -> (D,)`, NaN where undefined, is the same metric for
    D weightings of the sample at once; with it the bootstrap is vectorised, without it a loop.
    """

    compute: Callable[[NDArray[np.int64], NDArray[np.float64]], float]
    higher_is_better: bool
    weighted: (
        Callable[[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]
        | None
    ) = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReporterSpec(Spec):
    """`write(result, folder) -> Path` of the file written.

    `check()`, where there is one, raises a ConfigError before anything is scored if it cannot be
    used here, such as for want of a package.
    """

    write: Callable[[Result, Path], Path]
    check: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec(Spec):
    """A subcommand of `bench`: `configure(parser)` adds its arguments, `run(args) -> exit code`.

    `function` is what does the same for a Python program, such as `registry.explain`.
    A command that audits detectors, and keeps what it finds beside their artefacts, names the
    AuditSummary that this is read as: `audit` loads the class. `shares` says that the processes
    which torchrun starts share its work; a command without it runs in one process alone.
    `continues` says that an interrupted command goes on when the same line is run again.
    """

    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    function: Lazy | None = None
    audit: Lazy | None = None
    shares: bool = False
    continues: bool = False
