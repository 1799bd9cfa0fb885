"""What is asked of readers of data sets, and what they found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from registry.contracts.types import DatasetRequest, Video


def request(root: Path | None, split: str = "test", name: str = "set") -> DatasetRequest:
    return DatasetRequest(name=name, root=root, split=split)


def ids(videos: Iterable[Video]) -> list[str]:
    return [video.id for video in videos]
