"""Readers of faces by the names of what they read with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from registry import FaceSettings
from registry.faces.reader import FaceReader
from registry.plugins.chosen import choose_faces
from registry.plugins.discovery import Plugins

__all__ = ["reader_of"]


def reader_of(
    plugins: Plugins,
    *,
    face_detector: str = "dlib",
    landmarker: str | None = None,
    predictor: Path | None = None,
    **settings: Any,
) -> FaceReader:
    """What a configuration of these names gives."""
    landmarks = None if predictor is None else str(predictor)
    named = FaceSettings(face_detector=face_detector, landmarker=landmarker, landmarks=landmarks)
    return FaceReader(chosen=choose_faces(plugins, named), predictor=predictor, **settings)


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Inside, no file of this name can be opened, as on a network drive that is away."""
    read = Path.read_bytes

    def refused(self: Path) -> bytes:
        if self.name == name:
            raise PermissionError(13, "Permission denied")
        return read(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_bytes", refused)
        yield
