"""What is said of a map for those who do not see its colours, and how wide faces are shown."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lesb_plugin.drawing.evidence import MapScale
from lesb_plugin.explain.explained import Explained, FaceView
from lesb_plugin.explain.report import scale_words
from lesb_plugin.explain.report_views import map_words, view_sections
from registry import Crop, CropPolicy, ExplainerSpec, lazy
from registry.faces.crops import shown_aspect
from registry.results.file_scores import Prediction

SIZE = 80  # pixels of the crop, 10 to a cell of the map
FACE = np.array([[15, 15], [65, 15], [65, 65], [15, 65]], np.float32)  # the hull of the landmarks
MOUTH = np.array([[32, 45], [48, 45], [48, 58], [32, 58]], np.float32)


def view(heat: np.ndarray, *, placed: bool = True, aspect: float = 1.0) -> FaceView:  # type: ignore[type-arg]
    image = np.full((SIZE, SIZE, 3), 120, np.uint8)
    return FaceView(
        crop=Crop(image=image, landmarks=FACE, box=(0, 0, SIZE, SIZE)),
        aspect=aspect,
        score=0.9,
        parts={},
        picture=image,
        boxes=((0, 0, SIZE, SIZE),),
        polygons={"mouth": [MOUTH]} if placed else None,
        maps={"face": heat.astype(np.float32)},
        regions={"mouth": 1.25},
    )


def peak(row: int, column: int) -> np.ndarray:  # type: ignore[type-arg]
    heat = np.zeros((8, 8))
    heat[row, column] = 2.0
    return heat


@pytest.mark.parametrize(
    ("row", "column", "where"),
    [
        (5, 4, "in the mouth"),
        (2, 4, "on the face, nearest to the mouth"),
        (1, 1, "on the face, nearest to the mouth"),  # (15, 15): its corner
        (1, 6, "on the face, nearest to the mouth"),
        (6, 0, "outside the landmarks of the face, at the border of the crop"),
        (7, 4, "outside the landmarks of the face, at the border of the crop"),
        (0, 4, "outside the landmarks of the face, at the border of the crop"),
    ],
)
def test_where_a_map_is_strongest(row: int, column: int, where: str) -> None:
    heat = peak(row, column)
    said = f"strongest towards fake {where}, at 50 % of the scale"
    assert map_words(view(heat), heat, MapScale(1.0, 3.0)) == said


def test_without_parts_the_place_is_one_of_the_crop() -> None:
    heat = peak(2, 4)
    found = map_words(view(heat, placed=False), heat, MapScale(0.0, 2.0))
    assert found == "strongest towards fake at (45, 25) of the crop, at 100 % of the scale"


def test_a_map_that_points_nowhere_has_no_strongest_spot() -> None:
    heat = np.full((8, 8), -1.0)
    assert (
        map_words(view(heat), heat, MapScale(0.0, 2.0))
        == "nothing points to fake more than it does in real faces"
    )


@pytest.mark.parametrize(
    ("unit", "head"), [("log-odds of fake", "log-odds of fake"), ("", "value")]
)
def test_numbers_of_an_explainer_have_a_unit_and_a_direction(unit: str, head: str) -> None:
    spec = ExplainerSpec(
        name="mine", summary="how it is", build=lazy("package.module:build"), unit=unit
    )
    shown = view(peak(5, 4), aspect=0.8)
    found = Explained(
        prediction=Prediction(path="a.png"), views=(shown,), scales={"face": MapScale(0.0, 2.0)}
    )  # type: ignore[arg-type]
    pictures = {"photo": shown.picture, "map_face": shown.picture}
    (section,) = view_sections(found, [pictures], spec)
    assert f'<th scope="col">{head}</th>' in section
    assert "What explainer mine says about the parts (how it is); + points to fake." in section
    assert '<td class="number">+1.250</td>' in section
    assert len(re.findall(r"<img", section)) == 2  # the photograph and its map


def test_the_aspect_is_that_of_the_box_unless_the_crop_kept_it() -> None:
    box = (10, 20, 90, 120)
    assert shown_aspect(CropPolicy(name="sbi"), box) == 0.8
    assert shown_aspect(CropPolicy(name="frame"), box) == 0.8
    assert shown_aspect(CropPolicy(name="deepfakebench"), box) == 1.0


def test_a_scale_that_maps_share_is_given_once_and_others_with_their_maps() -> None:
    shared = dict.fromkeys(("face", "eyes", "mouth"), MapScale(0.62, 1.86))
    assert scale_words(shared) == "0.62 to 1.86 in every map"
    found = scale_words(shared | {"face": MapScale(1.0, 3.0)})
    assert found == "1 to 3 for face; 0.62 to 1.86 for eyes, mouth"
