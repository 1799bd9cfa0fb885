"""Python programs get what the commands give, from paths and from pixels alike."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

import registry
from registry.cli import main
from registry.errors import ConfigError

SETTINGS: dict[str, Any] = {"quiet": True, "threads": 1}


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn face in a picture, as a file without loss."""
    from registry.builtin.datasets.toy.videos import toy_videos
    from registry.contracts.types import DatasetRequest

    video = next(iter(toy_videos(DatasetRequest(name="toy", root=None, split="test"))))
    image = cv2.imread(str(video.frames[0].path))
    assert image is not None
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    cv2.imwrite(str(path), image)
    return path


@pytest.fixture(scope="module")
def explained(photo: Path) -> Any:
    return registry.explain(photo, **SETTINGS)[0]


@pytest.mark.slow
def test_a_path_an_array_and_a_picture_of_pillow_score_alike(photo: Path) -> None:
    array = np.asarray(Image.open(photo).convert("RGB"))
    found = registry.predict(photo, [array, Image.open(photo)], str(photo), **SETTINGS)
    assert [str(each.path) for each in found] == [str(photo), "image 1", "image 2"]
    assert len({each.score for each in found}) == 1
    assert found[0].score is not None


@pytest.mark.slow
def test_it_says_what_predict_and_the_command_say(
    photo: Path, explained: Any, tmp_path: Path
) -> None:
    predicted = registry.predict(photo, **SETTINGS)[0]
    assert explained.score == predicted.score
    assert explained.verdict.word == predicted.verdict.word
    assert dict(explained.parts) == dict(predicted.parts)
    command = ["explain", str(photo), "--quiet", "--threads", "1"]
    assert main([*command, "--out", str(tmp_path)]) == 0
    record = json.loads((tmp_path / "photo.json").read_text())
    assert record["score"] == pytest.approx(explained.score, abs=1e-6)
    with np.load(tmp_path / "photo.maps.npz") as maps:
        stored = {name: maps[name] for name in maps.files}
    assert len(stored) == len(explained.maps) > 0
    for target, heat in explained.maps.items():
        match = next(value for name, value in stored.items() if name.endswith(target))
        np.testing.assert_allclose(match, heat, atol=1e-3)


@pytest.mark.slow
def test_it_is_drawn_and_shows_itself(explained: Any) -> None:
    figure = explained.figure()
    assert len(figure.axes) == 2
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), explained.pictures["photo"])
    assert explained.verdict.word in explained.sentence
    assert explained.verdict.word in repr(explained)
    assert "<img" in explained._repr_html_()


@pytest.mark.slow
def test_a_file_without_a_face_says_so(tmp_path: Path) -> None:
    grey = np.full((64, 64, 3), 127, np.uint8)
    found = registry.explain(grey, **SETTINGS)[0]
    assert found.score is None
    assert "image 1" in repr(found)
    assert str(tmp_path.parent) not in found.prediction.error
    with pytest.raises(ConfigError, match="nothing to show"):
        found.figure()


@pytest.mark.parametrize("name", ["out", "json", "open"])
def test_what_is_of_files_alone_is_refused(photo: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"writes nothing, so '{name}' has no meaning"):
        registry.explain(photo, **{name: "x"})


def test_tab_offers_what_there_is() -> None:
    names = dir(registry)
    assert {"evaluate", "fit", "predict", "explain"} <= set(names)
    assert all(hasattr(registry, name) for name in ("explain", "Predictions", "as_files"))
    assert registry.explain.__doc__


@pytest.mark.slow
def test_results_become_a_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    result = registry.evaluate(
        detector="random", frames=1, draws=20, quiet=True, out=str(tmp_path / "run")
    )
    frame = result.to_frame()
    assert len(frame) == len(result.measurements)
    auc = result.select(metric="auc", method="all", level="video")[0].value
    row = frame[(frame.metric == "auc") & (frame.method == "all") & (frame.level == "video")]
    assert row.value.item() == auc
    assert repr(result) == f"<Result random: AUC toy {auc:.3f}>"
    assert f"<td>{auc:.3f}</td>" in result._repr_html_()

    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match="pip install pandas"):
        result.to_frame()


def test_predictions_show_themselves_and_become_a_frame() -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    found = registry.Predictions(
        [
            registry.Prediction(path=Path("a.jpg"), score=0.25, parts={"eyes": 0.5}),
            registry.Prediction(path=Path("<b>.jpg"), error="no face found"),
        ]
    )
    assert repr(found).splitlines()[1:3] == [
        "  <Prediction a.jpg: 0.250>,", "  <Prediction <b>.jpg: no score, no face found>,",
    ]  # fmt: skip
    assert "&lt;b&gt;.jpg" in found._repr_html_()
    frame = found.to_frame()
    assert frame["part eyes"].tolist()[0] == 0.5
    assert frame.error.tolist() == ["", "no face found"]
