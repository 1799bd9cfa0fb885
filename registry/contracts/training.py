"""Where weights come from. By itself, because what plugins register holds it: no more is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Training"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One thing the weights were trained on; `task` says whether to tell forgeries apart."""

    dataset: str
    task: Literal["forgery", "recognition", "unknown"]
