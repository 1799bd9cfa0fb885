"""What a reader of any fit's tables must know, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lesb_plugin.lesb.probe import Probe
from lesb_plugin.lfd.variants import Skipped

__all__ = ["probe_note", "skipped_notes"]


def probe_note(probe: Probe | None) -> Iterator[str]:
    """Yield where the head is a probe, why."""
    if probe is not None:
        yield (
            "head: probe, a linear head on the whole embedding, because the weights have"
            f" no fake/real head (C = {probe.strength:g})"
        )


def skipped_notes(train: Sequence[Skipped], val: Sequence[Skipped]) -> Iterator[str]:
    """Count how many faces of each split could not be used, with the first reason."""
    for name, skipped in (("train", train), ("val", val)):
        if skipped:
            yield (
                f"{len(skipped)} faces of {name} could not be used; the first: {skipped[0].key}:"
                f" {skipped[0].reason}"
            )
