"""What `bench data check` does."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

from registry.coercion import check
from registry.config import EvalConfig

__all__ = ["CheckConfig"]

_OF_EVAL = {each.name: each for each in fields(EvalConfig)}


def _same(name: str) -> Any:
    """The field of `bench eval`, with its default, bounds and line of help, without other flags."""
    metadata = {**_OF_EVAL[name].metadata, "aliases": ()}
    return field(default=_OF_EVAL[name].default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class CheckConfig:
    """The flags of `bench eval` that say which data is read, and how much of it."""

    folder: ClassVar[str] = "eval"

    split: str = _same("split")
    data_root: str | None = _same("data_root")
    json_dir: str | None = _same("json_dir")
    compression: Literal["raw", "c23", "c40"] | None = _same("compression")
    path_map: tuple[str, ...] = _same("path_map")
    min_resolved: float = _same("min_resolved")
    label_map: str | None = _same("label_map")
    frames: int = _same("frames")
    frame_policy: Literal["linspace", "first", "all"] = _same("frame_policy")
    workers: int = _same("workers")
    quiet: bool = _same("quiet")

    def __post_init__(self) -> None:
        check(self)
