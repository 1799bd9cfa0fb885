"""The settings of `bench prepare`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from registry.contracts.types import CropPolicy
from registry.errors import ConfigError
from registry.settings.shared import (
    PREPARE_DETECTOR,
    DataSettings,
    FaceSettings,
    FrameSettings,
    WorkerSettings,
    option,
)

__all__ = ["PrepareConfig"]

_DEFAULTS = {  # crop policy: what published results were made with
    "sbi": CropPolicy(name="sbi", size=380, margin=0.125),
    "deepfakebench": CropPolicy(name="deepfakebench", size=256, margin=0.3),
}


@dataclass(frozen=True, kw_only=True)
class PrepareConfig(WorkerSettings, FaceSettings, FrameSettings, DataSettings):
    """Which faces are cut out of which frames, and how."""

    folder: ClassVar[str] = "prepare"

    out: str | None = option(None, "folder for the crops and the JSON that lists them; required")
    name: str | None = option(None, "name of the data set (default: that of --out)")
    policy: Literal["sbi", "deepfakebench"] = option("sbi", "how a face becomes a crop")
    size: int | None = option(
        None, "side of a crop in pixels (default: 380 for sbi, 256 for deepfakebench)", min=16
    )
    margin: float | None = option(
        None,
        "margin around the face (default: 0.125 per side for sbi, 0.3 in all for deepfakebench)",
        min=0,
    )
    label: Literal["real", "fake"] | None = option(
        None, "label of videos and images that no data set labels"
    )
    labels: str | None = option(
        None,
        "labels file by file: CSV file with the columns path (file name, or path relative"
        " to the input), label (0, 1, real or fake) and optionally method; --label is for"
        " files that it does not list",
    )
    split: str = option("test", "split to read, and to write")
    face_detector: str = option(
        PREPARE_DETECTOR, "face detector to use (`bench list face-detectors`)"
    )
    checkout: str | None = option(
        None,
        "a DeepfakeBench checkout that will read the crops: --out is then its"
        " datasets/rgb by default, and a JSON with paths relative to it is added to its"
        " own",
    )
    crop_from: Literal["auto", "landmarks", "detector"] = option(
        "detector", "where the face box comes from; auto takes landmarks where there are any"
    )
    search: Literal["track", "full"] = option(
        "track",
        "how the faces of a video are found: where the frame before had them, with a look at a"
        " small copy of the frame for others (track; dlib searches whole frames always), or in"
        " every whole frame, two to three times as slow (full)",
    )
    workers: int = option(2, "number of parallel processes", min=1)
    shards: bool = option(False, "pack the crops into WebDataset tar files as well, NAME_shards/")
    shard_size: int = option(256, "megabytes of a tar file of --shards, at most", min=1)
    overwrite: bool = option(False, "replace crops that exist, or that have other settings")

    @property
    def place(self) -> Path:
        """Return the folder of the data set; a ConfigError if none was given."""
        if self.out is not None:
            return Path(self.out).expanduser()
        if self.checkout is None:
            raise ConfigError("no folder for the crops; pass --out DIR")
        if self.name is None:
            raise ConfigError("--checkout without --out needs the data set's name: --name NAME")
        return Path(self.checkout).expanduser() / "datasets" / "rgb"

    def name_in(self, out: Path) -> str:
        """Return the name of the data set whose crops lie in `out`."""
        return self.name or out.resolve().name

    @property
    def reading(self) -> PrepareConfig:
        """Use dlib's detector as DeepfakeBench calls it, if its crops are made with dlib."""
        if self.policy == "deepfakebench" and self.face_detector == "dlib":
            return replace(self, face_detector="dlib_x2")
        return self

    @property
    def crop(self) -> CropPolicy:
        """Return the policy, with the settings instead of its defaults."""
        usual = _DEFAULTS[self.policy]
        return CropPolicy(
            name=self.policy,
            size=usual.size if self.size is None else self.size,
            margin=usual.margin if self.margin is None else self.margin,
        )
