"""The origin of weights; a module of its own, as plugins register such records at import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Training"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One thing that weights were trained on; `task` says whether it was to detect forgeries."""

    dataset: str
    task: Literal["forgery", "recognition", "unknown"]
