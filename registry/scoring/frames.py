"""Choose the frames to score from a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from registry.console import progress, say
from registry.contracts.types import Frame, Video, VideoIndex
from registry.data.index import find_index, select_frames
from registry.data.options import data_options, resolved_lines
from registry.errors import ConfigError
from registry.plugins.discovery import Plugins
from registry.scoring.chunks import Unit
from registry.settings.shared import VideoSettings
from registry.settings.tasks import ScoredDataSettings

__all__ = ["choose_units", "find_data"]


def find_data(config: ScoredDataSettings, plugins: Plugins) -> list[VideoIndex]:
    """Find every data set of `config.dataset`; print which share of the files of an index
    exists.
    """
    if not config.dataset:
        raise ConfigError(
            "no data to score; pass --dataset PATH (a manifest or folder), a name of"
            " `bench list datasets`, or kind:NAME; --dataset toy needs nothing on disk"
        )
    data: list[VideoIndex] = []
    names: set[str] = set()
    for name in config.dataset:
        found = find_index(name, config.split, plugins, data_options(config))
        taken = names & {video.dataset for video in found}
        if taken:
            raise ConfigError(
                f"--dataset {name} is the second one named {taken.pop()!r}; their rows"
                " could not be distinguished. Evaluate them in two runs, or rename the"
                " folder"
            )
        names |= {video.dataset for video in found}
        data.append(found)
    if not config.quiet:
        for line in resolved_lines(data):
            say(line)
    return data


def choose_units(config: VideoSettings, videos: Sequence[Video]) -> list[Unit]:
    """Choose the frames to score; video files are opened to count their frames."""
    chosen: dict[int, tuple[Frame, ...]] = {}
    files = [at for at, video in enumerate(videos) if video.file is not None]
    with ThreadPoolExecutor(max(1, config.workers)) as pool:
        opened = pool.map(lambda at: _frames(config, videos[at]), files)
        counted = zip(files, opened, strict=True)
        quiet = config.quiet or not files
        chosen |= progress(counted, "opening", total=len(files), unit="video", quiet=quiet)
    return [
        Unit(video, frame)
        for at, video in enumerate(videos)
        for frame in chosen.get(at) or _frames(config, video)
    ]


def _frames(config: VideoSettings, video: Video) -> tuple[Frame, ...]:
    return select_frames(video, config.frames, config.frame_policy)
