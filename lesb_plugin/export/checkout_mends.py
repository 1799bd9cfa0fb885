"""Run DeepfakeBench's code, written for numpy 1.21 and albumentations 1.1, with today's
packages.

Each mend restores one thing that a package has dropped, in this process alone, and only if a
checkout needs it and it is missing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lesb_plugin.export.checkout_sources import Sources

__all__ = ["MENDS", "Mend", "apply_mends"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """One repair: `word` occurs in files of checkouts that need it, unless it `is_there`
    already.
    """

    word: str
    is_there: Callable[[], bool]
    apply: Callable[[], None]
    text: str


def apply_mends(sources: Sources) -> Iterator[str]:
    """Apply what the checkout needs; return one line for each."""
    for mend in MENDS:
        if sources.mention(mend.word) and not mend.is_there():
            mend.apply()
            yield mend.text


# --- numpy ----------------------------------------------------------------------------------------


def _numpy_has_sctypes() -> bool:
    import numpy as np

    return hasattr(np, "sctypes")


def _add_sctypes() -> None:
    """Restore types of scalars by kind, as numpy 1 listed them."""
    import numpy as np

    kinds: dict[str, list[type]] = {
        "int": [np.int8, np.int16, np.int32, np.int64],
        "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
        "float": [np.float16, np.float32, np.float64, np.longdouble],
        "complex": [np.complex64, np.complex128, np.clongdouble],
        "others": [bool, object, bytes, str, np.void],
    }
    np.sctypes = kinds  # type: ignore[attr-defined]  # noqa: NPY201 - that is the point


# --- albumentations -------------------------------------------------------------------------------


def _albumentations_takes_two() -> bool:
    import inspect

    from albumentations.core.transforms_interface import BasicTransform

    return len(inspect.signature(BasicTransform.__init__).parameters) > 2  # self, always_apply, p


def _let_albumentations_take_two() -> None:
    """Accept (always_apply, p) by position; the first is ignored."""
    from albumentations.core.transforms_interface import BasicTransform

    own = BasicTransform.__init__

    @functools.wraps(own)
    def with_two(self: Any, *args: Any, **kwargs: Any) -> None:
        kwargs.pop("always_apply", None)
        own(self, *args[-1:], **kwargs)

    BasicTransform.__init__ = with_two


# --- torch ----------------------------------------------------------------------------------------


def _there_is_a_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _name_no_gpu() -> None:
    import torch

    torch.cuda.get_device_name = lambda *_args, **_kwargs: "no GPU"


MENDS = (
    Mend(
        word="imgaug",
        is_there=_numpy_has_sctypes,
        apply=_add_sctypes,
        text="np.sctypes, which numpy 2 removed and imgaug needs, is added",
    ),
    Mend(
        word="always_apply",
        is_there=_albumentations_takes_two,
        apply=_let_albumentations_take_two,
        text="albumentations' transforms take (always_apply, p) by position again",
    ),
    Mend(
        word="get_device_name",
        is_there=_there_is_a_gpu,
        apply=_name_no_gpu,
        text="torch.cuda.get_device_name returns 'no GPU' where there is none, instead of failing",
    ),
)
