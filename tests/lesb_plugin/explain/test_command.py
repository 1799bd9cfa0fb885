"""`bench explain`: any files in; a report, its numbers, its maps and its pictures for each."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from PIL import Image

import lesb_plugin.explain.command
import registry.cli.detector_flags
import registry.tasks.predict
import registry.tasks.ready
from registry import CropPolicy, LocalDetector, real_crops
from registry.cli import main
from registry.cli.file_record import FILE_SCHEMA
from registry.faces import real_faces
from registry.owner import LOCK
from tests.shared.drawn_files import Redness, drawn_plugins, film, portrait, write
from tests.shared.owners import IN_USE, TAKEN_OVER, leave_lock
from tests.shared.tiny import TinyBackbone, write_reals

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def reals(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_reals(tmp_path_factory.mktemp("reals"), 24)


@pytest.fixture(autouse=True)
def _drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = drawn_plugins()
    for module in (registry.tasks.predict, registry.tasks.ready, registry.cli.detector_flags):
        monkeypatch.setattr(module, "load_plugins", lambda: plugins)


@pytest.fixture
def bench(reals: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object, detector: str = "three") -> tuple[int, str, str]:
        how = ("--face-detector", "drawn", "--landmarker", "mean", "--backbone", "tiny", "--quiet")
        where = ("--reference", reals, "--out", str(tmp_path / "out"))
        given = map(str, arguments)
        code = main(["explain", "--detector", detector, *how, *where, *given])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def record(tmp_path: Path, name: str) -> Any:
    return json.loads((tmp_path / "out" / f"{name}.json").read_text("utf-8"))


def files(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "out").iterdir()}


# --- what is written --------------------------------------------------------------------------


def test_one_face_leaves_a_report_its_numbers_its_maps_and_its_pictures(
    bench: Run, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.png", portrait())
    code, out, _ = bench(file)
    assert code == 0
    header, line = out.splitlines()
    assert header.startswith("file\tverdict\tscore\t")
    assert line.startswith(f"{file}\t")
    pictures = {"photo", "overlay", "map_face", "map_eyes", "map_nose", "map_mouth"}
    assert files(tmp_path) == {f"a.1.{each}.png" for each in pictures} | {
        "a.html", "a.json", "a.maps.npz",
    }  # fmt: skip
    found = record(tmp_path, "a")
    (view,) = found["views"]
    with np.load(tmp_path / "out" / "a.maps.npz") as maps:
        assert set(maps) == {"1/face", "1/eyes", "1/nose", "1/mouth"}
        for target, said in view["maps"].items():
            assert maps[said["array"]].shape == (12, 12)
            assert said["most"] == pytest.approx(float(maps[f"1/{target}"].max()))
    assert set(view["pictures"].values()) <= files(tmp_path)
    x0, y0, x1, y1 = view["box"]
    high, wide, _ = cv2.imread(str(tmp_path / "out" / "a.1.photo.png")).shape
    assert wide / high == pytest.approx((x1 - x0) / (y1 - y0), abs=1 / 48)
    assert cv2.imread(str(tmp_path / "out" / "a.1.overlay.png")).shape[0] > 200  # and its scale


def test_an_interrupt_says_which_files_have_their_report(
    bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = [write(tmp_path / f"{name}.png", portrait()) for name in "abc"]
    written = lesb_plugin.explain.command.write_files

    def interrupted(each: Any, *more: Any) -> Any:
        if each.prediction.path != first:
            raise KeyboardInterrupt
        return written(each, *more)

    monkeypatch.setattr(lesb_plugin.explain.command, "write_files", interrupted)
    code, _, err = bench(first, *others)
    assert code == 130
    assert f"; 1 of 3 files have their report in {tmp_path / 'out'}; the same line with" in err
    assert err.endswith(f"--start-at {others[0]} goes on\n")
    assert {"a.html", "a.json"} <= files(tmp_path)
    assert "; no report was finished; the same line begins anew" in bench(*others)[2]


@pytest.mark.slow
def test_a_run_that_goes_on_lists_the_earlier_reports_too(bench: Run, tmp_path: Path) -> None:
    given = [
        write(tmp_path / "a.png", portrait()),
        write(tmp_path / "b.png", np.full((64, 64, 3), 30, np.uint8)),
        film(tmp_path / "c.mp4", [portrait(n, red=20 * (n > 3)) for n in range(8)]),
        write(tmp_path / "d.png", portrait(1)),
    ]
    out = tmp_path / "out"
    bench(*given)
    whole = (out / "summary.csv").read_text()
    (out / "index.html").unlink()
    code, printed, err = bench(*given, "--start-at", given[3])
    assert (code, len(printed.splitlines())) == (0, 2)
    assert "no report in" not in err
    assert (out / "summary.csv").read_text() == whole
    page = (out / "index.html").read_text()
    assert page.count("<img") == 3  # all but the file without a face
    code, _, err = bench(*given, "--start-at", given[3], "--frames", 7)
    assert code == 2
    assert f"{out} holds what other settings gave (frames was 32, and is 7); --start-at" in err
    (out / "a.json").unlink()
    err = bench(*given, "--start-at", given[2])[2]
    assert "1 of the 2 files before --start-at have no report in" in err
    assert len((out / "summary.csv").read_text().splitlines()) == 4


def test_the_numbers_of_a_file_are_complete(bench: Run, tmp_path: Path, reals: str) -> None:
    file = write(tmp_path / "a.png", portrait())
    bench(file)
    found = record(tmp_path, "a")
    assert set(found) == {
        "schema", "path", "sha256", "error", "verdict", "score", "variants", "parts", "part",
        "audit", "faces", "faces_left_out", "frames_used", "no_verdict", "views", "map_scales",
        "frames", "notes", "report_notes", "origin", "seconds", "file", "face_pixels", "sharpness",
    }  # fmt: skip
    assert found["schema"] == FILE_SCHEMA
    assert found["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (found["error"], found["faces"], found["frames_used"]) == (None, 1, 1)
    assert set(found["parts"]) == {"eyes", "nose", "mouth"}
    assert set(found["parts"]["eyes"]) == {"score", "p", "z", "low", "high"}
    assert found["verdict"]["reference"] == reals
    assert found["verdict"]["reference_faces"] == 24
    origin = found["origin"]
    assert origin["weights_sha256"] == "b" * 64
    assert origin["explainer"] == "cam"
    assert {"lesb-plugin", "torch", "numpy"} <= set(origin["versions"])
    (view,) = found["views"]
    assert view["box"] == found["frames"][0]["faces"][0]["box"]
    assert np.shape(view["landmarks"]) == (68, 2)
    assert [len(view["polygons"][part]) for part in ("eyes", "nose", "mouth")] == [2, 1, 1]


def test_json_lines_are_those_of_predict_with_the_report_and_its_files(
    bench: Run, tmp_path: Path, reals: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good, gone = write(tmp_path / "a.png", portrait(red=3)), tmp_path / "gone.png"
    code, out, _ = bench(good, gone, "--json")
    assert code == 1
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["path"] for line in lines] == [str(good), str(gone)]
    for line, name in zip(lines, ("a", "gone"), strict=True):
        paths = line.pop("files")
        assert line == record(tmp_path, name)
        assert Path(paths["report"]).is_file()
        assert json.loads(Path(paths["json"]).read_text("utf-8")) == line
        assert (paths["maps"] is None) == (name == "gone")
    flags = ("--face-detector", "drawn", "--landmarker", "mean", "--backbone", "tiny", "--quiet")
    which = ("--detector", "three", "--reference", reals, "--json")
    assert main(["predict", *flags, *which, str(good), str(gone)]) == 1
    for shorter, line in zip(capsys.readouterr().out.splitlines(), lines, strict=True):
        predicted = json.loads(shorter)
        assert predicted.pop("origin").items() <= line["origin"].items()
        assert predicted.items() <= line.items()


def test_the_time_of_every_stage_is_kept_and_told(bench: Run, tmp_path: Path) -> None:
    first, second = (write(tmp_path / f"{each}.png", portrait()) for each in "ab")
    code, out, err = bench(first, second)
    assert code == 0
    stages = [record(tmp_path, each)["seconds"] for each in "ab"]
    names = {"decode", "detect", "landmarks", "forward", "maps", "pictures", "report"}
    assert set(stages[0]) == names
    assert all(seconds >= 0 for each in stages for seconds in each.values())
    assert len(out.splitlines()) == 3
    told = dict(re.findall(r"(\w+) (\d+\.\d+)", err.splitlines()[-1]))
    assert set(told) >= names
    for name in names:
        assert float(told[name]) == pytest.approx(sum(each[name] for each in stages), abs=0.01)


def test_the_verdict_and_the_parts_are_worked_out_from_the_reals(
    bench: Run, tmp_path: Path, reals: str
) -> None:
    bench(write(tmp_path / "a.png", portrait(red=3)), detector="redness")
    found = record(tmp_path, "a")
    scores = Redness().score(real_crops(reals, CropPolicy(), 100, quiet=True))
    assert len(scores.fake) == 24
    by_hand = (1 + sum(score >= found["score"] for score in scores.fake)) / 25
    assert found["verdict"]["p"] == pytest.approx(by_hand)
    for part, row in found["parts"].items():
        higher = sum(score >= row["score"] for score in scores.regions[part])
        assert row["p"] == pytest.approx((1 + higher) / 25)
        assert row["high"] == pytest.approx(np.percentile(scores.regions[part], 95))


def test_a_red_face_is_manipulated_and_a_usual_one_is_authentic(bench: Run, tmp_path: Path) -> None:
    red = write(tmp_path / "red.png", portrait(100, red=40))
    pale = write(tmp_path / "pale.png", portrait(100, red=-20))
    code, out, _ = bench(red, pale, detector="redness")
    assert code == 0
    words = [line.split("\t")[1] for line in out.splitlines()[1:]]
    assert words == ["MANIPULATED", "AUTHENTIC"]
    assert record(tmp_path, "red")["verdict"]["p"] == pytest.approx(1 / 25)
    passes = "A forgery can pass for real, too."
    assert passes in (tmp_path / "out" / "pale.html").read_text()
    assert passes not in (tmp_path / "out" / "red.html").read_text()


def test_a_part_that_alone_is_red_is_singled_out(bench: Run, tmp_path: Path) -> None:
    image = portrait(100)
    image[:90, :, 0] -= 6  # the eyes are a little redder than those of the reals otherwise
    image[115:138, 65:115, 0] = 255  # the mouth
    bench(write(tmp_path / "a.png", image), detector="redness")
    found = record(tmp_path, "a")
    assert found["part"]["singled_out"] == "mouth"
    assert found["part"]["lead"] > found["part"]["lead_limit"]
    page = (tmp_path / "out" / "a.html").read_text()
    assert "The part that stands out: mouth" in page
    assert "The mouth stands out." in page.partition('id="file"')[0]


def test_a_detector_with_local_subspaces_singles_no_part_out(
    bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("embed", "project"):
        monkeypatch.setattr(Redness, name, lambda *_: None, raising=False)
    assert isinstance(Redness(), LocalDetector)
    image = portrait(100)
    image[115:138, 65:115, 0] = 255  # the mouth
    bench(write(tmp_path / "a.png", image), detector="redness")
    found = record(tmp_path, "a")["part"]
    assert found["singled_out"] is None
    assert "do not show where a face was changed" in found["why"]


@pytest.mark.slow
def test_a_report_of_another_file_is_never_replaced(bench: Run, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir(), (tmp_path / "two").mkdir()
    first, second = (write(tmp_path / each / "a.png", portrait(n)) for n, each in
                     enumerate(("one", "two")))  # fmt: skip
    bench(first)
    bench(second)
    assert record(tmp_path, "a")["path"] == str(first)
    assert record(tmp_path, "two_a")["path"] == str(second)
    before = files(tmp_path)
    bench(second)
    bench(first)
    assert files(tmp_path) == before  # each keeps its name


@pytest.mark.slow
def test_a_report_without_maps_leaves_none_of_an_earlier_one(bench: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "a.png", portrait())
    bench(file)
    assert {"a.maps.npz", "a.1.map_mouth.png"} <= files(tmp_path)
    code, _, _ = bench(file, "--explainer", "occlusion")
    assert code == 0
    assert record(tmp_path, "a")["views"][0]["maps"] is None
    assert files(tmp_path) == {"a.html", "a.json", "a.1.photo.png", "a.1.overlay.png"}


# --- several faces, videos --------------------------------------------------------------------


def test_of_many_faces_the_highest_are_drawn_and_the_verdict_is_on_the_first(
    bench: Run, tmp_path: Path
) -> None:
    row = np.hstack([portrait(n, red=red) for n, red in enumerate((0, 20, 5, 10))])
    code, _, _ = bench(write(tmp_path / "a.png", row), "--pictures", 2, detector="redness")
    assert code == 0
    found = record(tmp_path, "a")
    assert found["faces"] == 4
    scores = sorted((face["score"] for face in found["frames"][0]["faces"]), reverse=True)
    assert [view["score"] for view in found["views"]] == scores[:2]
    assert found["score"] == scores[0]
    assert any("4 faces were scored" in note for note in found["report_notes"])


def test_of_a_video_three_high_frames_apart_in_time_are_drawn_in_its_order(
    bench: Run, tmp_path: Path
) -> None:
    reds = (0, 30, 5, 20, 10, 25)
    file = film(tmp_path / "clip.mp4", [portrait(n, red=red) for n, red in enumerate(reds)])
    code, _, _ = bench(file, detector="redness")
    assert code == 0
    found = record(tmp_path, "clip")
    assert found["frames_used"] == 6
    assert [view["frame"] for view in found["views"]] == [1, 3, 5]
    page = (tmp_path / "out" / "clip.html").read_text()
    assert "Scores of the face over 6 frames" in page
    assert [frame["seconds"] for frame in found["frames"]] == [n / 25 for n in range(6)]


def test_a_folder_of_frames_has_one_report_as_a_video_has(bench: Run, tmp_path: Path) -> None:
    folder = tmp_path / "frames" / "id0"
    folder.mkdir(parents=True)
    for number, red in enumerate((0, 30, 5, 20, 10, 25)):
        write(folder / f"{number}.png", portrait(number, red=red))
    code, out, _ = bench(folder.parent, "--clips", detector="redness")
    assert (code, len(out.splitlines())) == (0, 2)
    found = record(tmp_path, "id0")
    assert (found["path"], found["frames_used"]) == (str(folder), 6)
    assert [view["frame"] for view in found["views"]] == [1, 3, 5]
    page = (tmp_path / "out" / "id0.html").read_text()
    assert "Scores of the face over 6 frames" in page


def test_a_smaller_face_that_was_left_out_is_told_on_the_line_and_the_page(
    bench: Run, tmp_path: Path
) -> None:
    large, small = portrait(), portrait(1, red=60)
    image = np.zeros((200, 300, 3), np.uint8)
    image[:, :180] = large
    image[50:150, 200:290] = cv2.resize(small, (90, 100), interpolation=cv2.INTER_AREA)
    path = write(tmp_path / "a.png", image)
    code, out, _ = bench(path)
    assert code == 0
    assert "\t1 more face left out; --faces all" in out
    assert record(tmp_path, "a")["faces_left_out"] == 1
    page = (tmp_path / "out" / "a.html").read_text("utf-8")
    assert "1 more face left out; --faces all scores them too" in page
    _, out, _ = bench(path, "--faces", "all")
    assert "left out" not in out
    assert record(tmp_path, "a")["faces"] == 2


def test_random_weights_give_scores_and_no_verdict(
    bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TinyBackbone, "weights", "random")
    code, out, _ = bench(write(tmp_path / "a.png", portrait()))
    assert code == 0
    assert "\tNO VERDICT\t" in out
    assert "\tthe weights of the backbone are random" in out
    assert not re.search("MANIPULATED|AUTHENTIC|UNDETERMINED", out)
    found = record(tmp_path, "a")
    assert found["verdict"] is None
    assert found["part"] is None
    assert found["score"] is not None
    assert "random" in found["no_verdict"]
    page = (tmp_path / "out" / "a.html").read_text("utf-8")
    assert "NO VERDICT" in page
    assert "This file has no score" not in page
    assert "The weights of the backbone are random, so its scores mean nothing." in page


def test_noise_gives_scores_and_no_verdict(
    bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.tasks.reference._score", None)  # no face to compare with
    code, out, err = bench(write(tmp_path / "a.png", portrait()), detector="random")
    assert code == 0
    assert "pictures of real faces" not in err
    assert "\tNO VERDICT\t" in out
    assert "\tthe scores of this detector are noise" in out
    found = record(tmp_path, "a")
    assert found["verdict"] is None
    assert "noise" in found["no_verdict"]
    page = (tmp_path / "out" / "a.html").read_text("utf-8")
    assert "NO VERDICT" in page
    assert not re.search("compared with real faces|real faces score as high|none comparable", page)
    assert "no maps: scores that mean nothing have nothing to explain" in page
    main = page[page.index("<main") :]
    for absent in ("A verdict is not proof", "Colours show", "backbone", "logit", "gradient"):
        assert absent not in main
    assert not re.search(r"<h2>[^<]*</h2></summary></details>", page)  # nothing to open
    bench(write(tmp_path / "b.png", portrait()), "--explainer", "occlusion", detector="random")
    page = (tmp_path / "out" / "b.html").read_text("utf-8")
    assert "What explainer occlusion says about the parts" in page
    assert "the part scores above" not in page


# --- what stands in the way -------------------------------------------------------------------


def test_a_detector_without_gradient_or_parts_has_a_report_that_says_so(
    bench: Run, tmp_path: Path
) -> None:
    code, _, _ = bench(write(tmp_path / "a.png", portrait()), detector="whole")
    assert code == 0
    found = record(tmp_path, "a")
    assert found["part"]["singled_out"] is None
    (view,) = found["views"]
    assert view["maps"] is None
    assert found["parts"] is None
    assert found["map_scales"] is None
    assert "scores only the face as a whole" in found["part"]["why"]
    assert "no maps: explainer 'cam' follows a score back" in found["report_notes"][0]
    assert not list((tmp_path / "out").glob("*.npz"))
    page = (tmp_path / "out" / "a.html").read_text()
    assert "scores the face as a whole, not its parts" in page


@pytest.mark.slow
def test_an_explainer_that_was_asked_for_and_cannot_is_an_error(bench: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "a.png", portrait())
    code, _, err = bench(file, "--explainer", "cam", detector="redness")
    assert code == 2
    assert "occlusion, occlusion_grid and shapley explain any detector" in err
    code, _, err = bench(file, "--explainer", "cma")
    assert code == 2
    assert "did you mean 'cam'?" in err


@pytest.mark.slow
def test_any_other_explainer_and_its_options_can_be_named(bench: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "a.png", portrait())
    more = ("--explainer", "occlusion_grid", "--set", "explain.grid=3")
    assert bench(file, *more, detector="redness")[0] == 0
    with np.load(tmp_path / "out" / "a.maps.npz") as maps:
        assert maps["1/face"].shape == (3, 3)
    assert bench(file, "--explainer", "shapley", detector="redness")[0] == 0
    (view,) = record(tmp_path, "a")["views"]
    assert view["maps"] is None
    assert set(view["explainer_parts"]) == {"eyes", "nose", "mouth"}


def test_a_file_without_a_face_and_a_damaged_one_have_reports_and_the_others_go_on(
    bench: Run, tmp_path: Path
) -> None:
    empty = write(tmp_path / "empty.png", np.full((64, 64, 3), 30, np.uint8))
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0" * 900)
    gone = tmp_path / "gone.png"
    good = write(tmp_path / "good.png", portrait())
    code, out, err = bench(empty, broken, gone, good)
    assert code == 1
    assert "3 of 4 files have no score" in err
    words = {"empty": "NO FACE", "broken": "NOT READ", "gone": "NOT READ"}
    assert [line.split("\t")[1] for line in out.splitlines()[1:4]] == [*words.values()]
    for name, reason in (("empty", "no face found"), ("broken", "decode"), ("gone", "no image")):
        found = record(tmp_path, name)
        assert reason in found["error"]
        assert (found["verdict"], found["score"], found["views"]) == (None, None, [])
        page = (tmp_path / "out" / f"{name}.html").read_text()
        assert f"</span> {words[name]}</p>" in page
        assert "NO VERDICT" not in page
        assert reason in page
    assert record(tmp_path, "good")["verdict"] is not None


def test_small_grey_turned_and_cut_faces_have_reports_with_pictures(
    bench: Run, tmp_path: Path
) -> None:
    whole = portrait()
    tiny = write(tmp_path / "tiny.png", cv2.resize(whole, (45, 50), interpolation=cv2.INTER_AREA))
    cut = write(tmp_path / "cut.png", whole[:, 70:])
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), cv2.cvtColor(whole, cv2.COLOR_RGB2GRAY))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(whole).copy()).save(tmp_path / "turned.png", exif=exif)
    upright = write(tmp_path / "upright.png", whole)
    code, out, err = bench(tiny, cut, grey, tmp_path / "turned.png", upright)
    assert code == 0, out + err
    for name in ("tiny", "cut", "grey", "turned"):
        assert record(tmp_path, name)["views"][0]["maps"] is not None
        assert cv2.imread(str(tmp_path / "out" / f"{name}.1.map_face.png")).std() > 5
    turned, straight = (record(tmp_path, name) for name in ("turned", "upright"))
    assert turned["views"][0]["box"] == straight["views"][0]["box"]


def test_a_face_without_landmarks_has_no_region_picture_and_says_why(
    bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no model")

    monkeypatch.setattr("tests.shared.drawn_files.mean_landmarks", fail)
    plugins = drawn_plugins()
    for module in (registry.tasks.predict, registry.tasks.ready, registry.cli.detector_flags):
        monkeypatch.setattr(module, "load_plugins", lambda: plugins)
    code, _, _ = bench(write(tmp_path / "a.png", portrait()), "--crop-from", "detector")
    assert code == 0
    (view,) = record(tmp_path, "a")["views"]
    assert (view["polygons"], view["landmarks"]) == (None, None)
    assert "map_face" in view["pictures"]  # which needs none
    assert any("no model" in note for note in view["notes"])
    assert any("no landmarks, so its parts cannot be located" in n for n in view["notes"])


def test_too_few_reals_are_an_error(bench: Run, tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    few = write_reals(tmp_path / "few", 5)
    code, _, err = bench(write(tmp_path / "a.png", portrait()), "--reference", few)
    assert code == 2
    assert "5 real faces" in err
    assert "--reference" in err


def test_reals_are_scored_once_for_the_same_weights_and_faces(
    bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    file = write(tmp_path / "a.png", portrait())
    bench(file)
    (kept,) = (tmp_path / "cache" / "reference").iterdir()
    first = record(tmp_path, "a")
    monkeypatch.setattr("registry.tasks.reference._score", None)
    bench(file)
    second = record(tmp_path, "a")
    assert second["verdict"] == first["verdict"]
    assert second["map_scales"] == first["map_scales"]
    kept.write_bytes(b"cut short")
    with pytest.raises(TypeError):  # it would be made again
        bench(file)


@pytest.mark.slow
def test_data_that_are_named_are_listed_once(
    bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the check before the model is loaded, for verdicts, and for the strength of maps."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    listed = Mock(wraps=real_faces.find_videos)
    monkeypatch.setattr(real_faces, "find_videos", listed)
    assert bench(write(tmp_path / "a.png", portrait()))[0] == 0
    assert record(tmp_path, "a")["map_scales"]["face"]["usual"] > 0
    assert [call.args[1] for call in listed.call_args_list] == ["val", "train"]


@pytest.mark.slow
@pytest.mark.parametrize("explainer", ["parts", "contrastive"])
def test_an_explainer_that_compares_takes_the_list_of_verdicts(
    explainer: str, bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reals: str
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    listed = Mock(wraps=real_faces.find_videos)
    monkeypatch.setattr(real_faces, "find_videos", listed)
    line = (write(tmp_path / "a.png", portrait()), "--explainer", explainer)
    assert bench(*line)[0] == 0
    assert [call.args[:2] for call in listed.call_args_list] == [(reals, "val"), (reals, "train")]
    own = tmp_path / "own"
    own.mkdir()
    listed.reset_mock()
    assert bench(*line, "--set", f"explain.reference={write_reals(own, 5)}")[0] == 0
    assert [call.args[0] for call in listed.call_args_list] == [reals] * 2 + [str(own)] * 2


def test_a_file_that_is_not_there_is_told_before_the_model_is_built(
    bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.tasks.predict, "build_chosen", lambda *_: pytest.fail("built"))
    code, out, err = bench(tmp_path / "gone.png")
    assert (code, out) == (2, "")
    assert f"no such file or folder: {tmp_path / 'gone.png'}" in err
    assert not (tmp_path / "out").exists()


def test_files_of_one_name_have_reports_of_their_own(bench: Run, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        write(tmp_path / "in" / folder / "a b.png", portrait())
    assert bench(tmp_path / "in")[0] == 0
    pages = {path.name for path in (tmp_path / "out").glob("*.html")}
    assert pages == {"a_b.html", "two_a_b.html", "index.html"}


def test_a_folder_belongs_to_one_run_while_its_process_lives(
    bench: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a.png", portrait())
    tries: list[tuple[int, str, str]] = []
    whole = lesb_plugin.explain.command.write_files

    def try_again(*given: Any) -> Any:
        tries.append(bench(file))
        return whole(*given)

    monkeypatch.setattr(lesb_plugin.explain.command, "write_files", try_again)
    assert bench(file)[0] == 0
    ((code, out, err),) = tries
    assert (code, out) == (2, "")
    assert IN_USE.search(err)
    assert LOCK not in files(tmp_path)
    monkeypatch.setattr(lesb_plugin.explain.command, "write_files", whole)
    leave_lock(tmp_path / "out")
    code, _, err = bench(file)
    assert code == 0
    assert TAKEN_OVER.search(err)
    assert LOCK not in files(tmp_path)
