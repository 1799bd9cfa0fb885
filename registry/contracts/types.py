"""The records that cross plugin boundaries. Nothing heavy is imported here.

Arrays are numpy arrays unless a docstring says tensor. B is a batch, H and W an image's rows and
columns, S a backbone's input size, C channels, P landmarks, d the length of an embedding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

__all__ = [
    "ALL_METHODS",
    "FRAME",
    "FRAME_CUBIC",
    "NO_FACE",
    "WHOLE",
    "Crop",
    "CropPolicy",
    "DataOptions",
    "DatasetRequest",
    "Explanation",
    "Face",
    "Features",
    "Frame",
    "Resolved",
    "Sample",
    "Scores",
    "Video",
    "VideoIndex",
    "whole_frame",
]

FRAME: Final = "frame"  # the crop policy, and the value of crop_from that asks for it
FRAME_CUBIC: Final = "frame_cubic"  # the same, resized as DeepfakeBench resizes
WHOLE: frozenset[str] = frozenset({FRAME, FRAME_CUBIC})
ALL_METHODS = "all"  # what results call the fakes of every method
NO_FACE = "no face found"  # how the reason begins of a frame that was read and shows no face


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One image of a video; `path` is an image file, or a video file whose frame `index` it is.

    `landmarks` is a .npy file of (68|81, 2) floats in pixels of the image; `mask` an image whose
    non-zero pixels were manipulated. `index` is the frame's number in its video; `listed` is the
    path as the data set's index writes it, where it has an index. `clicks` are places (x, y) that
    people took to be manipulated, as fractions of its width and height, where they were asked.
    `seconds` is when a video file shows it, where that is known.
    """

    path: Path
    index: int = 0
    landmarks: Path | None = None
    mask: Path | None = None
    listed: str | None = None
    clicks: tuple[tuple[float, float], ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """The unit that is labelled: frames of one video, a single image, or a video `file`.

    A video file has no `frames`: which of its frames are read is settled when it is evaluated.
    `id` is unique within `dataset` and comes from the data set's own index, never out of a path.
    `label` is 0 for real and 1 for fake; `method` names the manipulation ("" for reals);
    `identity` is the person, where known; `region` the manipulated part, where known; `perceived`
    the part that people took to be manipulated, where they were asked.
    """

    dataset: str
    id: str
    label: Literal[0, 1]
    frames: tuple[Frame, ...] = ()
    split: str = ""
    method: str = ""
    identity: str | None = None
    region: str | None = None
    perceived: str | None = None
    file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A face in a frame: box (x0, y0, x1, y1) in pixels, confidence, landmarks (P, 2) or None.

    `five` are the eyes, the tip of the nose and the corners of the mouth (5, 2), where a face
    detector gives them.
    """

    box: tuple[float, float, float, float]
    score: float = 1.0
    landmarks: NDArray[np.float32] | None = None
    five: NDArray[np.float32] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop:
    """A face as a backbone sees it.

    `image` is uint8 RGB (S, S, 3); `landmarks` are (P, 2) in pixels of `image`, or None; `box` is
    the cropped rectangle (x0, y0, x1, y1) in pixels of the frame. The ids lead back to the data.
    `sharpness` is that of `image` (`faces.quality`), where it was measured.
    """

    image: NDArray[np.uint8]
    landmarks: NDArray[np.float32] | None
    box: tuple[int, int, int, int]
    dataset: str = ""
    video: str = ""
    frame: int = 0
    face: int = 0
    sharpness: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CropPolicy:
    """How a face becomes a crop; it belongs to the backbone and is recorded in every result.

    `name` picks the rule: `sbi` grows the face box by `margin` of its width and height on each
    side, truncates to integers, clips to the frame and resizes to `size` without keeping the
    aspect ratio (METHOD of SBI's inference). `deepfakebench` moves five landmarks onto ArcFace's
    template by a similarity and leaves `margin` of the template's side around it, half on each
    side. `frame` takes the image whole, for images that are face crops already; `frame_cubic` the
    same with cubic interpolation, where `size` is another than the image's.
    """

    name: str = "sbi"
    size: int = 224
    margin: float = 0.125


class Sample(Protocol):
    """One real face to learn from; picklable, so that worker processes can load it."""

    @property
    def key(self) -> str:
        """Return a stable id, unique in its data: `dataset/video/frame`."""

    @property
    def identity(self) -> str: ...

    def load(self) -> tuple[NDArray[np.uint8], Face]:
        """Load the frame, uint8 RGB (H, W, 3), and its face with landmarks (P, 2) in its pixels."""


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
class Scores:
    """A detector's scores for B crops; every array is (B,) float64 in [0, 1], higher = more
    fake.

    `regions` are scores of face parts by name; `variants` are other scores for the same crops, each
    reported as a block of its own (the bare head, other fusions). NaN is never a score.
    """

    fake: NDArray[np.float64]
    regions: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    variants: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a crop's score is based on.

    `maps` are (h, w) float arrays by target ("face" or a part), signed and on one absolute scale;
    `regions` are numbers by part; `references` are real faces by part to be looked at beside the
    crop. `usual` is, by target, how far maps of real faces go, where the explainer knows it. Absent
    means that the explainer has nothing to say; `note` may say why.
    """

    maps: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    usual: Mapping[str, float] = field(default_factory=dict)
    regions: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    references: Mapping[str, tuple[Crop, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """What a user may specify about data besides its name; a reader uses what concerns it.

    `data_root` is the folder that relative paths start from, `json_dir` the folder of index files;
    `compression` is a level such as c23, None for the data's default; `path_map` rewrites starts of
    listed paths; `min_resolved` is the share of listed files that must be there; `label_map` is a
    file that says which labels are fake; `whole` says that frames are taken as they are, uncropped.
    """

    data_root: Path | None = None
    json_dir: Path | None = None
    compression: str | None = None
    path_map: tuple[tuple[str, str], ...] = ()
    min_resolved: float = 0.99
    label_map: Path | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRequest:
    """What was requested: the registered name (or the part after `kind:`), a root, a split."""

    name: str
    root: Path | None
    split: str
    options: DataOptions = DataOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """How many of the files that an index lists under a label exist."""

    label: str
    found: int
    listed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoIndex:
    """Videos, with notes of their reader; a reader may return it instead of plain videos.

    `resolved` counts listed files by label; `notes` are sentences for the reader of a result;
    `part_of` names the data set that these videos are a part of, where it has another name.
    """

    videos: tuple[Video, ...]
    resolved: tuple[Resolved, ...] = ()
    notes: tuple[str, ...] = ()
    part_of: str = ""

    def __iter__(self) -> Iterator[Video]:
        return iter(self.videos)


def whole_frame(policy: CropPolicy, name: str = FRAME) -> CropPolicy:
    """Return the policy of this name that takes an image whole, at the size of `policy`."""
    return CropPolicy(name=name, size=policy.size, margin=0.0)
