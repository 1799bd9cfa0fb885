"""`predict` and `bench predict`: any files in, a score or a reason for each out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

import registry.cli.detector_flags
import registry.tasks.predict
import registry.tasks.ready
from lesb_plugin.weights import INPUT_SIZE, WEIGHTS_SHA256
from lesb_plugin.weights.shipped import shipped_artefact
from registry import (
    Crop,
    DataError,
    DetectorSpec,
    Face,
    FaceDetectorSpec,
    LandmarkerSpec,
    Prediction,
    Scores,
    file_record,
    predict,
    verdict_cells,
)
from registry.cli import main
from registry.cli.file_record import FILE_SCHEMA
from registry.data.inputs import find_media
from registry.plugins.discovery import Plugins
from tests.shared.layouts import cut, write_video

Run = Callable[..., tuple[int, str, str]]
Image8 = NDArray[np.uint8]


class Levels:
    """Scores a crop by its channels: `fake` red, parts green and blue, a vote of the parts."""

    vote_variants = frozenset({"vote"})
    val_reals = Scores(
        fake=np.linspace(0.0, 0.6, 40),
        regions={name: np.linspace(0.0, 0.9, 40) for name in ("eyes", "mouth")},
    )

    def score(self, crops: Sequence[Crop]) -> Scores:
        means = np.stack([crop.image.mean(axis=(0, 1)) for crop in crops]).T / 255  # (3, B)
        parts = dict(zip(("eyes", "mouth"), means[1:], strict=True))
        vote = (means[1:] > 0.5).mean(axis=0)
        return Scores(fake=means[0], regions=parts, variants={"vote": vote, "twice": means[0] / 2})


def find_patches(image: Image8) -> list[Face]:
    """Every patch that is brighter than the dark ground, less a border that codecs blur."""
    bright = (image.max(axis=2) > 60).astype(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(bright)
    return [
        Face(box=(x + 4.0, y + 4.0, x + w - 5.0, y + h - 5.0))
        for x, y, w, h, area in stats[1:].tolist()
        if area > 200
    ]


@pytest.fixture(autouse=True)
def _patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector and a face detector of which every result is known by hand."""
    plugins = Plugins(
        records=(
            DetectorSpec(
                name="levels", summary="s", build=lambda _: Levels(), needs_backbone=False
            ),
            FaceDetectorSpec(name="dlib", summary="s", build=lambda: find_patches),
            LandmarkerSpec(name="dlib68", summary="s", points=68, build=lambda _: None),  # type: ignore[arg-type,return-value]
        )
    )
    for module in (registry.tasks.predict, registry.tasks.ready, registry.cli.detector_flags):
        monkeypatch.setattr(module, "load_plugins", lambda: plugins)


@pytest.fixture
def bench(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> tuple[int, str, str]:
        given = ("--detector", "levels", "--crop-from", "detector", *map(str, arguments))
        code = main(["predict", *given])
        out, err = capsys.readouterr()
        return code, out, err

    return run


HOW = {"detector": "levels", "crop_from": "detector", "quiet": True}


def picture(*patches: tuple[int, tuple[int, int, int]], width: int = 160) -> Image8:
    """Squares of 40 px on black, each at its x and y = 30, of one RGB colour."""
    image = np.zeros((96, width, 3), np.uint8)
    for x, colour in patches:
        image[30:70, x : x + 40] = colour
    return image


def write(path: Path, image: Image8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])
    return path


def film(path: Path, images: Sequence[Image8]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "5"})
        assert isinstance(stream, VideoStream)
        height, width = images[0].shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


LOW, HIGH = (90, 70, 90), (200, 80, 220)


# --- scores -----------------------------------------------------------------------------------


def test_a_face_is_scored_as_it_is_and_its_box_is_what_was_cropped(tmp_path: Path) -> None:
    (found,) = predict(write(tmp_path / "a.png", picture((20, HIGH))), **HOW)
    assert found.score == pytest.approx(200 / 255)
    assert found.parts == pytest.approx({"eyes": 80 / 255, "mouth": 220 / 255})
    assert found.variants["twice"] == pytest.approx(100 / 255)
    (face,) = found.frames[0].faces
    # (24, 34, 55, 65) grown by an eighth of 31 on each side, truncated, one more on the far edges
    assert face.box == (20, 30, 59, 69)
    assert (found.faces, found.frames_used, found.error) == (1, 1, "")


def test_a_video_is_the_mean_over_frames_of_the_highest_face(tmp_path: Path) -> None:
    two, one = picture((10, LOW), (100, HIGH)), picture((10, LOW))
    path = film(tmp_path / "a.mp4", [two, two, one, picture()])
    (found,) = predict(path, **HOW, frames=4)
    assert [len(frame.faces) for frame in found.frames] == [2, 2, 1, 0]
    assert [frame.index for frame in found.frames] == [0, 1, 2, 3]
    expected = {"score": (200 + 200 + 90) / 3, "eyes": (80 + 80 + 70) / 3}
    assert found.score == pytest.approx(expected["score"] / 255, abs=0.015)
    # parts are those of the highest face, never the highest of each part
    assert found.parts["eyes"] == pytest.approx(expected["eyes"] / 255, abs=0.015)
    assert found.parts["mouth"] == pytest.approx((220 + 220 + 90) / 3 / 255, abs=0.015)
    tops = [max(face.score for face in frame.faces) for frame in found.frames[:3]]
    assert [frame.score for frame in found.frames[:3]] == tops
    assert found.score == pytest.approx(np.mean(tops), abs=1e-12)
    assert (found.frames_used, found.faces) == (3, 5)
    assert found.frames[3].error == f"no face found in {path} by face detector 'dlib'"


def test_a_vote_is_taken_anew_of_a_videos_mean_parts(tmp_path: Path) -> None:
    """Mean parts .47 and .69: a tie, decided by their mean above .5; the mean of votes is 5/6."""
    frames = [picture((60, (90, green, 176))) for green in (60, 150, 150)]
    (found,) = predict(film(tmp_path / "a.mp4", frames), **HOW)
    assert found.parts == pytest.approx({"eyes": 120 / 255, "mouth": 176 / 255}, abs=0.02)
    assert found.variants["vote"] == 1.0


@pytest.mark.parametrize("turns", [3, 6, 8])
def test_a_photo_is_read_upright_as_its_exif_says(tmp_path: Path, turns: int) -> None:
    upright = picture((20, LOW), (110, HIGH))
    stored = np.rot90(upright, {3: 2, 6: 1, 8: 3}[turns])
    exif = Image.Exif()
    exif[0x0112] = turns
    Image.fromarray(stored.copy()).save(tmp_path / "turned.png", exif=exif)
    Image.fromarray(stored.copy()).save(tmp_path / "turned.jpg", exif=exif, quality=100)
    write(tmp_path / "upright.png", upright)
    turned, jpeg, expected = predict(
        *(tmp_path / name for name in ("turned.png", "turned.jpg", "upright.png")), **HOW
    )
    assert turned.frames == expected.frames
    assert len(jpeg.frames[0].faces) == 2
    assert jpeg.score == pytest.approx(expected.score, abs=0.03)


def test_greyscale_and_transparent_images_are_scored(tmp_path: Path) -> None:
    image = picture((20, HIGH))
    cv2.imwrite(str(tmp_path / "grey.png"), image[..., 0])
    cv2.imwrite(str(tmp_path / "rgba.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGRA))
    grey, rgba = predict(tmp_path / "grey.png", tmp_path / "rgba.png", **HOW)
    assert grey.parts == pytest.approx({"eyes": 200 / 255, "mouth": 200 / 255})
    assert rgba.score == pytest.approx(200 / 255)


def test_pieces_of_many_files_give_each_file_its_own_scores(tmp_path: Path) -> None:
    levels = list(range(70, 250, 20))
    for at, level in enumerate(levels):
        write(tmp_path / f"img{at}.png", picture((20, (level, 70, 70))))
    film(tmp_path / "img3.mp4", [picture((20, (130, 70, 70)))] * 5)
    found = predict(tmp_path, **HOW, batch_size=3, workers=3)
    names = [f"img{at}.png" for at in range(len(levels))]
    assert [each.path.name for each in found] == [*names[:3], "img3.mp4", *names[3:]]
    images = [each.score for each in found if each.path.suffix == ".png"]
    assert images == pytest.approx([level / 255 for level in levels])


def test_whole_frames_are_taken_without_a_face_detector(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", np.full((50, 70, 3), (150, 20, 20), np.uint8))
    (found,) = predict(path, detector="levels", crop_from="frame", quiet=True)
    assert found.score == pytest.approx(150 / 255)
    assert [face.box for face in found.frames[0].faces] == [(0, 0, 70, 50)]


# --- files ------------------------------------------------------------------------------------


def test_folders_are_walked_in_natural_order_and_no_file_comes_twice(tmp_path: Path) -> None:
    names = ["b10.png", "b9.JPG", "sub/c.mp4", ".hidden/d.png", ".e.png", "notes.txt"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    found = find_media([tmp_path / "b10.png", tmp_path, tmp_path / "notes.txt"])
    shown = [path.relative_to(tmp_path).as_posix() for path in found]
    assert shown == ["b10.png", "b9.JPG", "sub/c.mp4", "notes.txt"]
    assert not any(found.values())


def test_a_name_that_is_not_utf8_is_a_reason(tmp_path: Path) -> None:
    path = tmp_path / "a\udcff.png"
    assert "not UTF-8" in find_media([path])[path]


def test_what_cannot_be_scored_has_a_reason_and_the_others_go_on(
    tmp_path: Path, bench: Run
) -> None:
    good = write(tmp_path / "good.png", picture((20, HIGH)))
    nobody = film(tmp_path / "nobody.mp4", [picture()] * 3)
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff no")
    cut(write_video(tmp_path / "cut.mp4"), 0.5)
    (tmp_path / "text.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    bad = [tmp_path / name for name in ("bad.jpg", "cut.mp4", "text.txt", "gone.png", "empty")]
    code, out, err = bench(nobody, *bad, good)
    lines = [line.split("\t") for line in out.splitlines()][1:]
    no_video = "not a readable video (Invalid data found when processing input)"
    assert [line[0] for line in lines] == [str(path) for path in (nobody, *bad, good)]
    assert [line[1] for line in lines] == ["NO FACE", *(["NOT READ"] * 5), "MANIPULATED"]
    assert [line[6] for line in lines[:-1]] == [
        f"3 x no face found in {nobody} by face detector 'dlib'",
        f"cannot decode {bad[0]}: the JPEG is truncated",
        f"cannot decode {bad[1]}: {no_video}",
        f"cannot decode {bad[2]}: not an image, or in a format that bench does not read",
        f"no image file {bad[3]}",
        "the folder has no image or video file that can be read",
    ]
    assert lines[-1][2:6] == ["0.7843", "100", "mouth", ""]
    small = "low quality: small face (39 x 39 pixels), blurred face"
    assert lines[-1][6] == small
    assert code == 1
    assert "6 of 7 files have no score" in err


def two_sizes() -> Image8:
    """A large square that looks real and a small one that looks fake: an area of .25 of it."""
    image = np.zeros((96, 160, 3), np.uint8)
    image[10:80, 10:80], image[30:65, 110:145] = LOW, HIGH
    return image


def test_a_smaller_second_face_is_told_and_scored_where_asked_for(
    tmp_path: Path, bench: Run
) -> None:
    path = write(tmp_path / "a.png", two_sizes())
    code, out, _ = bench(path)
    assert code == 0
    assert "\t1 more face left out; --faces all" in out
    whole = bench(path, "--faces", "all")[1]
    assert "the highest-scoring of 2 faces" in whole
    assert "left out" not in whole
    scores = [float(text.splitlines()[1].split("\t")[2]) for text in (out, whole)]
    assert scores[0] < 0.5 < scores[1]
    found = [json.loads(bench(path, "--json", *more)[1]) for more in ([], ["--faces", "all"])]
    assert [each["faces_left_out"] for each in found] == [1, 0]
    assert [each["origin"]["scored_faces"] for each in found] == ["large", "all"]


def test_faces_that_are_left_out_of_a_video_are_counted_over_its_frames(
    tmp_path: Path, bench: Run
) -> None:
    path = film(tmp_path / "a.mp4", [two_sizes(), picture((20, HIGH)), two_sizes()])
    assert "2 more faces in 2 frames left out; --faces all" in bench(path)[1]


def test_a_video_of_which_some_frames_are_lost_says_which_share(tmp_path: Path, bench: Run) -> None:
    path = film(tmp_path / "a.mp4", [picture((20, HIGH)), picture(), picture()])
    code, out, _ = bench(path)
    assert code == 0
    lost = f"(2 x no face found in {path} by face detector 'dlib')"
    assert f"\t1 of 3 frames scored {lost}" in out


def test_paths_of_nothing_alone_are_an_error_before_a_model_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.tasks.predict, "Predictor", lambda *_: pytest.fail("built"))
    with pytest.raises(DataError, match=r"no such file or folder: .*nope"):
        predict(tmp_path / "nope")


# --- the command ------------------------------------------------------------------------------


def test_json_lines_hold_every_frame_and_face(tmp_path: Path, bench: Run) -> None:
    good = write(tmp_path / "good.png", picture((10, LOW), (100, HIGH)))
    code, out, _ = bench(good, tmp_path / "gone.png", "--json")
    first, second = map(json.loads, out.splitlines())
    assert code == 1
    assert list(first) == [
        *("schema", "path", "sha256", "verdict", "no_verdict", "score", "parts", "part"),
        *("variants", "faces", "faces_left_out", "frames_used", "sharpness", "notes", "error"),
        *("frames", "audit", "origin"),
    ]
    assert first["schema"] == FILE_SCHEMA == 3
    assert first["sha256"] == sha256(good)
    assert (first["faces"], first["frames_used"], first["error"]) == (2, 1, None)
    (frame,) = first["frames"]
    assert set(frame) == {
        *("index", "file", "seconds", "score", "parts", "variants"),
        *("faces", "error", "left_out"),
    }
    keys = {"score", "parts", "variants", "box", "sharpness"}
    assert [set(face) for face in frame["faces"]] == [keys] * 2
    assert first["score"] == max(face["score"] for face in frame["faces"])
    assert (second["score"], second["sha256"]) == (None, None)
    assert second["error"] == f"no image file {tmp_path / 'gone.png'}"
    assert second["origin"] == first["origin"]
    assert first["origin"]["crop_from"] == "detector"
    assert first["audit"]["words"].startswith("The part scores of levels have not been audited")
    assert second["audit"] is None  # no score, so none of parts


def test_a_record_is_read_back_as_what_it_was_written_of(tmp_path: Path) -> None:
    write(tmp_path / "a.png", picture((10, LOW), (100, HIGH)))
    write(tmp_path / "nobody.png", picture())
    film(tmp_path / "c.mp4", [picture((20, colour)) for colour in [LOW] * 6 + [HIGH] * 5])
    film(tmp_path / "d.mp4", [picture((20, HIGH)), picture(), two_sizes()])
    (tmp_path / "broken.mp4").write_bytes(b"no")
    for found in predict(tmp_path, **HOW):
        record = json.loads(json.dumps(file_record(found, audit=None, origin={})))
        again = Prediction.of_record(record)
        assert verdict_cells(again) == verdict_cells(found)
        assert again.frames == found.frames
        assert file_record(again, audit=None, origin={})["parts"] == record["parts"]


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_list_of_a_data_set_alone_is_refused_and_beside_files_has_a_line(
    tmp_path: Path, bench: Run, kind: str
) -> None:
    path = write(tmp_path / "a.png", picture((20, HIGH)))
    listed = tmp_path / f"manifest.{kind}"
    test = {"a": {"label": "real", "frames": ["a.png"]}}
    text = {"csv": "path,label\na.png,0\n", "json": json.dumps({"s": {"real": {"test": test}}})}
    listed.write_text(text[kind])
    for inputs in ([listed], [listed, tmp_path / "gone.png"]):
        code, out, err = bench(*inputs)
        assert (code, out) == (2, "")
        assert f"no image or video to score: {listed} is a data set with labels" in err
        assert f"bench eval --dataset {listed}" in err
    code, out, _ = bench(listed, path)
    assert code == 1
    assert [line.split("\t")[1] for line in out.splitlines()[1:]] == ["NOT READ", "MANIPULATED"]


def test_standard_output_holds_lines_alone_and_the_bar_goes_elsewhere(
    tmp_path: Path, bench: Run
) -> None:
    path = film(tmp_path / "a.mp4", [picture((20, HIGH))] * 3)
    code, out, err = bench(path)
    assert code == 0
    assert out.count("\n") == 2  # under the names of the columns
    assert "\r" not in out
    assert "3/3" in err


def test_lines_go_to_a_file_that_is_asked_for(tmp_path: Path, bench: Run) -> None:
    path = write(tmp_path / "a.png", picture((20, HIGH)))
    code, out, _ = bench(path, "--out", tmp_path / "new" / "scores.txt")
    assert (code, out) == (0, "")
    header, line = (tmp_path / "new" / "scores.txt").read_text().splitlines()
    assert header.split("\t")[:3] == ["file", "verdict", "score"]
    assert line.startswith(f"{path}\tMANIPULATED\t0.7843\t")
    (tmp_path / "file").touch()
    code, _, err = bench(path, "--out", tmp_path / "file" / "scores.txt")
    assert code == 2
    assert "cannot write" in err


def test_inputs_of_which_none_is_there_are_told_before_the_model_is_built(
    tmp_path: Path, bench: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.tasks.predict, "build_chosen", lambda *_: pytest.fail("built"))
    code, out, err = bench(*(tmp_path / f"gone{n}.png" for n in range(5)))
    assert (code, out) == (2, "")
    assert f"no such file or folder: {tmp_path / 'gone0.png'}, " in err
    assert "gone2.png and 2 more; name an image" in err


def test_no_input_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--detector", "levels"]) == 2
    assert "INPUT" in capsys.readouterr().err


def test_the_shipped_detector_scores_with_nothing_but_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.undo()
    path = write(tmp_path / "crop.png", picture((20, HIGH), width=96))
    assert main(["predict", str(path), "--crop-from", "frame", "--json", "--threads", "1"]) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert set(record["parts"]) == {"eyes", "nose", "mouth"}
    assert "lesb_roi needs landmarks, which --crop-from frame does not look for" in err
    parts = [part["score"] for part in record["parts"].values()]
    assert record["score"] == pytest.approx(np.mean(parts))
    assert record["origin"]["weights_sha256"] == WEIGHTS_SHA256
    assert record["origin"]["artefact_sha256"] == sha256(shipped_artefact("lesb"))
    assert record["origin"]["crop"] == {"name": "frame", "size": INPUT_SIZE, "margin": 0.0}
    assert "--crop-from frame" in err
    assert (
        f"note: {record['audit']['line']}\n" in err
    )  # beside scores of parts, how far to trust them
