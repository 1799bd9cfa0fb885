"""Notes on the tables of any fit, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lesb_plugin.lesb.probe import Probe
from lesb_plugin.lfd.variants import Skipped

__all__ = ["probe_note", "skipped_notes"]


def probe_note(probe: Probe | None) -> Iterator[str]:
    """Yield a note if the head is a probe, with the reason."""
    if probe is not None:
        yield (
            "head: probe, a linear head on the whole embedding, because the weights have"
            f" no fake/real head (C = {probe.strength:g})"
        )


def skipped_notes(train: Sequence[Skipped], val: Sequence[Skipped]) -> Iterator[str]:
    """Count the faces of each split that could not be used, with the first reason."""
    for name, skipped in (("train", train), ("val", val)):
        if skipped:
            yield (
                f"{len(skipped)} faces of {name} could not be used; the first: {skipped[0].key}:"
                f" {skipped[0].reason}"
            )
