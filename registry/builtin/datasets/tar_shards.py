"""WebDataset shards: tar files of samples, each an image and a JSON that describes it."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from registry.archives import INDEX, ArchiveIndex, archive_index, inside, read_entry
from registry.builtin.datasets.splits import choose_split
from registry.contracts.types import DatasetRequest, Frame, Video, VideoIndex
from registry.data.media import IMAGE_SUFFIXES, natural
from registry.errors import ConfigError, DataError
from registry.objects import object_names
from registry.urls import url_of

__all__ = ["recognises_shards", "shard_videos"]

_TAR = ".tar"
_MASK = "mask.png"
_FILE = "file://"
# The key of a sample is the name up to the first dot after the last slash, as WebDataset has it.
_MEMBER = re.compile(r"((?:.*/)?[^./]+)\.([^/]+)")
_LABELS: Mapping[Any, Literal[0, 1]] = {0: 0, 1: 1, "real": 0, "fake": 1}
_USAGE = (
    "write wds:DIR for a folder of .tar files, wds:FILE.tar for one, or wds:'NAME-{000000..000041}"
    ".tar' for several; each may start with s3://, gs:// or what else fsspec reads"
)


def recognises_shards(path: Path) -> bool:
    """Recognise shards of `bench prepare --shards`, by the index beside one, or a folder of
    them.
    """
    if path.is_file():
        return path.suffix == _TAR and Path(f"{path}{INDEX}").is_file()
    return any(path.glob(f"*{_TAR}{INDEX}"))


def shard_videos(request: DatasetRequest) -> VideoIndex:
    """Return videos of the samples in shards, in order; a video may continue in the next shard.

    The JSON of a sample holds `label` (0 or 1, real or fake), and if known `video`, `frame`,
    `dataset`, `split`, `method`, `identity`, `landmarks` (68|81, 2) in pixels of the image, and
    `listed`, the path by which profiles group frames. Other keys are ignored. A sample without an
    image is a frame with an error; a shard that cannot be read, or a JSON without a label, is a
    DataError.
    """
    gathered: dict[tuple[str, str, str], _Gathered] = {}
    for archive in _archives(request):
        for sample in _samples(archive):
            key = (sample.dataset, sample.split, sample.video)
            gathered.setdefault(key, _Gathered(sample)).add(sample)
    videos = [each.video() for each in gathered.values()]
    return VideoIndex(videos=tuple(choose_split(videos, request.split, request.name)))


# --- which archives ---------------------------------------------------------------------------


def _archives(request: DatasetRequest) -> list[str]:
    """Return paths and URLs of the shards, in order; a BenchError without any."""
    text = str(request.root) if request.root is not None else request.name
    if text.lower().startswith(_FILE):
        text = text[len(_FILE) :]
    found = [each for pattern in _expanded(text) for each in _of_pattern(pattern)]
    if not found:
        raise DataError(f"no {_TAR} files in {text}; {_USAGE}")
    return found


def _expanded(text: str) -> list[str]:
    """Expand braces: `a-{0..2}.tar` stands for three names."""
    if "{" not in text:
        return [text]
    if not _has("braceexpand"):
        raise ConfigError(
            f"wds:{text} is read with the package braceexpand, which is not installed:"
            " pip install 'lesb-plugin[wds]'"
        )
    from braceexpand import braceexpand

    try:
        return list(braceexpand(text))
    except ValueError as error:
        raise ConfigError(f"wds:{text}: {error}; {_USAGE}") from None


def _of_pattern(text: str) -> Iterator[str]:
    if url := url_of(text):
        whole = url if url.endswith(_TAR) else f"{url.rstrip('/')}/*{_TAR}"
        yield from object_names(whole) if "*" in whole else [whole]
        return
    path = Path(text).expanduser()
    if path.is_dir():
        names = [each.name for each in path.iterdir() if each.suffix == _TAR]
        yield from (str(path / name) for name in sorted(names, key=natural))
    else:
        yield str(path)


def _has(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # a module that was switched off
        return False


# --- samples ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """A sample as its JSON describes it."""

    dataset: str
    video: str
    split: str
    label: Literal[0, 1]
    method: str
    identity: str | None
    frame: Frame


@dataclass(frozen=True, slots=True)
class _Named:
    """The place of a sample: its shard, its key, and its members by suffix."""

    archive: str
    key: str
    members: Mapping[str, str]

    @property
    def place(self) -> str:
        """Return the sample's place for messages."""
        return f"{self.archive}/{self.key}"

    def path(self, member: str) -> Path:
        """Return the path by which a member is read."""
        return Path(f"{self.archive}/{member}")


def _samples(archive: str) -> Iterator[_Sample]:
    index = archive_index(archive)
    for named in _grouped(archive, index):
        if "json" in named.members or any(f".{each}" in IMAGE_SUFFIXES for each in named.members):
            yield _sample(named, _values(named, index))


def _grouped(archive: str, index: ArchiveIndex) -> Iterator[_Named]:
    """Group neighbouring members of one key; a DataError if they are not neighbours."""
    grouped: dict[str, dict[str, str]] = {}
    for name in index.entries:
        found = _MEMBER.fullmatch(name)
        if found is not None:
            grouped.setdefault(found[1], {})[found[2].lower()] = name
    return (_Named(archive, key, members) for key, members in grouped.items())


def _values(named: _Named, index: ArchiveIndex) -> Mapping[str, Any]:
    """Return the content of a sample's JSON, from the index if that holds it."""
    if index.samples is not None and named.key in index.samples:
        return index.samples[named.key]
    if "json" not in named.members:
        raise DataError(
            f"no JSON beside {named.place}; each sample needs KEY.json with"
            ' {"label": 0 or 1, "video": "..."}, as `bench prepare --shards` writes it'
        )
    member = inside(named.path(named.members["json"]))
    assert member is not None  # noqa: S101 - the name of an archive ends in .tar
    try:
        values = json.loads(read_entry(member))
    except (ValueError, RecursionError) as error:
        raise DataError(f"cannot read the JSON of {named.place}: {error}") from None
    if not isinstance(values, dict):
        raise DataError(f"the JSON of {named.place} is no object with a label")
    return values


def _sample(named: _Named, values: Mapping[str, Any]) -> _Sample:
    label = values.get("label")
    if isinstance(label, bool) or not isinstance(label, int | str) or label not in _LABELS:
        raise DataError(
            f"label of {named.place} is {label!r}; its JSON must say 0 or real, 1 or fake"
        )
    text = {key: str(values.get(key) or "") for key in ("dataset", "video", "split", "method")}
    identity = values.get("identity")
    return _Sample(
        dataset=text["dataset"] or _family(named.archive),
        video=text["video"] or named.key,
        split=text["split"],
        label=_LABELS[label],
        method=text["method"] if _LABELS[label] else "",
        identity=None if identity is None else str(identity),
        frame=_frame(named, values),
    )


def _family(archive: str) -> str:
    """Return what shards of one data set share: `a/set-000012.tar` -> `set`."""
    return re.sub(r"[-_.]?\d+$", "", Path(archive).stem) or Path(archive).stem


def _frame(named: _Named, values: Mapping[str, Any]) -> Frame:
    images = [name for kind, name in named.members.items() if f".{kind}" in IMAGE_SUFFIXES]
    number, listed = values.get("frame", 0), values.get("listed")
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        raise DataError(f"frame of {named.place} is {number!r}; its JSON must say a number from 0")
    landmarks = "json" in named.members and bool(values.get("landmarks"))
    mask = named.members.get(_MASK)
    return Frame(
        path=named.path(images[0] if images else f"{named.key}.png"),
        index=number,
        landmarks=named.path(named.members["json"]) if landmarks else None,
        mask=None if mask is None else named.path(mask),
        listed=None if listed is None else str(listed),
    )


class _Gathered:
    """The samples of one video."""

    def __init__(self, first: _Sample) -> None:
        self._first = first
        self._frames: dict[int, Frame] = {}

    def add(self, sample: _Sample) -> None:
        """Add a sample; a DataError if it contradicts the others or is a duplicate."""
        first, frame = self._first, sample.frame
        if (sample.label, sample.method) != (first.label, first.method):
            raise DataError(
                f"video {sample.video!r} is labelled in two ways: {first.label} {first.method} in"
                f" {first.frame.path}, {sample.label} {sample.method} in {frame.path}"
            )
        other = self._frames.setdefault(frame.index, frame)
        if other is not frame:
            raise DataError(
                f"frame {frame.index} of video {sample.video!r} is there twice: {other.path} and"
                f" {frame.path}; name every shard once, and number the frames of a video"
            )

    def video(self) -> Video:
        """Return the video, its frames ordered by number."""
        first = self._first
        return Video(
            dataset=first.dataset,
            id=first.video,
            label=first.label,
            frames=tuple(self._frames[at] for at in sorted(self._frames)),
            split=first.split,
            method=first.method,
            identity=first.identity,
        )
