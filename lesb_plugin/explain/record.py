"""What is written beside a report: the numbers as JSON, the raw maps, and the pictures."""

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

from lesb_plugin.drawing.overlay import overlay, region_fill
from lesb_plugin.explain.explained import Explained, Explaining, FaceView
from lesb_plugin.explain.verdict import AUTHENTIC_ABOVE, MANIPULATED_UP_TO, REALS_WITHIN
from registry import BenchError, package_versions, read_json, replacing, write_text

__all__ = [
    "SCHEMA",
    "Pictures",
    "as_record",
    "clear_pictures",
    "draw",
    "report_of",
    "with_stages",
    "write_json",
    "write_pictures",
]

SCHEMA = 1  # of the JSON; another number means that a field has changed or gone
_PACKAGES = ("lesb-plugin", "numpy", "opencv-python-headless", "torch", "timm")

Pictures = Mapping[str, NDArray[np.uint8]]
"""Of one view: `photo`, `regions` where the parts have places, `map_TARGET` for every map."""


def draw(view: FaceView, limit: float, style: Any) -> Pictures:
    """The pictures of a view; what cannot be drawn is not there."""
    image = view.crop.image
    found: dict[str, NDArray[np.uint8]] = {"photo": image}
    placed = {name: p for name, p in view.parts.items() if name in (view.polygons or {})}
    if view.polygons is not None and placed:
        found["regions"] = region_fill(image, view.polygons, placed, style)
    for target, heat in (view.maps or {}).items():
        found[f"map_{target}"] = overlay(image, heat, limit=limit, style=style)
    return found


def report_of(folder: Path, name: str) -> str | None:
    """The file that the report NAME in a folder is of; None where none can be read."""
    path = _earlier(folder, name).get("path")
    return path if isinstance(path, str) else None


def clear_pictures(folder: Path, name: str) -> None:
    """Take away the pictures and maps of an earlier report NAME: a new one may have none."""
    listed = [f"{name}.maps.npz"]
    with suppress(TypeError, AttributeError):  # a file that is not as this program writes it
        views = _earlier(folder, name).get("views") or ()
        listed += [each for view in views for each in view.get("pictures", {}).values()]
    for picture in map(str, listed):
        if picture == Path(picture).name and picture.startswith(f"{name}."):
            (folder / picture).unlink(missing_ok=True)


def _earlier(folder: Path, name: str) -> dict[str, Any]:
    try:
        earlier = read_json(folder / f"{name}.json")
    except (OSError, BenchError):
        return {}
    return earlier if isinstance(earlier, dict) else {}


def write_pictures(
    folder: Path, name: str, drawn: list[Pictures], views: tuple[FaceView, ...]
) -> None:
    """NAME.VIEW.PICTURE.png of every picture, and NAME.maps.npz where there are maps."""
    for number, pictures in enumerate(drawn, 1):
        for key, image in pictures.items():
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
    """Everything that is known of a file, as plain data; what is absent is null, never empty."""
    prediction = found.prediction
    return {
        "schema": SCHEMA,
        "path": str(prediction.path),
        "sha256": prediction.sha256,
        "error": prediction.error or None,
        "verdict": _verdict(found, by),
        "no_verdict": found.no_verdict or None,
        "score": prediction.score,
        "variants": dict(prediction.variants) or None,
        "parts": {row.name: _without_name(asdict(row)) for row in found.parts} or None,
        "part": _part(found),
        "audit": None if by.audit is None or found.word is None else by.audit.to_json(),
        "faces": prediction.faces,
        "faces_left_out": prediction.faces_left_out,
        "frames_used": prediction.frames_used,
        "views": [
            _view(view, name, number, pictures)
            for number, (view, pictures) in enumerate(zip(found.views, drawn, strict=True), 1)
        ],
        "map_limit": found.limit or None,
        "frames": [asdict(frame) for frame in prediction.frames],
        "notes": list(found.notes),
        "origin": {
            **by.predictor.origin,
            "explainer": by.explainer,
            "explainer_options": dict(by.config.explain),
            "versions": versions(),
        },
    }


def with_stages(record: Mapping[str, Any], stages: Mapping[str, float]) -> dict[str, Any]:
    """The record with the seconds of each stage of the work, rounded."""
    return {**record, "seconds": {stage: round(value, 3) for stage, value in stages.items()}}


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """The record as a file that is there whole or not at all."""
    write_text(path, json.dumps(record, indent=1, allow_nan=False) + "\n")


def versions() -> dict[str, str]:
    """Of the packages that decide what a network and a picture are, as far as they have this name.

    A build of OpenCV may have another.
    """
    found = package_versions(_PACKAGES)
    return {package: version for package, version in found.items() if version is not None}


def _verdict(found: Explained, by: Explaining) -> dict[str, Any] | None:
    if found.word is None:
        return None
    return {
        "word": found.word,
        "p": found.p,
        "manipulated_up_to": MANIPULATED_UP_TO,
        "authentic_above": AUTHENTIC_ABOVE,
        "reference": (found.reals or by.reals).name,
        "reference_faces": 0 if found.reals is None else len(found.reals),
    }


def _part(found: Explained) -> dict[str, Any] | None:
    if found.choice is None:
        return None
    return {
        "singled_out": found.choice.part,
        "why": found.choice.text,
        "lead": found.choice.lead,
        "lead_limit": None if found.scale is None else found.scale.limit,
        "reals_within": REALS_WITHIN,
    }


def _without_name(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "name"}


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
        "face": crop.face,
        "score": view.score,
        "parts": dict(view.parts) or None,
        "box": list(crop.box),
        "crop_size": crop.image.shape[0],
        "landmarks": None if crop.landmarks is None else crop.landmarks.tolist(),
        "polygons": polygons or None,
        "maps": maps or None,
        "explainer_parts": None if view.regions is None else dict(view.regions),
        "pictures": {key: picture_name(name, number, key) for key in pictures},
        "notes": list(view.notes),
    }
