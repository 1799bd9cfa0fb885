"""`explain` for Python programs: the verdict, scores, maps and pictures of files as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lesb_plugin.explain.config import ExplainConfig
from lesb_plugin.explain.explained import Explained, Explaining
from lesb_plugin.explain.record import draw
from registry import (
    ConfigError,
    FileVerdict,
    Picture,
    Prediction,
    as_files,
    check_inputs,
    picture_uri,
    plain_sentence,
    tag,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["FileExplanation", "explain"]

_INCHES = 4.0  # width of each picture of a figure


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class FileExplanation:
    """The answer of `bench explain` for a file, as values.

    `maps` are those of the face with the highest score by target ("face", or a part), (h, w)
    float32, higher meaning more fake; `crop` is that face, (S, S, 3) uint8 RGB, which they lie on.
    `pictures` are what a report shows, uint8 RGB or RGBA, by name: `photo`, `overlay`, `map_face`.
    Without a score there are none, and `prediction.error` says why.
    """

    prediction: Prediction
    verdict: FileVerdict
    sentence: str
    crop: NDArray[np.uint8] | None
    maps: Mapping[str, NDArray[np.float32]]
    pictures: Mapping[str, NDArray[np.uint8]]
    notes: tuple[str, ...]

    @property
    def path(self) -> Path:
        """Return the file, or the name of an image that has none."""
        return self.prediction.path

    @property
    def score(self) -> float | None:
        """Return the score in [0, 1], higher meaning more fake; None if it could not be scored."""
        return self.prediction.score

    @property
    def parts(self) -> Mapping[str, float]:
        """Return scores of the parts in [0, 1]; `verdict.readable` says whether they are places."""
        return self.prediction.parts

    def figure(self) -> Figure:
        """Return the photograph and what points to a manipulation, as a matplotlib figure.

        A ConfigError without a score, or without matplotlib.
        """
        images = self._photo_and_findings()
        try:
            from matplotlib.figure import Figure
        except ImportError:
            raise ConfigError(
                "a figure needs matplotlib: pip install 'lesb-plugin[figures]'"
            ) from None
        figure = Figure(figsize=(_INCHES * len(images), _INCHES), layout="constrained")
        row = figure.subplots(1, len(images), squeeze=False)[0]
        for axes, image in zip(row, images, strict=True):
            axes.imshow(image)
            axes.axis("off")
        figure.suptitle(self.sentence, wrap=True)
        return figure

    def _photo_and_findings(self) -> list[NDArray[np.uint8]]:
        """Return the photograph, and the picture with what was found, if one could be drawn."""
        if not self.pictures:
            raise ConfigError(f"{self.path} has nothing to show: {self.prediction.error}")
        names = [name for name in self.pictures if name == "overlay" or name.startswith("map_")]
        best = "overlay" if "overlay" in names else next(iter(names), "")
        return [self.pictures["photo"], *([self.pictures[best]] if best else [])]

    def __repr__(self) -> str:
        return f"<FileExplanation {self.prediction!r}>"

    def _repr_html_(self) -> str:
        if not self.pictures:
            return str(tag("p", repr(self.prediction)))
        images = (
            tag("img", src=picture_uri(each), height=260) for each in self._photo_and_findings()
        )
        return str(tag("figure", *images, tag("figcaption", self.sentence)))


def explain(
    *inputs: Picture, config: ExplainConfig | None = None, **settings: Any
) -> list[FileExplanation]:
    """Explain images and videos, each as `bench explain` does; nothing is written.

    `inputs` are paths of files and folders, arrays (uint8 RGB), images of Pillow, and lists of
    them. Takes an ExplainConfig, its fields as keywords (but for those of the files that the
    command writes: a ConfigError), or both. A DataError is raised if no path exists; other
    BenchErrors say what to change.
    """
    if of_files := [name for name in ("out", "json", "open") if name in settings]:
        raise ConfigError(
            f"`explain` returns values and writes nothing, so {of_files[0]!r} has no meaning here;"
            " leave it out, or run `bench explain` for files"
        )
    with as_files(inputs) as files:
        config = replace(config or ExplainConfig(), **settings)
        check_inputs(list(files), clips=config.clips)
        explaining = Explaining(config)
        return [
            _explanation(found, explaining, files.get(found.prediction.path))
            for found in explaining(files, clips=config.clips)
        ]


def _explanation(found: Explained, by: Explaining, name: str | None) -> FileExplanation:
    view = max(found.views, key=lambda each: each.score, default=None)
    return FileExplanation(
        prediction=found.prediction.named(name),
        verdict=found.verdict,
        sentence=_sentence(found),
        crop=None if view is None else view.crop.image,
        maps={} if view is None else dict(view.maps or {}),
        pictures={} if view is None else dict(draw(found, view, by.config.style)),
        notes=found.notes,
    )


def _sentence(found: Explained) -> str:
    verdict = found.verdict
    if verdict.word is None:
        return verdict.none or found.prediction.error
    part = f", {verdict.part_stands_out}" if verdict.part else ""
    return f"{verdict.word}: {plain_sentence(verdict, video=found.video)}{part}"
