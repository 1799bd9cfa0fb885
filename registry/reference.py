"""Real faces that explanations compare a face with."""

from __future__ import annotations

from dataclasses import replace

from registry.console import progress, say
from registry.crops import crop_face
from registry.data import find_videos
from registry.errors import DataError
from registry.plugins import load_plugins
from registry.reader import FaceReader
from registry.real_faces import FaceSample, samples
from registry.types import Crop, CropPolicy

__all__ = ["real_crops"]

_SPLITS = ("val", "train")  # never test: a face should not be compared with itself


def real_crops(data: str, policy: CropPolicy, count: int, *, quiet: bool = False) -> list[Crop]:
    """At most `count` real faces with landmarks of the data set `data`, of its val split first.

    Data without splits gives any of its real faces. Faces that cannot be read are told of and left
    out; a DataError where none is left.
    """
    found, failed = [], []
    chosen = _real_samples(data)[:count]
    for sample in progress(chosen, f"real faces of {data}", unit="face", quiet=quiet):
        try:
            image, face = sample.load()
            crop = crop_face(image, face, policy)
        except DataError as error:
            failed.append(str(error))
            continue
        dataset, video, frame = sample.key.rsplit("/", 2)
        found.append(replace(crop, dataset=dataset, video=video, frame=int(frame)))
    if failed and not quiet:
        say(f"note: {len(failed)} real faces of {data} are left out; the first: {failed[0]}")
    if not found:
        why = f": {failed[0]}" if failed else ""
        raise DataError(f"data set {data!r} has no real face to compare with{why}; name another")
    return found


def _real_samples(data: str) -> list[FaceSample]:
    """Those of the splits that there are; the DataError of the last one where there is none."""
    plugins = load_plugins()
    reader = FaceReader(plugins=plugins)
    found: list[FaceSample] = []
    for split in _SPLITS:
        try:
            found += samples(find_videos(data, split, plugins), reader)
        except DataError:
            if split == _SPLITS[-1] and not found:
                raise
    return found
