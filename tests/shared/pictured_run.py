"""A run whose faces can be found again: images of noise with landmarks, scores of parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from registry.contracts.types import Video
from registry.data.index import find_videos
from registry.faces.crops import crop_face
from registry.plugins.discovery import load_plugins
from registry.settings.load import as_yaml
from registry.settings.tasks import EvalConfig
from tests.shared.readers import reader_of
from tests.shared.synthetic_run import manifest, provenance, row, run_folder

Scores = Callable[[int, Video], dict[str, float]]


def by_number(number: int, video: Video) -> dict[str, float]:
    """Fakes above .5 but for the first of them, reals below but for the first."""
    first = video.frames[0].path.parent.name == "0"
    high = bool(video.label) != first
    base = (0.6 if high else 0.1) + number / 100
    return {"fake": base, "p_eyes": base, "p_nose": base + 0.1, "p_mouth": base + 0.2}


def pictured_run(folder: Path, scores: Scores = by_number, **config: Any) -> Path:
    """`folder`/run over `folder`/data: four real and four fake images of 64 pixels."""
    data = manifest(folder / "data")
    run = folder / "run"
    run.mkdir()
    plugins = load_plugins()
    videos = find_videos(str(data), "test", plugins)
    policy = provenance().backbone.crop  # type: ignore[union-attr]
    reader = reader_of(plugins=plugins)
    rows = []
    for number, video in enumerate(videos):
        (frame,) = video.frames
        image, face = reader.read_one(frame)
        sides = zip(("x0", "y0", "x1", "y1"), crop_face(image, face, policy).box, strict=True)
        about = {name: getattr(video, name) for name in ("dataset", "label", "method", "split")}
        about |= {"video": video.id, "path": str(frame.path)}
        rows.append(row(**about, **dict(sides), **scores(number, video)))
    run_folder(run, rows, vote_variants=frozenset(), draws=2)
    given = {"dataset": (str(data),), "metrics": ("auc",), **config}
    (run / "config.yaml").write_text(as_yaml(EvalConfig(**given)))
    return run


__all__: Sequence[str] = ["by_number", "pictured_run"]
