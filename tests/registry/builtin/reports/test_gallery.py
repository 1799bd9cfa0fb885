"""The part of report.html that shows errors, and how alike the parts are."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from registry.builtin.reports.gallery import error_gallery
from registry.builtin.reports.html import write_html
from registry.builtin.reports.html_tables import correlation_table
from registry.results.aggregation import aggregate
from registry.results.predictions import PREDICTIONS
from tests.shared.synthetic_run import drawn_rows, row, run_folder, settings, table


class Pictures(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.found.append({key: value or "" for key, value in attrs})


def pixels(address: str) -> np.ndarray:
    data = base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Green but for a red face at (10, 20) to (50, 70)."""
    made = np.full((100, 90, 3), (0, 160, 0), np.uint8)
    made[20:70, 10:50] = (200, 0, 0)
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), made[..., ::-1])
    return path


def face(image: Path, number: int, label: int, score: float, **changes: Any) -> dict[str, Any]:
    given = {"video": f"v{number}", "label": label, "fake": score, "path": str(image)}
    box = {"x0": 10, "y0": 20, "x1": 50, "y1": 70}
    return row(**{**given, **box, "method": "swap" if label else "", **changes})


def test_the_most_confident_errors_come_first_and_no_video_twice(image: Path) -> None:
    rows = [face(image, n, 1, n / 10) for n in range(10)]
    rows += [face(image, 10 + n, 0, n / 10) for n in range(10)]
    rows.append(face(image, 0, 1, 0.05, frame=7))
    found = Pictures(error_gallery(table(rows), quiet=True)).found
    assert [each["alt"] for each in found] == [
        *(f"swap face of v{n}, score 0.{n}0" for n in range(5)),
        *(f"real face of v{n}, score 0.{n - 10}0" for n in (19, 18, 17, 16, 15)),
    ]


def test_a_picture_is_the_face_that_was_cropped(image: Path) -> None:
    (found,) = Pictures(error_gallery(table([face(image, 1, 0, 0.9)]), quiet=True)).found
    shown = pixels(found["src"]).astype(int)
    assert shown.shape == (128, 128, 3)
    assert np.abs(shown - (200, 0, 0)).max() < 12


def test_files_that_are_gone_are_told_and_the_others_shown(image: Path) -> None:
    rows = [face(image, 1, 0, 0.9), face(image.with_name("gone.png"), 2, 0, 0.8)]
    text = error_gallery(table(rows), quiet=True)
    assert len(Pictures(text).found) == 1
    assert re.search(r"1 of 2 cannot be shown: .*gone\.png.*bench report RUN --write", text)
    assert "Fakes called real: none." in text


def test_a_box_outside_of_the_file_is_told(image: Path) -> None:
    rows = [face(image, 1, 0, 0.9, x0=200, x1=300)]
    assert "is smaller than it was" in error_gallery(table(rows), quiet=True)


def test_names_are_escaped_in_pictures_too(image: Path) -> None:
    nasty = '"><script>'
    text = error_gallery(table([face(image, 1, 0, 0.9, video=nasty, dataset=nasty)]), quiet=True)
    assert "<script" not in text


def test_the_report_has_the_gallery_and_the_correlations(image: Path, tmp_path: Path) -> None:
    parts = {"p_eyes": 0.9, "p_nose": 0.8}
    rows = [face(image, n, n % 2, 0.9 - n / 10, **parts) for n in range(6)]
    run = tmp_path / "run"
    run.mkdir()
    result = run_folder(run, rows, vote_variants=frozenset(), draws=2)
    text = write_html(result, run).read_text()
    assert Pictures(text).found
    assert "Most confident errors" in text
    assert "eyes 0.90, nose 0.80" in text
    assert "Do the parts differ?" in text
    (run / PREDICTIONS).unlink()
    assert not Pictures(write_html(result, run).read_text()).found


def test_correlations_are_numpys_over_videos() -> None:
    videos = aggregate(table(drawn_rows(people=12)), settings())["video"]
    text = correlation_table(videos, "lesb")
    assert text is not None
    cells = re.findall(r'<td class="number">(-?\d\.\d\d)</td>', text)
    pairs = [("eyes", "nose"), ("eyes", "mouth"), ("nose", "mouth")]
    shown = [re.search(r"<td>(\w+), (\w+)</td>", line) for line in text.split("<tr>")[2:]]
    assert [each.groups() for each in shown if each] == pairs
    expected = []
    for one, other in pairs:
        for chosen in (videos.label >= 0, videos.label == 0, videos.label == 1):
            both = [videos.scores[f"lesb:{name}"][chosen] for name in (one, other)]
            both = [each - each.mean() for each in both]
            r = (both[0] @ both[1]) / np.sqrt((both[0] @ both[0]) * (both[1] @ both[1]))
            expected.append(f"{r:.2f}")
    assert cells == expected


def test_equal_scores_have_no_correlation_and_one_part_no_table() -> None:
    rows = [row(video=str(n), p_eyes=0.5, p_nose=n / 10, fake=0.5) for n in range(4)]
    videos = aggregate(table(rows), settings(vote_variants=frozenset()))["video"]
    text = correlation_table(videos, "lesb")
    assert text is not None
    assert text.count("n/a") == 3
    alone = [{k: v for k, v in each.items() if k != "p_nose"} for each in rows]
    videos = aggregate(table(alone), settings(vote_variants=frozenset()))["video"]
    assert correlation_table(videos, "lesb") is None
