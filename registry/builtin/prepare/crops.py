"""Videos to crops on disk: one video at a time, over processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from registry.builtin.prepare.layout import (
    Record,
    Store,
    Target,
    add_split,
    check_clashes,
    save_record,
    targets,
)
from registry.builtin.prepare.options import PrepareConfig
from registry.cli.processes import worker_pool
from registry.contracts.types import Crop, CropPolicy, Frame, Video
from registry.data.index import FramePolicy, data_fingerprint, select_frames
from registry.errors import DataError, reading
from registry.faces.crops import crop_face
from registry.faces.masks import crop_mask
from registry.faces.reader import FaceReader, build_reader, reason_without_path
from registry.fingerprints import fingerprint
from registry.plugins.chosen import choose_faces
from registry.plugins.discovery import Plugins
from registry.ranks import mark_begun, of_first, this_rank, wait_for_all, was_begun
from registry.shared_work import shared_bar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CropRecipe", "Job", "Summary", "prepare"]

_BEGUN = "prepare"


@dataclass(frozen=True, slots=True, kw_only=True)
class CropRecipe:
    """How a video becomes crops; at most `faces` are cut out of a frame, all if None."""

    reader: FaceReader
    crop: CropPolicy
    faces: int | None
    frames: int
    frame_policy: FramePolicy

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings that all crops of a data set share."""
        chosen = {"frames": self.frames} if self.frame_policy != "all" else {}
        return {
            **asdict(self.crop),
            **chosen,
            "frame_policy": self.frame_policy,
            **self.reader.choices,
            "reader": self.reader.fingerprint,
        }

    def crops(self, frame: Frame) -> list[tuple[Crop, NDArray[np.bool_] | None]]:
        """Return the faces of a frame, the largest first, each with the mask of its changes
        where known.

        A DataError where there is no face.
        """
        with reading(frame.path):
            image, faces = self.reader.read_marked(frame)
            return [
                (
                    crop_face(image, face, self.crop),
                    None if frame.mask is None else crop_mask(frame.mask, image, face, self.crop),
                )
                for face in faces[: self.faces]
            ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One video: its source and its target."""

    video: Video
    target: Target
    source: str

    @property
    def input(self) -> str:
        """Return the file, or the first frame."""
        return str(self.video.file or self.video.frames[0].path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The state after a run: every record of the data set, and the number of new videos."""

    store: Store
    records: Sequence[Record]
    prepared: int
    skipped: int

    @property
    def has_crops(self) -> bool:
        return any(record.crops for record in self.records)

    @property
    def reasons(self) -> Counter[str]:
        """Count frames without a crop by reason."""
        return Counter(reason for record in self.records for _, reason in record.failures)


def prepare(
    videos: Sequence[Video], config: PrepareConfig, out: Path, plugins: Plugins
) -> Summary | None:
    """Prepare what is unfinished, and list everything that is finished, however the run ends.

    Processes that torchrun starts share the videos; the first one lists them, others return None.
    """
    rank, recipe = this_rank(), _recipe(config, plugins)
    settings = fingerprint(recipe.settings)
    name = config.name_in(out)
    jobs = [
        Job(video=video, target=target, source=data_fingerprint([video]))
        for video, target in zip(videos, targets(out / name, videos), strict=True)
    ]
    anew = config.overwrite and not was_begun(_BEGUN)
    # Decided once: a network's file system may show the ranks different things.
    done = of_first([not anew and job.target.finished(settings, job.source) for job in jobs])
    todo = [job for job, is_done in zip(jobs, done, strict=True) if not is_done]
    if todo:
        recipe.reader.check()
    store = None
    if rank.first:
        store = _opened(out, name, config, recipe, todo)
        finished = (job for job, is_done in zip(jobs, done, strict=True) if is_done)
        _begin(finished, todo if anew and rank.count > 1 else ())
    wait_for_all()
    try:
        _prepare(jobs, todo, _Worker(recipe, settings), config)
    finally:
        records = [] if store is None else store.write_index(settings)
    if store is None:
        return None
    skipped = len(jobs) - len(todo)
    return Summary(store=store, records=records, prepared=len(todo), skipped=skipped)


def _prepare(
    jobs: Sequence[Job], todo: Sequence[Job], worker: _Worker, config: PrepareConfig
) -> None:
    """Do a rank's share of the work, under a bar of all jobs."""
    mine = [todo[at] for at in this_rank().share(range(len(todo)))]
    total, done = len(jobs), len(jobs) - len(todo)
    with shared_bar(
        "preparing", total=total, done=done, unit="video", quiet=config.quiet
    ) as advance:
        for _ in _over_processes(mine, worker, config.workers):
            advance(1)


def _opened(
    out: Path, name: str, config: PrepareConfig, recipe: CropRecipe, todo: Sequence[Job]
) -> Store:
    if not config.overwrite:
        check_clashes(out / name, ((job.target, job.input) for job in todo))
    checkout = None if config.checkout is None else Path(config.checkout).expanduser()
    return Store(out, name, recipe.settings, checkout=checkout, overwrite=config.overwrite)


def _begin(finished: Iterable[Job], anew: Iterable[Job]) -> None:
    """Record the split of finished videos; those in `anew` count as unfinished.

    So those that are finished when a rank has died are of this torchrun, and stay as they are.
    """
    for job in finished:
        add_split(job.target, job.video.split)
    for job in anew:
        job.target.clear()
    mark_begun(_BEGUN)


def _recipe(config: PrepareConfig, plugins: Plugins) -> CropRecipe:
    return CropRecipe(
        reader=build_reader(
            choose_faces(plugins, config.reading), config.reading, track=config.search == "track"
        ),
        crop=config.crop,
        faces=None if config.policy == "sbi" else 1,
        frames=config.frames,
        frame_policy=config.frame_policy,
    )


@dataclass(frozen=True, slots=True)
class _Worker:
    """Prepares one video after another with one set of detectors."""

    recipe: CropRecipe
    settings: str

    def __call__(self, job: Job) -> None:
        job.target.clear()
        self.recipe.reader.start_video()
        frames = select_frames(job.video, self.recipe.frames, self.recipe.frame_policy)
        names: list[str] = []
        masks: list[str] = []
        failures: list[tuple[int, str]] = []
        for frame in frames:
            try:
                crops = self.recipe.crops(frame)
            except DataError as error:
                failures.append((frame.index, reason_without_path(error, frame)))
                continue
            for face, (crop, mask) in enumerate(crops):
                name = f"{frame.index:03d}" + (f"_{face}" if face else "")
                job.target.write(name, crop, mask)
                names.append(name)
                masks += [] if mask is None else [name]
        record = Record(
            settings=self.settings,
            source=job.source,
            input=job.input,
            group=job.target.group,
            key=job.target.key,
            splits=[job.video.split],
            frames=len(frames),
            crops=names,
            masks=masks,
            failures=failures,
        )
        save_record(job.target, record)


def _over_processes(jobs: Sequence[Job], worker: _Worker, count: int) -> Iterator[None]:
    """Run the jobs; finished ones are on disk, so that an error loses only those in progress."""
    count = min(count, len(jobs))
    if count <= 1:
        yield from map(worker, jobs)
        return
    with worker_pool(count, _start, worker) as pool:
        try:
            yield from pool.map(_work, jobs)
        except BrokenProcessPool:
            raise DataError(
                "a process ended without a message (out of memory, or a decoder that"
                " crashed); finished work is kept: run the same command again with fewer"
                " --workers"
            ) from None


_here: list[_Worker] = []  # of this process: its detectors are built once, not once for each video


def _start(worker: _Worker) -> None:
    import cv2

    cv2.setNumThreads(1)
    _here.append(worker)


def _work(job: Job) -> None:
    _here[0](job)
