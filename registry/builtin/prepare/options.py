"""What `bench prepare` does."""

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
        None, "label of videos and images that no data set has labelled"
    )
    labels: str | None = option(
        None,
        "the same one by one: CSV file with the columns path, label and maybe method; --label"
        " beside it is for those that it does not list",
    )
    split: str = option("test", "split to read, and to write")
    face_detector: str = option(
        PREPARE_DETECTOR, "face detector to use (`bench list face-detectors`)"
    )
    checkout: str | None = option(
        None,
        "a DeepfakeBench checkout that is to read the crops: --out is by default its datasets/rgb,"
        " and a JSON with paths from its folder is put among its own",
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
    workers: int = option(2, "processes that work side by side", min=1)
    overwrite: bool = option(False, "make crops anew that are there, or that differ in settings")

    @property
    def place(self) -> Path:
        """The folder of the data set; a ConfigError where none was named."""
        if self.out is not None:
            return Path(self.out).expanduser()
        if self.checkout is None:
            raise ConfigError("no place for the crops; pass --out DIR")
        if self.name is None:
            raise ConfigError("--checkout without --out needs the data set's name: --name NAME")
        return Path(self.checkout).expanduser() / "datasets" / "rgb"

    @property
    def reading(self) -> PrepareConfig:
        """With dlib's detector as DeepfakeBench calls it, where its crops are made with dlib."""
        if self.policy == "deepfakebench" and self.face_detector == "dlib":
            return replace(self, face_detector="dlib_x2")
        return self

    @property
    def crop(self) -> CropPolicy:
        """The policy with what was asked for in place of its defaults."""
        usual = _DEFAULTS[self.policy]
        return CropPolicy(
            name=self.policy,
            size=usual.size if self.size is None else self.size,
            margin=usual.margin if self.margin is None else self.margin,
        )
