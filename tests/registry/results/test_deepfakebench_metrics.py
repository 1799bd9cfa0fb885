"""The profile deepfakebench: literals worked out by hand, scikit-learn, and the faults it keeps."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from registry.cli import main
from registry.errors import DataError, UndefinedMetricError, UnknownNameError
from registry.results import deepfakebench_metrics as deepfakebench
from registry.results.deepfakebench_metrics import accuracy, eer, folder_groups, folder_name
from registry.results.predictions import PREDICTIONS, read_predictions, write_predictions
from registry.results.profiles import differences, measure
from registry.results.provenance import Provenance
from registry.results.result import Result, recompute
from registry.tasks.evaluate import evaluate
from tests.shared.synthetic_run import (
    METRICS,
    Row,
    drawn_rows,
    failed,
    manifest,
    row,
    run_folder,
    settings,
    table,
)

DFB = settings(profile="deepfakebench", vote_variants=frozenset())


def video(path: str, *fakes: float, label: int = 0, **ids: str) -> list[Row]:
    """Frames of one video under the folder `path`, as an index lists them."""
    name = ids.pop("video", path)
    method = ids.pop("method", "swap" if label else "")
    return [
        row(
            video=name,
            frame=index,
            label=label,
            method=method,
            listed=f"{path}/{index:03d}.png",
            fake=fake,
            **ids,
        )
        for index, fake in enumerate(fakes)
    ]


def value(rows: list[Row], metric: str, level: str, profile: str) -> float | None:
    found = measure(table(rows), replace(DFB, profile=profile), METRICS)
    (each,) = (
        each
        for each in found
        if (each.metric, each.level, each.method, each.variant) == (metric, level, "all", "lesb")
    )
    return each.value


# --- on vectors ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("./datasets/rgb/UADFV/real/frames/0008/141.png", "0008"),
        (r"Celeb-DF-v2\YouTube-real\frames\00000\000.png", "00000"),
        (r"T:\x\rgb\FaceForensics++\c23\frames\000_003\000.png", "000_003"),
        ("/data/DF40/simswap/cdf/frames/id0_id1_0000/000.png", "id0_id1_0000"),
        (r"rgb\FF-DF/frames/000_003/000.png", "rgb"),  # cut at the backslash alone
        (r"rgb/FF-DF\frames\000_003\000.png", "000_003"),
        ("/000.png", ""),
    ],
)
def test_the_folder_is_what_stands_before_the_name_after_a_cut_at_one_separator(
    path: str, folder: str
) -> None:
    assert folder_name(path) == folder


def test_a_path_without_a_folder_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"'000\.png' names no folder.*--profile strict"):
        folder_groups(["a/000.png", "000.png"])


def test_the_eer_is_that_of_the_nearest_vertex_of_scikit_learns_curve() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        labels = np.append([0, 1], rng.integers(0, 2, int(rng.integers(1, 40))))
        scores = np.round(rng.random(labels.size), int(rng.integers(0, 4)))
        fpr, tpr, _ = roc_curve(labels, scores)
        expected = fpr[np.nanargmin(np.absolute((1 - tpr) - fpr))]
        assert eer(labels, scores) == expected


@pytest.mark.parametrize(
    ("labels", "scores", "expected"),
    [
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.5),  # corners (0 .5) (.5 .5): FPR = FNR at once
        ([0, 1, 0, 1], [0.3, 0.3, 0.3, 0.3], 0.0),  # constant; a coin has .5
        ([1, 0, 0, 0, 0, 1], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], 0.0),  # the run of reals is no corner
        ([0, 1, 1], [0.2, 0.6, 0.1], 0.0),  # (0 0) (0 .5) (1 .5) (1 1): .5 is as near as .5
    ],
)
def test_eers_worked_out_by_hand(labels: list[int], scores: list[float], expected: float) -> None:
    assert eer(np.array(labels), np.array(scores)) == expected


def test_a_score_of_one_half_is_called_real() -> None:
    assert accuracy(np.array([0, 1, 1]), np.array([0.5, 0.5, 0.51])) == pytest.approx(2 / 3)


@pytest.mark.parametrize("labels", [[], [0, 0], [1]])
def test_what_crashes_there_is_undefined_here(labels: list[int]) -> None:
    with pytest.raises(UndefinedMetricError, match="single class"):
        eer(np.array(labels, dtype=np.int64), np.zeros(len(labels)))
    with pytest.raises(UndefinedMetricError, match="no samples"):
        accuracy(np.array([], dtype=np.int64), np.array([]))


def test_a_folder_is_fake_only_if_all_its_frames_are() -> None:
    names, group = folder_groups(["x/a/0.png", "y/a/0.png", "y/b/0.png", "z/b/1.png"])
    labels = deepfakebench.group_labels(np.array([0, 1, 1, 1]), group, 2)
    assert (names, labels.tolist()) == (["a", "b"], [0, 1])
    means = deepfakebench.group_means(np.array([0.25, 0.75, 0.5, 1.0]), group, 2)
    assert means.tolist() == [0.5, 0.75]


# --- on a table of predictions ---------------------------------------------------------------

COLLIDING = [
    *video("real/000", 0.4, 0.4, video="real/000"),
    *video("DF/000_003", 0.9, 0.9, label=1, method="DF", video="DF/000_003"),
    *video("F2F/000_003", 0.3, 0.3, label=1, method="F2F", video="F2F/000_003"),
    *video("FS/000_003", 0.3, 0.3, label=1, method="FS", video="FS/000_003"),
    *video("NT/000_003", 0.3, 0.3, label=1, method="NT", video="NT/000_003"),
]


def test_manipulations_that_share_folder_names_become_one_video() -> None:
    """Of four fakes one beats the real video; their mean, .45, does too."""
    assert value(COLLIDING, "auc", "video", "strict") == 0.25
    assert value(COLLIDING, "auc", "video", "deepfakebench") == 1.0
    assert value(COLLIDING, "auc", "frame", "deepfakebench") == 0.25
    (line, *_) = differences(table(COLLIDING), DFB, METRICS)
    assert line == (
        "faces: 4 videos share the folder name 000_003, so that 4 fake and 1 real videos become 1"
        " and 1 under profile deepfakebench"
    )


def test_the_560_fakes_of_faceforensics_become_140() -> None:
    rows = [each for n in range(140) for each in video(f"real/{n:03d}", 0.2)]
    for method in ("DF", "F2F", "FS", "NT"):
        for n in range(140):
            rows += video(f"{method}/{n:03d}_{n + 1:03d}", 0.7, label=1, method=method)
    found = measure(table(rows), DFB, METRICS)
    counted = {each.level: (each.reals, each.fakes) for each in found}
    assert counted == {"video": (140, 140), "frame": (140, 560)}
    (line,) = differences(table(rows), DFB, METRICS)
    assert "so that 560 fake and 140 real videos become 140 and 140 under" in line


def test_mixed_separators_are_grouped_as_the_index_writes_them() -> None:
    """Of three paths cut at the backslash, all lie in `rgb`; the file read does not matter."""
    rows = [
        *video(r"rgb\real/000", 0.1, video="r0"),
        *video(r"rgb\real/001", 0.3, video="r1"),
        *video(r"rgb\fake/000_001", 0.8, label=1, video="f0"),
        *video("fake/001_000", 0.2, label=1, video="f1"),
    ]
    rows = [{**each, "path": f"/data/{each['video']}/0.png"} for each in rows]
    assert value(rows, "auc", "video", "strict") == 0.75
    # Folder rgb: mean .4, label int(1/3) = 0; folder 001_000: .2, fake.
    assert value(rows, "auc", "video", "deepfakebench") == 0.0
    lines = differences(table(rows), DFB, METRICS)
    assert lines[0].startswith("faces: 3 videos share the folder name rgb, so that 2 fake and 2")
    assert lines[1] == (
        "faces: 1 folder names hold real and fake frames and count as real under profile"
        " deepfakebench, for example rgb"
    )


def test_without_an_index_the_file_that_was_read_names_the_folder() -> None:
    rows = [row(video="a", path="x/a/0.png", fake=0.1), row(video="b", path="x/b/0.png", label=1)]
    assert value(rows, "auc", "video", "deepfakebench") == 1.0
    rows = [row(video="a", path="x/a/0.png", fake=0.1), row(video="b", path="y/a/0.png", label=1)]
    assert value(rows, "auc", "video", "deepfakebench") is None  # one folder, one class


def test_a_video_under_two_folder_names_counts_twice_and_is_named() -> None:
    rows = [
        row(video="v", frame=0, listed="v/part1/0.png", fake=0.1),
        row(video="v", frame=1, listed="v/part2/1.png", fake=0.9),
        *video("fake/0", 0.5, label=1),
    ]
    assert value(rows, "auc", "video", "deepfakebench") == 0.5
    (line, *_) = differences(table(rows), DFB, METRICS)
    assert line == (
        "faces: the frames of video v are in folders of 2 names, each of which is a video under"
        " profile deepfakebench"
    )


def test_where_only_a_variant_s_eer_differs_that_one_is_named() -> None:
    rows = [*video("real/0", 0.1, 0.2), *video("fake/1", 0.8, 0.9, label=1)]
    assert list(differences(table(rows), DFB, METRICS)) == []
    (line,) = differences(table([{**each, "fake_head": 0.25} for each in rows]), DFB, METRICS)
    assert line.startswith("faces: EER of head per frame is 0.000 under profile deepfakebench")
    assert line.endswith("and 0.500 under strict, which interpolates: all scores are equal")


def test_constant_scores_have_an_eer_of_0_there_and_one_half_here() -> None:
    rows = [*video("real/0", 0.25, 0.25), *video("fake/1", 0.25, 0.25, label=1)]
    assert value(rows, "eer", "frame", "deepfakebench") == 0.0
    assert value(rows, "eer", "frame", "strict") == 0.5
    assert value(rows, "auc", "frame", "deepfakebench") == 0.5
    (line,) = differences(table(rows), DFB, METRICS)
    assert line == (
        "faces: EER per frame is 0.000 under profile deepfakebench, which takes a corner of the ROC"
        " curve, and 0.500 under strict, which interpolates: all scores are equal"
    )


def test_halves_and_failed_frames_are_said() -> None:
    rows = [
        *video("real/0", 0.5, 0.1),
        *video("fake/1", 0.5, 0.9, label=1),
        failed("no face found", video="gone", listed="real/2/0.png"),
    ]
    assert value(rows, "accuracy", "frame", "deepfakebench") == 0.75
    lines = differences(table(rows), DFB, METRICS)
    assert lines[-2] == (
        "faces: 2 frames score exactly 0.5, which is real under profile deepfakebench"
        " and fake under strict"
    )
    assert lines[-1].startswith("faces: 1 frames without a score are left out under both profiles")


def test_data_sets_are_grouped_apart_and_each_variant_is_measured() -> None:
    rows = [{**each, "fake_head": 1 - each["fake"]} for each in COLLIDING]
    more = rows + [{**each, "dataset": "other"} for each in rows[:4]]
    found = measure(table(more), DFB, METRICS)
    aucs = {
        (each.variant, each.dataset, each.level): (each.value, each.reals, each.fakes)
        for each in found
        if each.metric == "auc"
    }
    assert aucs == {
        ("lesb", "faces", "video"): (1.0, 1, 1),
        ("lesb", "faces", "frame"): (0.25, 2, 8),
        ("lesb", "other", "video"): (1.0, 1, 1),
        ("lesb", "other", "frame"): (1.0, 2, 2),
        ("head", "faces", "video"): (0.0, 1, 1),
        ("head", "faces", "frame"): (0.75, 2, 8),
        ("head", "other", "video"): (0.0, 1, 1),
        ("head", "other", "frame"): (0.0, 2, 2),
    }


def test_what_deepfakebench_does_not_report_has_a_reason() -> None:
    found = measure(table(COLLIDING), DFB, METRICS)
    reasons = {(each.level, each.metric): each.reason for each in found if each.value is None}
    assert reasons["video", "eer"] == "DeepfakeBench reports no eer per video"
    assert reasons["frame", "tpr_at_fpr_1"] == "DeepfakeBench reports no tpr_at_fpr_1 per frame"
    assert {each.reason for each in found if each.value is not None} == {
        "DeepfakeBench gives no interval"
    }


def test_an_unknown_profile_and_an_unknown_metric_are_named() -> None:
    with pytest.raises(UnknownNameError, match="no profile named 'strikt'; did you mean 'strict'"):
        measure(table(COLLIDING), replace(DFB, profile="strikt"), METRICS)
    with pytest.raises(UnknownNameError, match="no metric named 'auk'"):
        measure(table(COLLIDING), replace(DFB, metrics=("auk",)), METRICS)


# --- as a user sees it -----------------------------------------------------------------------


def test_an_older_file_says_what_it_lacks_and_keeps_its_strict_numbers(tmp_path: Path) -> None:
    stored = run_folder(tmp_path)
    made, chosen = read_predictions(tmp_path)
    write_predictions(tmp_path / PREDICTIONS, made.drop_columns(["listed"]), chosen)
    assert recompute(tmp_path, METRICS).differences(stored) == ()
    with pytest.raises(DataError, match=r"lacks the column 'listed'.*Run `bench eval`"):
        recompute(tmp_path, METRICS, profile="deepfakebench")


def test_a_run_of_before_reports_and_says_what_it_cannot(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Frames of an index: their listed paths tell its videos apart, and older runs lack them."""
    run_folder(tmp_path)
    made, chosen = read_predictions(tmp_path)
    write_predictions(tmp_path / PREDICTIONS, made.drop_columns(["listed"]), chosen)
    assert main(["report", str(tmp_path), "--profile", "both"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("no numbers for profile deepfakebench: predictions.parquet lacks")
    assert "===" not in said
    assert re.search(r"^drawn +0\.844 ", said, re.MULTILINE)


def test_metrics_of_scores_that_the_benchmark_would_not_get_say_so(tmp_path: Path) -> None:
    config = {"crop_from": "frame", "frame_policy": "linspace"}
    made, settings = table(COLLIDING), replace(DFB, vote_variants=frozenset())
    known = Provenance(config=config)
    (note,) = [
        line
        for line in Result.of(made, settings, METRICS, known).notes
        if line.startswith(
            "These are DeepfakeBench's metrics, but DeepfakeBench would get other scores"
        )
    ]
    assert (
        "resized linearly, while DeepfakeBench uses INTER_CUBIC; frames were chosen by linspace"
        in note
    )
    strict = replace(settings, profile="strict")
    same = Provenance(config={"crop_from": "frame_cubic", "frame_policy": "deepfakebench"})
    for other in (
        Result.of(made, strict, METRICS, known),
        Result.of(made, settings, METRICS, same),
    ):
        assert not any("would get other scores" in line for line in other.notes)


def test_a_result_of_this_profile_is_stored_with_its_reasons_and_computed_again(
    tmp_path: Path,
) -> None:
    result = run_folder(tmp_path, COLLIDING, profile="deepfakebench", vote_variants=frozenset())
    assert result.notes[0].startswith("faces: 4 videos share the folder name 000_003")
    again = recompute(tmp_path, METRICS)
    assert (again.notes, again.differences(Result.load(tmp_path))) == (result.notes, ())


def test_report_prints_both_profiles_of_one_file_and_why_they_differ(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder(tmp_path, COLLIDING, vote_variants=frozenset(), metrics=("auc", "eer"))
    assert main(["report", str(tmp_path), "--profile", "both"]) == 0
    strict, theirs = capsys.readouterr().out.split("=== profile deepfakebench ===")
    assert re.search(r"^faces +0\.250 ", strict, re.MULTILINE)
    assert re.search(r"^faces per video +1\.000 +- +1/1 ", theirs, re.MULTILINE)
    assert re.search(r"^faces per frame +0\.250 ", theirs, re.MULTILINE)
    assert "note: faces: 4 videos share the folder name 000_003, so that" in theirs
    assert "agrees exactly" in strict + theirs
    assert main(["report", str(tmp_path), "--profile", "strict", "--write"]) == 2
    assert "--write keeps the run's own profile" in capsys.readouterr().err
    assert main(["report", str(tmp_path), "--profile", "stirct"]) == 2


def test_eval_keeps_the_listed_paths_and_measures_by_the_profile(tmp_path: Path) -> None:
    data, out = str(manifest(tmp_path / "data")), str(tmp_path / "run")
    result = evaluate(
        detector="random", dataset=(data,), out=out, profile="deepfakebench", quiet=True
    )
    assert result.settings.profile == "deepfakebench"
    made, _ = read_predictions(tmp_path / "run")
    assert made["listed"].to_pylist()[:2] == ["real/0/0.png", "real/1/0.png"]
    # Four real and four fake videos; folders 0 to 3 hold one of each and count as real.
    videos = result.select(variant="random", level="video", metric="auc")
    assert [(each.reals, each.fakes, each.value) for each in videos] == [(4, 0, None)]
    report = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "there are no intervals" in report
    assert "with 95 % intervals" not in report


def test_drawn_rows_of_any_kind_are_measured_without_an_error() -> None:
    for seed in range(5):
        found = measure(table(drawn_rows(seed=seed)), replace(DFB, draws=0), METRICS)
        assert {each.variant for each in found} >= {"lesb", "head", "lesb:eyes"}
