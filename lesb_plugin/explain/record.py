"""Write what lies beside a report: the numbers as JSON, the raw maps, and the pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lesb_plugin.drawing.evidence import composed, evidence_layer, outlined, with_scale
from lesb_plugin.explain.explained import Explained, Explaining, FaceView
from registry import (
    BenchError,
    file_record,
    package_versions,
    read_json,
    replacing,
    write_text,
)

__all__ = [
    "Pictures",
    "as_record",
    "clear_pictures",
    "draw",
    "line_of",
    "record_of",
    "report_of",
    "with_stages",
    "write_json",
    "write_pictures",
]

_PACKAGES = ("lesb-plugin", "numpy", "opencv-python-headless", "torch", "timm")

_ENDS = ("as in real faces", "fake")  # of the scale of a map

Pictures = Mapping[str, NDArray[np.uint8]]
"""Of one view, in true proportions: `photo`, `layer` (RGBA, over the whole frame, where the maps
can be laid over it), and `map_TARGET` with its scale for every map."""


def draw(found: Explained, view: FaceView, style: Any) -> Pictures:
    """Return the pictures of a view, without those that cannot be drawn."""
    photo = _proportioned(view)
    pictures: dict[str, NDArray[np.uint8]] = {"photo": photo}
    shape, whole = photo.shape[:2], (0, 0, photo.shape[1], photo.shape[0])
    layers = {
        target: evidence_layer(shape, whole, heat, found.scales[target], style)
        for target, heat in (view.maps or {}).items()
    }
    for target, layer in layers.items():
        pictures[f"map_{target}"] = with_scale(composed(photo, layer), _ENDS, style)
    whole_layer = _frame_layer(found, view, style)
    if whole_layer is not None:
        pictures["layer"] = whole_layer
        pictures["overlay"] = with_scale(composed(view.picture, whole_layer), _ENDS, style)
    return pictures


def _proportioned(view: FaceView) -> NDArray[np.uint8]:
    """Resize the crop to the proportions of the face in the photograph: crops are square."""
    side = view.crop.image.shape[0]
    wide, high = (
        (round(side * view.aspect), side) if view.aspect < 1 else (side, round(side / view.aspect))
    )
    image = cv2.resize(view.crop.image, (max(1, wide), max(1, high)), interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8)


def _frame_layer(found: Explained, view: FaceView, style: Any) -> NDArray[np.uint8] | None:
    """Return the evidence over the whole frame, and the outline of the part that stands out."""
    if not view.upright:
        return None
    shape = view.picture.shape[:2]
    layer = np.zeros((*shape, 4), np.uint8)
    if view.main_map is not None:
        scale = found.scales[view.main_target]
        layer = evidence_layer(shape, view.crop.box, view.main_map, scale, style)
    part = found.verdict.part
    if part is not None and view.polygons and part in view.polygons:
        layer = outlined(layer, [_into_frame(view, each) for each in view.polygons[part]], style)
    return layer


def _into_frame(view: FaceView, points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return points (n, 2) of the crop in pixels of the frame."""
    x0, y0, x1, y1 = view.crop.box
    scale = np.array([x1 - x0, y1 - y0]) / view.crop.image.shape[0]
    return np.asarray((points + 0.5) * scale + (x0, y0) - 0.5, np.float64)


def report_of(folder: Path, name: str) -> str | None:
    """Return the file that the report NAME in a folder describes; None if none can be read."""
    path = record_of(folder, name).get("path")
    return path if isinstance(path, str) else None


def clear_pictures(folder: Path, name: str) -> None:
    """Delete the pictures and maps of an earlier report NAME: a new one may have none."""
    listed = [f"{name}.maps.npz"]
    with suppress(TypeError, AttributeError):  # a file that is not as this program writes it
        views = record_of(folder, name).get("views") or ()
        listed += [each for view in views for each in view.get("pictures", {}).values()]
    for picture in map(str, listed):
        if picture == Path(picture).name and picture.startswith(f"{name}."):
            (folder / picture).unlink(missing_ok=True)


def record_of(folder: Path, name: str) -> dict[str, Any]:
    """Read the numbers of the report NAME in a folder; nothing if none can be read."""
    try:
        earlier = read_json(folder / f"{name}.json")
    except (OSError, BenchError):
        return {}
    return earlier if isinstance(earlier, dict) else {}


def write_pictures(
    folder: Path, name: str, drawn: list[Pictures], views: tuple[FaceView, ...]
) -> None:
    """Write NAME.VIEW.PICTURE.png for every picture, and NAME.maps.npz if there are maps."""
    for number, pictures in enumerate(drawn, 1):
        for key, image in pictures.items():
            if key == "layer":
                continue
            with replacing(folder / picture_name(name, number, key)) as temporary:
                temporary.write_bytes(cv2.imencode(".png", image[..., ::-1])[1].tobytes())
    maps = {
        f"{number}/{target}": heat
        for number, view in enumerate(views, 1)
        for target, heat in (view.maps or {}).items()
    }
    if maps:
        with replacing(folder / f"{name}.maps.npz") as temporary, temporary.open("wb") as file:
            np.savez(file, **maps)  # type: ignore[arg-type]


def picture_name(name: str, number: int, key: str) -> str:
    return f"{name}.{number}.{key}.png"


def as_record(found: Explained, by: Explaining, name: str, drawn: list[Pictures]) -> dict[str, Any]:
    """Return the fields of `bench predict --json`, and those of the report called `name`."""
    prediction = found.prediction
    origin = {
        **by.predictor.origin,
        "explainer": by.explainer,
        "explainer_options": dict(by.config.explain),
        "versions": versions(),
    }
    return {
        **file_record(prediction, audit=by.predictor.audit, origin=origin),
        "file": dict(found.facts),
        "face_pixels": prediction.face_pixels,
        "views": [
            _view(view, name, number, pictures)
            for number, (view, pictures) in enumerate(zip(found.views, drawn, strict=True), 1)
        ],
        "map_scales": {target: asdict(scale) for target, scale in found.scales.items()} or None,
        "report_notes": list(found.notes),
    }


def with_stages(record: Mapping[str, Any], stages: Mapping[str, float]) -> dict[str, Any]:
    """Return the record with the seconds of each stage of the work, rounded."""
    return {**record, "seconds": {stage: round(value, 3) for stage, value in stages.items()}}


def line_of(record: Mapping[str, Any], folder: Path, name: str) -> str:
    """Return the record as a line of JSON with `files`, the paths of what was written of it.

    Pictures are named in its `views`, and lie in the same folder; `maps` is null without maps.
    """
    ends = {"report": "html", "json": "json", "maps": "maps.npz"}
    paths = {key: folder / f"{name}.{end}" for key, end in ends.items()}
    files = {key: str(path) if path.is_file() else None for key, path in paths.items()}
    return json.dumps({**record, "files": files}, allow_nan=False)


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write the record as a file, whole or not at all."""
    write_text(path, json.dumps(record, indent=1, allow_nan=False) + "\n")


def versions() -> dict[str, str]:
    """Return versions of the packages that decide what a network and a picture are.

    A build of OpenCV may have another.
    """
    found = package_versions(_PACKAGES)
    return {package: version for package, version in found.items() if version is not None}


def _view(view: FaceView, name: str, number: int, pictures: Pictures) -> dict[str, Any]:
    """Landmarks and polygons are in pixels of the crop, the box in those of the upright frame."""
    crop = view.crop
    maps = {
        target: {"array": f"{number}/{target}", "least": float(m.min()), "most": float(m.max())}
        for target, m in (view.maps or {}).items()
    }
    polygons = {part: [each.tolist() for each in p] for part, p in (view.polygons or {}).items()}
    return {
        "frame": crop.frame,
        "seconds": view.seconds,
        "face": crop.face,
        "score": view.score,
        "parts": dict(view.parts) or None,
        "box": list(crop.box),
        "crop_size": crop.image.shape[0],
        "landmarks": None if crop.landmarks is None else crop.landmarks.tolist(),
        "polygons": polygons or None,
        "maps": maps or None,
        "explainer_parts": None if view.regions is None else dict(view.regions),
        "pictures": {key: picture_name(name, number, key) for key in pictures if key != "layer"},
        "notes": list(view.notes),
    }
