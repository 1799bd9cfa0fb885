"""What a reader of a result must know besides its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry.contracts.backbone import Backbone
from registry.contracts.detector import Detector
from registry.contracts.traits import traits_of
from registry.contracts.types import WHOLE, VideoIndex

__all__ = ["domains_of", "model_remarks", "remarks"]


def domains_of(
    data: Sequence[VideoIndex], backbone: Backbone | None, detector: Detector
) -> dict[str, str]:
    """Say whether backbone or artefact were trained on the data set that they are evaluated on."""
    trained = () if backbone is None else backbone.trained_on
    seen = {each.dataset for each in trained} | set(traits_of(detector).trained_on)
    unknown = any(each.task == "unknown" for each in trained)
    names = {video.dataset: {video.dataset, index.part_of} for index in data for video in index}
    return {
        dataset: "in-domain" if either & seen else "unknown" if unknown else "cross-dataset"
        for dataset, either in names.items()
    }


def remarks(
    data: Sequence[VideoIndex],
    domains: Mapping[str, str],
    backbone: Backbone | None,
    detector: Detector,
    checkpoint_selection: str,
) -> tuple[str, ...]:
    """Return sentences on the data, on how weights were chosen, and on what they were trained
    for.
    """
    notes = [
        f"{dataset}: {domain}, the detector or its backbone was trained on this data set;"
        " the same people may be among those scored"
        for dataset, domain in domains.items()
        if domain == "in-domain"
    ]
    notes += [note for index in data for note in index.notes]
    if checkpoint_selection == "test":
        notes.append(
            "the weights were selected on test data: the numbers are too good to be compared"
        )
    return (*notes, *(() if backbone is None else model_remarks(backbone, detector)))


def model_remarks(backbone: Backbone, detector: Detector) -> list[str]:
    """Return sentences on weights and crops, whatever the data."""
    notes = []
    if backbone.crop.name in WHOLE:
        notes.append(
            "faces were neither detected nor cropped: every frame was taken whole, as"
            f" --crop-from {backbone.crop.name} requires of images that are already face"
            " crops"
        )
    if backbone.weights == "random":
        notes.append(f"backbone {backbone.name} has random weights: the scores mean nothing")
    elif not any(each.task in ("forgery", "unknown") for each in backbone.trained_on):
        seen = ", ".join(f"{each.dataset} ({each.task})" for each in backbone.trained_on)
        notes.append(
            f"backbone {backbone.name} was never trained to detect forgeries (trained on:"
            f" {seen or 'nothing that is recorded'}); expect an AUC near 0.5"
        )
    head = traits_of(detector).head_kind
    if head != "own":
        notes.append(
            f"head is a {head}: the weights have no fake/real head, so a linear one was"
            " fitted on self-blended faces"
        )
    return notes
