"""What `bench audit` does: every field is a flag, a key of a YAML file and an argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from registry import AuditSettings, UnknownNameError, option

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

    # What is audited, and on what.
    detector: str = option("lesb", "detector to audit (`bench list detectors`)")
    dataset: tuple[str, ...] = option(
        (), "reals and fakes with changed regions: a path, a registered name, or kind:NAME"
    )
    split: str = option("test", "split of the data")
    corrupt: tuple[str, ...] = option(
        (), "NAME:SEVERITY: damage every frame first, as in `bench eval --corrupt`"
    )
    regions: str = option(
        "eyes_nose_mouth", "face parts: a YAML file, or one of configs/regions, by its name"
    )
    make_edits: bool = option(False, "audit on edits made of the real faces, not on given fakes")
    edits: int = option(3, "edits of each real face, with --make-edits", min=1)
    faces: int | None = option(
        None,
        "no more faces than this, all those of evenly chosen people, of two at least",
        min=2,
    )

    # How it is measured.
    only: tuple[str, ...] = option(
        (), f"rows to measure, of {', '.join((*ROWS, *EXTENDED_ROWS))}; commas join them"
    )
    extended: bool = option(False, f"also the rows {', '.join(EXTENDED_ROWS)}, which take longer")
    extended_faces: int = option(64, "fakes that the extended rows are measured on", min=2)
    attack_top: int = option(1, "attack the first, up to the first so many parts", min=1, max=3)
    attack_steps: int = option(50, "steps of an attack at most; each takes 41 scores", min=1)
    lime_samples: int = option(500, "images that LIME is fitted on, for each face", min=50)
    draws: int = option(1000, "bootstrap draws of an interval; 0 for none", min=0)

    # How it runs.
    keep: bool = option(
        False,
        "keep a summary beside the artefact: reports that name its parts then say how far to trust"
        " them",
    )
    out: str | None = option(None, "folder of audit.json and audit.html; by default under runs/")
    overwrite: bool = option(False, "replace an audit of something else that --out holds")
    crop_from: Literal["auto", "landmarks", "detector"] = option(
        "auto", "where the face box comes from; auto takes landmarks where there are any"
    )
    frames: int = option(1, "frames taken of each video", min=1)
    workers: int = option(2, "workers that open video files", min=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        every = (*ROWS, *EXTENDED_ROWS)
        for name in self.named_rows:
            if name not in every:
                raise UnknownNameError("row of the audit", name, every)

    @property
    def named_rows(self) -> tuple[str, ...]:
        """The rows that `only` names; none for all."""
        names = (name.strip() for each in self.only for name in each.split(","))
        return tuple(filter(None, names))

    @property
    def wanted_rows(self) -> frozenset[str]:
        """Without names all core rows; the extended ones where they are asked for, or named."""
        extended = EXTENDED_ROWS if self.extended else ()
        return frozenset((*(self.named_rows or ROWS), *extended))
