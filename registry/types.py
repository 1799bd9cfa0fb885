"""The records and Protocols that cross plugin boundaries. Nothing heavy is imported here.

Arrays are numpy arrays unless a docstring says tensor. B is a batch, H and W an image's rows and
columns, S a backbone's input size, C channels, P landmarks, d the length of an embedding.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from registry.errors import PluginError

if TYPE_CHECKING:
    import argparse

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from registry.inference import Embedder
    from registry.result import Result

__all__ = [
    "ArtefactSpec",
    "Backbone",
    "BackboneSpec",
    "CommandSpec",
    "Crop",
    "CropPolicy",
    "DataOptions",
    "DatasetRequest",
    "DatasetSpec",
    "Detector",
    "DetectorContext",
    "DetectorSpec",
    "DifferentiableDetector",
    "EmbeddingDetector",
    "ExplainerSpec",
    "Explanation",
    "Face",
    "FaceDetectorSpec",
    "Features",
    "FineBackbone",
    "FitContext",
    "FitReport",
    "Frame",
    "FreezableNetwork",
    "LandmarkerSpec",
    "Lazy",
    "LocalDetector",
    "MetricSpec",
    "ReporterSpec",
    "Resolved",
    "Sample",
    "Scores",
    "Spec",
    "TrainableBackbone",
    "TrainableNetwork",
    "Training",
    "Video",
    "VideoIndex",
    "WrapperSpec",
    "lazy",
]


# --- lazy factories --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lazy:
    """A function or class by address; imported the first time it is called or loaded."""

    target: str

    def load(self) -> Any:
        """The object itself; a PluginError says which half of the address is wrong."""
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
    """`lazy("package.module:name")`: what a record holds in place of an import."""
    module, colon, attribute = target.partition(":")
    if not (module and colon and attribute):
        raise PluginError(f"lazy({target!r}) is not of the form 'package.module:name'")
    return Lazy(target)


# --- data ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One image of a video; `path` is an image file, or a video file whose frame `index` it is.

    `landmarks` is a .npy file of (68|81, 2) floats in pixels of the image; `mask` an image whose
    non-zero pixels were manipulated. `index` is the frame's number in its video; `listed` is the
    path as the data set's index writes it, where it has an index.
    """

    path: Path
    index: int = 0
    landmarks: Path | None = None
    mask: Path | None = None
    listed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """The unit that is labelled: frames of one video, a single image, or a video `file`.

    A video file has no `frames`: which of its frames are read is settled when it is evaluated.
    `id` is unique within `dataset` and comes from the data set's own index, never out of a path.
    `label` is 0 for real and 1 for fake; `method` names the manipulation ("" for reals);
    `identity` is the person, where known; `region` the manipulated part, where known.
    """

    dataset: str
    id: str
    label: Literal[0, 1]
    frames: tuple[Frame, ...] = ()
    split: str = ""
    method: str = ""
    identity: str | None = None
    region: str | None = None
    file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A face in a frame: box (x0, y0, x1, y1) in pixels, confidence, landmarks (P, 2) or None."""

    box: tuple[float, float, float, float]
    score: float = 1.0
    landmarks: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A face as a backbone sees it.

    `image` is uint8 RGB (S, S, 3); `landmarks` are (P, 2) in pixels of `image`, or None; `box` is
    the cropped rectangle (x0, y0, x1, y1) in pixels of the frame. The ids lead back to the data.
    """

    image: NDArray[np.uint8]
    landmarks: NDArray[np.float32] | None
    box: tuple[int, int, int, int]
    dataset: str = ""
    video: str = ""
    frame: int = 0
    face: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPolicy:
    """How a face becomes a crop; it belongs to the backbone and is recorded in every result.

    `name` picks the rule: `sbi` grows the face box by `margin` of its width and height on each
    side, truncates to integers, clips to the frame and resizes to `size` without keeping the
    aspect ratio (METHOD of SBI's inference). `deepfakebench` moves five landmarks onto ArcFace's
    template by a similarity and leaves `margin` of the template's side around it, half on each
    side. `frame` takes the image whole, for images that are face crops already.
    """

    name: str = "sbi"
    size: int = 224
    margin: float = 0.125


class Sample(Protocol):
    """One real face to learn from; picklable, so that worker processes can load it."""

    @property
    def key(self) -> str:
        """Stable id, unique in its data: `dataset/video/frame`."""

    @property
    def identity(self) -> str: ...

    def load(self) -> tuple[NDArray[np.uint8], Face]:
        """The frame, uint8 RGB (H, W, 3), and its face with landmarks (P, 2) in frame pixels."""


# --- backbones -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Features:
    """What a backbone's trunk returns, as tensors.

    `map` is (B, C, h, w) after the last activation (for a transformer the patch tokens laid out on
    their grid); `tokens` is (B, T, C) with prefix tokens first, or None for a convolutional net.
    `fine` is (B, C', h', w') of an earlier stage with more positions, where a FineBackbone was
    asked for it and has one.
    """

    map: torch.Tensor
    tokens: torch.Tensor | None = None
    fine: torch.Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One thing the weights were trained on; `task` says whether to tell forgeries apart."""

    dataset: str
    task: Literal["forgery", "recognition", "unknown"]


class Backbone(Protocol):
    """A network that turns face crops into embeddings, in eval mode.

    `crop` can be set: the host does where frames are to be taken whole. Images come as float
    tensors (B, 3, S, S), RGB in [0, 1]; the backbone applies its own mean and std. `weights_sha256`
    identifies the weights; `mean_pooled` says that `embed` is the mean of `Features.map` over its
    positions and nothing more (then maps of a linear head are closed-form).
    """

    name: str
    crop: CropPolicy
    dim: int
    mean_pooled: bool
    weights: str
    weights_sha256: str
    trained_on: tuple[Training, ...]

    def features(self, images: torch.Tensor) -> Features: ...

    def embed(self, features: Features) -> torch.Tensor:
        """(B, d): for a timm model equal to `forward_head(x, pre_logits=True)`."""

    def head(self, embedding: torch.Tensor) -> torch.Tensor | None:
        """(B,) logit of fake, or None where the weights have no fake/real head."""

    def head_direction(self) -> NDArray[np.float64] | None:
        """(d,) gradient of the head's logit where the head is linear, else None."""

    def to(self, device: str) -> Backbone: ...


@runtime_checkable
class FineBackbone(Protocol):
    """A backbone that also gives a finer feature map, out of the same forward pass."""

    def fine_features(self, images: torch.Tensor) -> Features:
        """`features(images)`, with `fine` of h' about a sixteenth of S, or None if `map` is so."""


class TrainableNetwork(Protocol):
    """A torch module: images (B, 3, S, S), RGB in [0, 1], to logits (B, classes).

    `head()` is the module that makes logits of embeddings; `weights()` the tensors by the names
    under which `--weights FILE` of the same backbone reads them back. `with_map(images)` gives the
    logits and a feature map (B, C, h, w) on the way to them, h about a sixteenth of S; a
    ConfigError where there is none.
    """

    def head(self) -> torch.nn.Module: ...

    def weights(self) -> dict[str, torch.Tensor]: ...

    def with_map(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]: ...


@runtime_checkable
class FreezableNetwork(Protocol):
    """A TrainableNetwork whose first stages can be kept as they are, norms included."""

    def freeze(self, stages: int) -> None: ...


@runtime_checkable
class TrainableBackbone(Protocol):
    """A backbone that can be trained further.

    `trainable(classes, seed)` is a torch module (a TrainableNetwork) in train mode with weights of
    its own. A head that has as many classes is kept, any other replaced by one drawn from `seed`.
    """

    name: str
    crop: CropPolicy

    def trainable(self, classes: int, seed: int) -> TrainableNetwork: ...


# --- detectors -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a detector says of B crops; every array is (B,) float64 in [0, 1], higher = more fake.

    `regions` are scores of face parts by name; `variants` are other scores for the same crops, each
    reported as a block of its own (the bare head, other fusions). NaN is never a score.
    """

    fake: NDArray[np.float64]
    regions: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    variants: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


@runtime_checkable
class Detector(Protocol):
    """Scores face crops. One method is all that is required."""

    def score(self, crops: Sequence[Crop]) -> Scores: ...


@runtime_checkable
class EmbeddingDetector(Protocol):
    """A detector whose costly half can be cached: `score(x) == score_embeddings(embed(x))`.

    Detectors with equal `encoder` share embeddings, so a second one costs no forward pass.
    A detector may also have `vote_variants: frozenset[str]`: variants that the host takes as a
    majority of the video's region scores instead of a mean of the frames' scores.
    """

    encoder: str

    def score(self, crops: Sequence[Crop]) -> Scores: ...

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        """(B, d)."""

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores: ...


@runtime_checkable
class DifferentiableDetector(Protocol):
    """A detector whose logits of fake torch can differentiate; explainers by gradient need it.

    `embedder` holds the backbone that it scores with.
    """

    embedder: Embedder

    def score(self, crops: Sequence[Crop]) -> Scores: ...

    def logits(self, embedding: torch.Tensor) -> Mapping[str, torch.Tensor]:
        """Logits of fake (B,), before the sigmoid, by target, of a tensor of embeddings (B, d).

        Targets are "face", the head on the whole embedding, and the parts with heads of their own.
        """


@runtime_checkable
class LocalDetector(Protocol):
    """An EmbeddingDetector that looks at each part of a face in a space of its own."""

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]: ...

    def project(self, embeddings: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """Local embeddings (B, r) by part, of embeddings (B, d)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorContext:
    """What a detector is built from. `embedder` is None for a detector that needs no backbone."""

    embedder: Embedder | None
    options: Any
    artefact: Path | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FitContext:
    """What a detector is fitted on: real faces of the train and the val split, and where to write.

    `max_errors` is how many faces may fail to load: a fraction below 1, else a count. With
    `tensorboard` a fit that has something to show writes it for TensorBoard into `out`.
    """

    embedder: Embedder
    train: Sequence[Sample]
    val: Sequence[Sample]
    options: Any
    out: Path
    data_fingerprint: str
    datasets: tuple[str, ...]
    seed: int = 0
    workers: int = 0
    max_errors: float = 0.05
    quiet: bool = False
    tensorboard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport:
    """What a fit left behind: the artefact, and tables to print, each (title, header, rows)."""

    artefact: Path
    tables: tuple[tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...]], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a crop was scored as it was.

    `maps` are (h, w) float arrays by target ("face" or a part), signed and on one absolute scale;
    `regions` are numbers by part; `references` are real faces by part to be looked at beside the
    crop. Absent means that the explainer has nothing to say; `note` may say why.
    """

    maps: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    regions: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    references: Mapping[str, tuple[Crop, ...]] = field(default_factory=dict)


# --- what plugins register -------------------------------------------------------------------


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
    and `bench fit`; the modules they live in must be cheap to import.
    """

    build: Callable[[DetectorContext], Detector]
    fit: Callable[[FitContext], FitReport] | None = None
    options: Lazy | None = None
    fit_options: Lazy | None = None
    needs_backbone: bool = True
    needs_artefact: bool = False


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
class DataOptions:
    """What a user may say of data beside its name; a reader takes what concerns it.

    `data_root` is the folder that relative paths start from, `json_dir` the folder of index files;
    `compression` is a level such as c23, None for the data's default; `path_map` rewrites starts of
    listed paths; `min_resolved` is the share of listed files that must be there; `label_map` is a
    file that says which labels are fake.
    """

    data_root: Path | None = None
    json_dir: Path | None = None
    compression: str | None = None
    path_map: tuple[tuple[str, str], ...] = ()
    min_resolved: float = 0.99
    label_map: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRequest:
    """What was asked for: the registered name (or the part after `kind:`), a root, a split."""

    name: str
    root: Path | None
    split: str
    options: DataOptions = DataOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """How many of the files that an index lists under a label are there."""

    label: str
    found: int
    listed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoIndex:
    """Videos, and what their reader has to say of them; a reader may return it for plain videos.

    `resolved` counts listed files by label; `notes` are sentences for the reader of a result;
    `part_of` names the data set that these videos are a part of, where it has another name.
    """

    videos: tuple[Video, ...]
    resolved: tuple[Resolved, ...] = ()
    notes: tuple[str, ...] = ()
    part_of: str = ""

    def __iter__(self) -> Iterator[Video]:
        return iter(self.videos)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec(Spec):
    """`videos(DatasetRequest) -> Iterable[Video]`, which may be a VideoIndex.

    `recognises(path) -> bool` lets `--dataset PATH` find the reader of a folder or file;
    `needs` says in a few words what must be on disk ("" for nothing).
    """

    videos: Callable[[DatasetRequest], Iterable[Video]]
    recognises: Callable[[Path], bool] | None = None
    needs: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceDetectorSpec(Spec):
    """`build() -> f(image uint8 RGB (H, W, 3)) -> list[Face]`."""

    build: Callable[[], Callable[[NDArray[np.uint8]], list[Face]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LandmarkerSpec(Spec):
    """`build(predictor_path | None) -> f(image, face) -> (points, 2) float32`."""

    points: Literal[68, 81]
    build: Callable[[Path | None], Callable[[NDArray[np.uint8], Face], NDArray[np.float32]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainerSpec(Spec):
    """`build(detector) -> f(crops) -> list[Explanation]`; a ConfigError for a detector it cannot.

    Where `options` loads a frozen dataclass, `build(detector, options)` takes one too and does with
    the defaults where it is left out.
    """

    build: Callable[..., Callable[[Sequence[Crop]], list[Explanation]]]
    options: Lazy | None = None


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
    """`write(result, folder) -> Path` of the file written."""

    write: Callable[[Result, Path], Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSpec(Spec):
    """A subcommand of `bench`: `configure(parser)` adds its arguments, `run(args) -> exit code`."""

    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
