"""What a reader of a run's numbers must know: why they are others, or are missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from registry.contracts.types import FRAME
from registry.results.metric import CROSS_AUC, Metric
from registry.results.predictions import Settings
from registry.results.profiles import DEEPFAKEBENCH_PROFILE, differences
from registry.results.sources import Across

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["why_no_pairs", "why_other"]


def why_other(
    table: pa.Table, settings: Settings, metrics: Mapping[str, Metric], config: Mapping[str, Any]
) -> tuple[str, ...]:
    """Say why numbers of profile deepfakebench differ from both `strict` and that benchmark's.

    `config` is that of the run.
    """
    of_metrics = differences(table, settings, metrics)
    return (*of_metrics, *_of_scores(config), *_of_groups(settings))


def _of_scores(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Say how a run's frames differ from DeepfakeBench's, which its metrics cannot change."""
    other = []
    if config.get("crop_from") == FRAME:
        other.append("frames were resized linearly, while DeepfakeBench uses INTER_CUBIC")
    if config.get("frame_policy", DEEPFAKEBENCH_PROFILE) != DEEPFAKEBENCH_PROFILE:
        other.append(
            f"frames were chosen by {config['frame_policy']}, while DeepfakeBench takes the first"
        )
    if not other:
        return ()
    line = (
        "These are DeepfakeBench's metrics, but DeepfakeBench would get other scores:"
        f" {'; '.join(other)}. Run `bench eval --profile both --frame-policy"
        " deepfakebench` with another --out to get both."
    )
    return (line,)


def why_no_pairs(pairs: tuple[Across, ...], settings: Settings) -> tuple[str, ...]:
    """Say why there is no Cross-AUC, where it was requested and there is none."""
    if CROSS_AUC not in settings.metrics or any(p.reals_of != p.fakes_of for p in pairs):
        return ()
    if settings.profile == DEEPFAKEBENCH_PROFILE:
        line = f"Profile {settings.profile} has no Cross-AUC; `bench report --profile strict` has."
    else:
        line = (
            "No Cross-AUC: it takes the reals of one data set and the fakes of another; name"
            " several (--dataset A --dataset B)."
        )
    return (line,)


def _of_groups(settings: Settings) -> tuple[str, ...]:
    """Say what happens to groups under a profile without rows of methods."""
    if not settings.groups:
        return ()
    names = ", ".join(each.name for each in settings.groups)
    line = (
        f"Profile {settings.profile} does not measure single methods or groups of methods"
        f" ({names}); `bench report --profile strict` does."
    )
    return (line,)
