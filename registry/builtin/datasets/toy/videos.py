"""The data set `toy`: people who do not exist, real and forged, drawn on first use and cached."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

from registry.builtin.datasets.manifest import MANIFEST, read_manifest
from registry.builtin.datasets.toy.forgeries import METHODS, Shot, forge
from registry.builtin.datasets.toy.model import FaceModel, load_faces
from registry.builtin.datasets.toy.people import draw_person, draw_pose
from registry.builtin.datasets.toy.render import camera, encode, render
from registry.console import progress
from registry.contracts.types import DatasetRequest, Video
from registry.errors import DataError, UnknownNameError
from registry.files import cache_or_scratch
from registry.leftovers import sweep, unfinished_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Cells: TypeAlias = dict[str, str | int]

__all__ = ["Plan", "draw_toy", "toy_videos"]

NAME = "toy"
FORMAT = 2  # of what is drawn; another number is another folder in the cache
_SEED = 20240501
_COLUMNS = (
    "path",
    "label",
    "identity",
    "video",
    "frame",
    "method",
    "region",
    "mask",
    "split",
    "landmarks",
)
_PERSON, _POSE, _SCENE, _CAMERA, _GRAIN, _FORGERY, _ENCODING = range(7)  # what a generator is for


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much to draw: people by split, forgeries of each, and who has a longer video."""

    people: tuple[tuple[str, int], ...] = (("train", 48), ("val", 16), ("test", 64))
    forgeries: int = 2
    video_every: int = 4
    video_frames: int = 3

    def frames(self, person: int) -> int:
        return 1 if person % self.video_every else self.video_frames

    def methods(self, person: int) -> list[str]:
        """Return the forgeries of a person, in turn, so that each kind is drawn equally often."""
        first = person * self.forgeries
        return [METHODS[index % len(METHODS)] for index in range(first, first + self.forgeries)]


def toy_videos(request: DatasetRequest) -> list[Video]:
    """Return videos of one split; the first call draws all of them, which takes some seconds."""
    if request.name != NAME:
        raise UnknownNameError("toy data set", request.name, [NAME])
    folder = cache_or_scratch() / f"{NAME}-{FORMAT}"
    if not folder.is_dir():
        try:
            _fill_cache(folder)
        except OSError as error:
            raise DataError(
                f"cannot store the toy data set in {folder.parent}: {error.strerror}; set"
                " BENCH_CACHE to a writable folder with space left"
            ) from error
    return read_manifest(folder / MANIFEST, NAME, request.split)


def _fill_cache(folder: Path) -> None:
    """Draw beside `folder` and rename, so that nobody reads an incomplete data set."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    sweep(folder.parent)
    unfinished = folder.with_name(unfinished_name(folder.name))
    unfinished.mkdir()
    try:
        draw_toy(unfinished, Plan())
        try:
            unfinished.replace(folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster, with the same result
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def draw_toy(folder: Path, plan: Plan, *, quiet: bool = False) -> None:
    """Write the data set that `plan` describes into `folder`: PNG, .npy and a manifest."""
    total = sum(count for _, count in plan.people)
    people = progress(
        _draw_people(folder, plan), "drawing toy faces", total=total, unit="person", quiet=quiet
    )
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, _COLUMNS)
        writer.writeheader()
        for rows in people:
            writer.writerows(rows)


def _draw_people(folder: Path, plan: Plan) -> Iterator[list[Cells]]:
    """Yield rows of one person after another; a split's people are each other's donors."""
    model, first = load_faces(), 0
    with ThreadPoolExecutor() as pool:
        for split, count in plan.people:
            people = range(first, first + count)
            shots = [*pool.map(lambda person: _shoot(model, person, plan.frames(person)), people)]
            files = [_published(person, own[0]) for person, own in zip(people, shots, strict=True)]
            donors = files[1:] + files[:1]
            yield from pool.map(
                lambda person, own, donor, split=split: _write_person(
                    folder, split, person, plan.methods(person), own, donor
                ),
                people,
                shots,
                donors,
            )
            first += count


def _shoot(model: FaceModel, person: int, frames: int) -> list[Shot]:
    """Return the frames of a person's video as the camera took them."""
    who = draw_person(_rng(_PERSON, person), model.rank)
    shots, pose = [], None
    for frame in range(frames):
        pose = draw_pose(_rng(_POSE, person, frame), model.rank, pose)
        scene, landmarks = render(model, who, pose, _rng(_SCENE, person))
        image = camera(scene, _rng(_CAMERA, person), _rng(_GRAIN, person, frame))
        shots.append(Shot(np.rint(np.clip(image, 0, 255)).astype(np.uint8), landmarks))
    return shots


def _published(person: int, shot: Shot) -> Shot:
    """Return the first frame of the person's real video: donors are compressed pictures."""
    return Shot(encode(shot.image, _rng(_ENCODING, person, 0)), shot.landmarks)


def _write_person(
    folder: Path, split: str, person: int, methods: Sequence[str], shots: list[Shot], donor: Shot
) -> list[Cells]:
    """Write a person's real video and its forgeries; rows of the manifest, one per frame."""
    rows: list[Cells] = []
    for frame, shot in enumerate(shots):
        name = f"{person:03d}"
        common: Cells = {"identity": name, "split": split, "frame": frame}
        common["landmarks"] = f"landmarks/{name}/{frame}.npy"
        _write_landmarks(folder / str(common["landmarks"]), shot.landmarks)
        path = f"frames/{name}/{frame}.png"
        _write_png(folder / path, encode(shot.image, _rng(_ENCODING, person, frame)))
        rows.append({**common, "path": path, "label": 0, "video": name})
        for method in methods:
            rng = _rng(_FORGERY, person, frame, METHODS.index(method))
            forgery = forge(method, shot, donor, rng)
            video = f"{name}_{method}"
            path, mask = f"frames/{video}/{frame}.png", f"masks/{video}/{frame}.png"
            _write_png(folder / path, encode(forgery.image, rng))
            _write_png(folder / mask, forgery.mask)
            fake: Cells = {"path": path, "label": 1, "video": video, "method": method}
            rows.append({**common, **fake, "region": forgery.region, "mask": mask})
    return rows


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(".png", image[..., ::-1] if image.ndim == 3 else image)
    path.write_bytes(data.tobytes())


def _write_landmarks(path: Path, landmarks: NDArray[np.float64]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, landmarks.astype(np.float32))


def _rng(*key: int) -> np.random.Generator:
    return np.random.default_rng([_SEED, *key])
