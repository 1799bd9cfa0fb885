"""Settings of `bench audit`: every field is a flag, a key of a YAML file and an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from registry import AuditSettings, UnknownNameError, option, separated

__all__ = ["EXTENDED_ROWS", "ROWS", "AuditConfig"]

ROWS = (
    "right_part",
    "auc_matrix",
    "redundancy",
    "several_parts",
    "agreement",
    "no_part_on_real",
    "reports",
    "restore",
    "insert",
    "localisation",
    "equivariance",
    "outside",
    "stability",
    "sanity",
    "cost",
)
EXTENDED_ROWS = ("curves", "shapley", "methods", "cascade", "labels", "attack")


@dataclass(frozen=True, kw_only=True)
class AuditConfig(AuditSettings):
    """One audit; build it with `resolve`, which checks every value."""

    folder: ClassVar[str] = "audit"
    reads_parts: ClassVar[bool] = True

    # What is audited, and on what.
    detector: str = option(
        "lesb",
        "detector to audit, unless named that of the paper; `bench explain` uses lesb_roi"
        " (`bench list detectors`)",
    )
    dataset: tuple[str, ...] = option(
        (), "reals and fakes with changed regions: a path, a registered name, or kind:NAME"
    )
    split: str = option("test", "split of the data")
    corrupt: tuple[str, ...] = option(
        (),
        "damage every frame first, as in `bench eval --corrupt`: NAME:SEVERITY; several, or a NAME"
        " alone, are an audit each, beside one of undamaged frames",
    )
    regions: str = option(
        "eyes_nose_mouth", "face parts: a YAML file, or one of configs/regions, by its name"
    )
    make_edits: bool = option(
        False, "audit on edits made from the real faces instead of given fakes"
    )
    edits: int = option(3, "with --make-edits: edits per real face", min=1)
    faces: int | None = option(
        None,
        "at most this many faces; people are chosen evenly, at least two",
        min=2,
    )

    # How it is measured.
    only: tuple[str, ...] = option(
        (), f"rows to measure, separated by commas: {', '.join((*ROWS, *EXTENDED_ROWS))}"
    )
    extended: bool = option(
        False,
        f"also the rows {', '.join(EXTENDED_ROWS)}, which take longer; for superpixels and LIME the"
        " attack needs the extra `audit`",
    )
    extended_faces: int = option(64, "number of fakes for the extended rows", min=2)
    attack_top: int = option(1, "attack the highest 1 to N parts", min=1, max=3)
    attack_steps: int = option(50, "steps per attack at most; each needs 41 scores", min=1)
    lime_samples: int = option(500, "images per face that LIME is fitted on", min=50)
    draws: int = option(1000, "bootstrap draws per interval; 0 for none", min=0)

    # How it runs.
    keep: bool = option(
        False,
        "keep a summary beside the artefact: reports that name its parts then say how far to trust"
        " them",
    )
    out: str | None = option(
        None,
        "folder for audit.json and audit.html (default: one under runs/, named by the settings)",
    )
    overwrite: bool = option(False, "replace a different audit in --out")
    crop_from: Literal["auto", "landmarks", "detector"] = option(
        "auto", "where the face box comes from; auto: landmarks if there are any"
    )
    frames: int = option(1, "frames to take from each video", min=1)
    workers: int = option(2, "number of workers that open video files", min=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "only", separated(self.only))
        every = (*ROWS, *EXTENDED_ROWS)
        for name in self.only:
            if name not in every:
                raise UnknownNameError("row of the audit", name, every)

    @property
    def wanted_rows(self) -> frozenset[str]:
        """Return the core rows, or the named ones; the extended ones on request."""
        extended = EXTENDED_ROWS if self.extended else ()
        return frozenset((*(self.only or ROWS), *extended))
