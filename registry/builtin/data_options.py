"""What `bench data check` does."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

from registry.coercion import check
from registry.config import EvalConfig

__all__ = ["CheckConfig", "of_eval"]

_OF_EVAL = {each.name: each for each in fields(EvalConfig)}


def of_eval(name: str, **other: Any) -> Any:
    """The field of `bench eval`, with its bounds and line of help; `other` replaces any of it."""
    known = {"default": _OF_EVAL[name].default, **_OF_EVAL[name].metadata, **other}
    return field(default=known.pop("default"), metadata=known)


@dataclass(frozen=True, kw_only=True)
class CheckConfig:
    """The flags of `bench eval` that say which data is read, and how much of it."""

    folder: ClassVar[str] = "eval"

    split: str = of_eval("split")
    data_root: str | None = of_eval("data_root")
    json_dir: str | None = of_eval("json_dir")
    compression: Literal["raw", "c23", "c40"] | None = of_eval("compression")
    path_map: tuple[str, ...] = of_eval("path_map")
    min_resolved: float = of_eval("min_resolved")
    label_map: str | None = of_eval("label_map")
    frames: int = of_eval("frames")
    frame_policy: Literal["linspace", "first", "all"] = of_eval("frame_policy")
    workers: int = of_eval("workers")
    quiet: bool = of_eval("quiet")

    def __post_init__(self) -> None:
        check(self)
