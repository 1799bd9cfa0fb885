"""Faces to frames to videos to measurements, against plain loops and cases worked out by hand."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from registry.errors import DataError, UndefinedMetricError, UnknownNameError
from registry.plugins.specs import MetricSpec
from registry.results.aggregation import aggregate
from registry.results.measure import Measurement, Pooled, count, pooled, summarise
from registry.results.method_groups import MethodGroup
from tests.shared.synthetic_run import METRICS, PARTS, Row, drawn_rows, failed, row, settings, table

Scores = dict[str, float]


# --- the reference: dictionaries and loops -----------------------------------------------------


def vote(scores: Scores) -> float:
    parts = [scores[f"lesb:{part}"] for part in PARTS if f"lesb:{part}" in scores]
    fake = sum(part > 0.5 for part in parts)
    if 2 * fake == len(parts):
        return float(sum(parts) / len(parts) >= 0.5)
    return float(2 * fake > len(parts))


def frame_scores(faces: list[Row]) -> Scores:
    best = sorted(faces, key=lambda face: (-face["fake"], face["face"]))[0]
    scores: Scores = {"lesb": best["fake"]}
    for name in best:
        if name.startswith("p_"):
            scores[f"lesb:{name[2:]}"] = best[name]
    for name in best:
        if name.startswith("fake_"):
            scores[name[5:]] = max(face[name] for face in faces)
    if "vote" in scores:
        scores["vote"] = vote(scores)
    return scores


def video_scores(frames: Iterable[Scores]) -> Scores:
    listed = list(frames)
    scores = {name: sum(each[name] for each in listed) / len(listed) for name in listed[0]}
    if "vote" in scores:
        scores["vote"] = vote(scores)
    return scores


def by_video(rows: list[Row]) -> dict[tuple[str, str], dict[int, Scores]]:
    faces: dict[tuple[str, str], dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for each in rows:
        if each["status"] == "ok":
            faces[each["dataset"], each["video"]][each["frame"]].append(each)
    return {
        video: {frame: frame_scores(found) for frame, found in frames.items()}
        for video, frames in faces.items()
    }


# --- aggregation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_frames_and_videos_have_the_scores_of_the_plain_loops(seed: int) -> None:
    rows = drawn_rows("a", seed=seed) + drawn_rows("b", people=5, frames=1, seed=seed + 50)
    random.Random(seed).shuffle(rows)
    units = aggregate(table(rows), settings())
    expected = by_video(rows)
    videos = units["video"]
    assert sorted(expected) == list(zip(videos.dataset, videos.video, strict=True))
    for index, video in enumerate(sorted(expected)):
        for variant, value in video_scores(expected[video].values()).items():
            assert videos.scores[variant][index] == pytest.approx(value, abs=1e-12), variant
    flat = [scores for video in sorted(expected) for _, scores in sorted(expected[video].items())]
    assert len(units["frame"]) == len(flat)
    for index, scores in enumerate(flat):
        assert {name: values[index] for name, values in units["frame"].scores.items()} == scores


def test_variants_are_the_detector_then_its_parts_then_the_others() -> None:
    units = aggregate(table(drawn_rows()), settings())
    parts = [f"lesb:{part}" for part in PARTS]
    assert list(units["video"].scores) == ["lesb", *parts, "head", "vote"]


def test_a_frame_takes_the_largest_score_and_the_parts_of_that_face() -> None:
    rows = [
        row(face=0, fake=0.9, fake_head=0.1, p_eyes=0.2),
        row(face=1, fake=0.4, fake_head=0.7, p_eyes=0.8),
    ]
    scores = aggregate(table(rows), settings())["frame"].scores
    assert {name: values.tolist() for name, values in scores.items()} == {
        "lesb": [0.9],
        "lesb:eyes": [0.2],
        "head": [0.7],
    }


def test_of_faces_with_equal_scores_the_first_gives_the_parts() -> None:
    rows = [row(face=1, fake=0.9, p_eyes=0.8), row(face=0, fake=0.9, p_eyes=0.2)]
    scores = aggregate(table(rows), settings())["frame"].scores
    assert scores["lesb:eyes"].tolist() == [0.2]


def test_a_vote_is_taken_anew_from_the_parts_of_the_video() -> None:
    # Two of three frames vote fake, but the means over the frames are .4, .5 and .7: one of three.
    frames = [(0.6, 0.6, 0.6), (0.6, 0.7, 0.6), (0.0, 0.2, 0.9)]
    rows = [
        row(frame=index, fake=0.5, fake_vote=1.0, p_eyes=eyes, p_nose=nose, p_mouth=mouth)
        for index, (eyes, nose, mouth) in enumerate(frames)
    ]
    units = aggregate(table(rows), settings())
    assert units["frame"].scores["vote"].tolist() == [1.0, 1.0, 0.0]
    assert units["video"].scores["vote"].tolist() == [0.0]


@pytest.mark.parametrize(
    ("eyes", "nose", "verdict"),
    [(0.9, 0.1, 1.0), (0.9, 0.05, 0.0), (0.6, 0.4, 1.0), (0.5, 0.5, 0.0), (0.5, 0.6, 1.0)],
)
def test_an_even_vote_is_decided_by_the_mean(eyes: float, nose: float, verdict: float) -> None:
    rows = [row(fake=0.5, fake_vote=0.0, p_eyes=eyes, p_nose=nose)]
    assert aggregate(table(rows), settings())["video"].scores["vote"].tolist() == [verdict]


def test_the_detector_itself_may_be_the_vote() -> None:
    rows = [row(fake=1.0, p_eyes=0.9, p_nose=0.2, p_mouth=0.3), row(frame=1, fake=1.0)]
    rows[1] |= {"p_eyes": 0.9, "p_nose": 0.9, "p_mouth": 0.3}
    chosen = settings(vote_variants=frozenset({"lesb"}))
    units = aggregate(table(rows), chosen)
    assert units["frame"].scores["lesb"].tolist() == [0.0, 1.0]
    assert units["video"].scores["lesb"].tolist() == [1.0]


def test_a_vote_without_parts_is_refused() -> None:
    with pytest.raises(
        DataError, match="'vote' is a vote of face parts, but there are no p_<part>"
    ):
        aggregate(table([row(fake_vote=1.0)]), settings())


def test_two_variants_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="two variants are named 'lesb'"):
        aggregate(table([row(fake_lesb=0.1)]), settings())


def test_clusters_are_identities_within_a_data_set_and_else_videos() -> None:
    rows = [
        row(video="a", identity="p1"),
        row(video="b", identity="p1", label=1, method="x"),
        row(video="c"),
        row(video="d", identity=""),
        row(video="p1"),
        row(dataset="other", video="a", identity="p1"),
    ]
    cluster = aggregate(table(rows), settings())["video"].cluster.tolist()
    assert cluster[0] == cluster[1]
    assert len(set(cluster)) == 5


@pytest.mark.parametrize(
    ("fact", "values"), [("label", (0, 1)), ("method", ("a", "b")), ("identity", ("p", None))]
)
def test_a_video_with_two_labels_methods_or_identities_is_refused(
    fact: str, values: tuple[Any, Any]
) -> None:
    rows = [row(frame=frame, **{fact: value}) for frame, value in enumerate(values)]
    with pytest.raises(DataError, match=f"video 'v' of 'faces' has rows with different {fact}s"):
        aggregate(table(rows), settings())


def test_a_face_that_comes_twice_is_refused() -> None:
    with pytest.raises(DataError, match=r"two rows are for the same face: .*'video': 'v'"):
        aggregate(table([row(), row(video="w"), row()]), settings())


# --- measurements --------------------------------------------------------------------------------


def find(measured: tuple[Measurement, ...], **wanted: str) -> Measurement:
    given = {"variant": "lesb", "level": "video", "method": "all", "metric": "auc", **wanted}
    (found,) = (each for each in measured if all(getattr(each, k) == v for k, v in given.items()))
    return found


def agrees(
    measured: tuple[Measurement, ...],
    labels: list[int],
    scored: list[dict[str, float]],
    variants: Sequence[str],
    dataset: str,
    method: str,
) -> None:
    """AUC and AP of each variant are scikit-learn's, and the AUC lies in its interval."""
    for variant in variants:
        values = [scores[variant] for scores in scored]
        where = {"dataset": dataset, "method": method, "variant": variant}
        auc, ap = find(measured, **where), find(measured, metric="ap", **where)
        assert auc.value == pytest.approx(roc_auc_score(labels, values))
        assert ap.value == pytest.approx(average_precision_score(labels, values))
        assert (auc.reals, auc.fakes) == (labels.count(0), labels.count(1))
        assert auc.low is not None
        assert auc.high is not None
        assert auc.low <= auc.high


def test_auc_and_ap_of_every_row_are_those_of_scikit_learn() -> None:
    rows = drawn_rows("a") + drawn_rows("b", people=6, seed=9)
    facts = {(each["dataset"], each["video"]): each for each in rows}
    measured = summarise(table(rows), settings(), METRICS)
    scored = {video: video_scores(frames.values()) for video, frames in by_video(rows).items()}
    for dataset in ("a", "b"):
        for method in ("all", "swap", "warp"):
            chosen = [
                video
                for video in scored
                if video[0] == dataset
                and (method == "all" or facts[video]["method"] in {"", method})
            ]
            labels = [facts[video]["label"] for video in chosen]
            variants = ("lesb", "lesb:eyes", "head", "vote")
            agrees(measured, labels, [scored[each] for each in chosen], variants, dataset, method)


def test_frames_are_measured_one_by_one() -> None:
    rows = [each for each in drawn_rows() if each["face"] == 0 and each["status"] == "ok"]
    found = find(summarise(table(rows), settings(), METRICS), dataset="drawn", level="frame")
    labels = [each["label"] for each in rows]
    assert found.value == pytest.approx(roc_auc_score(labels, [each["fake"] for each in rows]))
    assert (found.reals, found.fakes) == (labels.count(0), labels.count(1))


def test_measurements_come_by_variant_data_set_method_level_and_metric() -> None:
    rows = drawn_rows("b") + drawn_rows("a")
    measured = summarise(table(rows), settings(metrics=("eer", "auc")), METRICS)
    names = ("lesb", "lesb:eyes", "lesb:nose", "lesb:mouth", "head", "vote")
    assert [(m.variant, m.dataset, m.method, m.level, m.metric) for m in measured] == [
        (variant, dataset, method, level, metric)
        for variant in names
        for dataset in ("a", "b")
        for method in ("all", "swap", "warp")
        for level in ("video", "frame")
        for metric in ("eer", "auc")
    ]


def test_neither_the_order_of_rows_nor_another_data_set_changes_a_number() -> None:
    rows = drawn_rows("a")
    alone = summarise(table(rows), settings(), METRICS)
    more = rows + drawn_rows("b", seed=4)
    random.Random(0).shuffle(more)
    both = summarise(table(more), settings(), METRICS)
    assert alone == tuple(each for each in both if each.dataset == "a")


def test_the_seed_moves_the_intervals_and_nothing_else() -> None:
    made = table(drawn_rows())
    first, same, other = (
        summarise(made, settings(seed=seed, metrics=("auc",)), METRICS) for seed in (0, 0, 1)
    )
    assert first == same
    assert first != other
    blank = [
        [replace(each, low=None, high=None) for each in measured] for measured in (first, other)
    ]
    assert blank[0] == blank[1]


def test_of_single_images_frame_level_is_video_level() -> None:
    measured = summarise(table(drawn_rows(frames=1)), settings(), METRICS)
    videos = [each for each in measured if each.level == "video"]
    frames = [each for each in measured if each.level == "frame"]
    assert [replace(each, level="frame") for each in videos] == frames


def test_only_the_levels_asked_for_are_measured() -> None:
    for level in ("video", "frame"):
        chosen = settings(levels=(level,), metrics=("auc",))
        for frames in (1, 3):
            measured = summarise(table(drawn_rows(frames=frames)), chosen, METRICS)
            assert {each.level for each in measured} == {level}


def test_a_single_class_has_no_value_but_a_reason_and_an_accuracy() -> None:
    rows = [each for each in drawn_rows() if each["label"] == 1]
    measured = summarise(table(rows), settings(), METRICS)
    auc = find(measured, method="swap")
    assert (auc.value, auc.low, auc.high) == (None, None, None)
    assert auc.reason == "a single class: 8 fake, no real"
    accuracy = find(measured, metric="accuracy")
    assert accuracy.value is not None
    assert accuracy.low is not None


def test_one_identity_has_a_value_without_an_interval_and_a_reason() -> None:
    rows = [row(video=str(n), identity="p", label=n % 2, fake=n / 10) for n in range(6)]
    found = find(summarise(table(rows), settings(), METRICS))
    assert found.value is not None
    assert found.low is None
    assert found.reason.startswith("too few independent reals")


def test_data_without_a_single_score_is_measured_as_undefined() -> None:
    rows = [failed("unreadable", video=str(n), label=n % 2) for n in range(4)]
    measured = summarise(table(rows), settings(), METRICS)
    assert {(each.value, each.reason, each.reals, each.fakes) for each in measured} == {
        (None, "no samples", 0, 0)
    }
    (counted,) = count(table(rows))
    assert (counted.errors, counted.left_out, counted.faces) == ({"unreadable": 4}, 4, 0)


def test_a_metric_of_a_third_party_is_measured_like_any_other() -> None:
    def gap(labels: Any, scores: Any) -> float:
        if not 0 < labels.sum() < labels.size:
            raise UndefinedMetricError("one class")
        return float(scores[labels == 1].mean() - scores[labels == 0].mean())

    spec = MetricSpec(name="gap", summary="distance", compute=gap, higher_is_better=True)
    found = find(
        summarise(table(drawn_rows()), settings(metrics=("gap",)), {"gap": spec}), metric="gap"
    )
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high


def test_a_metric_that_returns_nan_has_no_value() -> None:
    spec = MetricSpec(
        name="odd", summary="nan", compute=lambda labels, scores: np.nan, higher_is_better=True
    )
    measured = summarise(table(drawn_rows()), settings(metrics=("odd",)), {"odd": spec})
    assert {(each.value, each.reason) for each in measured} == {(None, "odd came out as nan")}


def test_an_unknown_metric_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="no metric named 'acu'; did you mean 'auc'"):
        summarise(table(drawn_rows()), settings(metrics=("acu",)), METRICS)


# --- groups --------------------------------------------------------------------------------------

GROUPS = (
    MethodGroup(name="two", patterns=("swap", "w*")),
    MethodGroup(name="blends", patterns=("*_blend",)),
)
METHODS = ("swap", "warp", "eye_blend", "nose_blend")


def test_auc_and_ap_of_a_group_are_those_of_scikit_learn_over_its_methods_and_all_reals() -> None:
    rows = drawn_rows("a", methods=METHODS) + drawn_rows("b", people=6, seed=9)
    facts = {(each["dataset"], each["video"]): each for each in rows}
    scored = {video: video_scores(frames.values()) for video, frames in by_video(rows).items()}
    measured = summarise(table(rows), settings(groups=GROUPS), METRICS)
    for dataset, name, methods in (
        ("a", "two", {"", "swap", "warp"}),
        ("a", "blends", {"", "eye_blend", "nose_blend"}),
        ("b", "two", {"", "swap", "warp"}),
    ):
        chosen = [v for v in scored if v[0] == dataset and facts[v]["method"] in methods]
        labels = [facts[video]["label"] for video in chosen]
        variants = ("lesb", "lesb:eyes", "vote")
        agrees(measured, labels, [scored[each] for each in chosen], variants, dataset, name)


def test_a_group_is_measured_as_if_its_methods_had_one_name() -> None:
    """Intervals too: they come of the same draws over identities."""
    rows = drawn_rows(methods=METHODS)
    renamed = [
        each | {"method": "blends" if each["method"].endswith("_blend") else each["method"]}
        for each in rows
    ]
    grouped = summarise(table(rows), settings(groups=GROUPS), METRICS)
    alike = summarise(table(renamed), settings(), METRICS)
    of_group, of_method = (
        [each for each in measured if each.method == "blends"] for measured in (grouped, alike)
    )
    assert of_group == of_method != []
    counted = {each.method: each for each in count(table(renamed))}
    assert counted["blends"] in count(table(rows), GROUPS)


def test_groups_come_after_the_methods_and_change_nothing_else() -> None:
    made = table(drawn_rows("b", methods=METHODS) + drawn_rows("a"))
    grouped = summarise(made, settings(groups=GROUPS), METRICS)
    alone = summarise(made, settings(), METRICS)
    names = {"two", "blends"}
    assert tuple(each for each in grouped if each.method not in names) == alone
    rows = ["all", "eye_blend", "nose_blend", "swap", "warp", "two", "blends"]
    in_b = [each for each in grouped if (each.dataset, each.variant) == ("b", "lesb")]
    assert list(dict.fromkeys(each.method for each in in_b)) == rows
    assert [each.method for each in count(made, GROUPS) if each.dataset == "b"] == rows


def test_a_data_set_with_none_of_its_methods_has_no_row_of_a_group() -> None:
    made = table(drawn_rows("b", methods=METHODS) + drawn_rows("a"))
    assert pooled(made, GROUPS) == (
        Pooled(dataset="a", name="two", methods=("swap", "warp")),
        Pooled(dataset="b", name="two", methods=("swap", "warp")),
        Pooled(dataset="b", name="blends", methods=("eye_blend", "nose_blend")),
    )
    assert [each.method for each in count(made, GROUPS) if each.dataset == "a"][-1] == "two"


# --- counts --------------------------------------------------------------------------------------


def test_counts_are_those_of_the_rows_and_errors_count_for_nothing_else() -> None:
    blank = {"fake_head": None}
    rows = [
        row(video="r1", fake_head=0.1),
        row(video="r1", face=1, fake_head=0.2),
        row(video="r1", frame=1, fake_head=0.3),
        failed("no face found", video="r1", frame=2, **blank),
        failed("unreadable", video="r2", **blank),
        row(video="s1", label=1, method="swap", fake_head=0.4),
        failed("no face found", video="w1", label=1, method="warp", **blank),
        row(video="n1", label=1, method="", fake_head=0.5),
    ]
    everything, swap, warp = count(table(rows))
    assert (everything.method, everything.reals, everything.fakes) == ("all", 1, 2)
    assert (everything.frames, everything.faces, everything.left_out) == (4, 5, 2)
    assert everything.errors == {"no face found": 2, "unreadable": 1}
    assert (swap.method, swap.reals, swap.fakes, swap.frames, swap.faces) == ("swap", 1, 1, 3, 4)
    assert swap.errors == {"no face found": 1, "unreadable": 1}
    assert (warp.method, warp.fakes, warp.left_out) == ("warp", 0, 2)


def test_two_data_sets_are_counted_apart_though_their_videos_share_names() -> None:
    rows = [row(dataset=name, video=str(n)) for name in ("b", "a") for n in range(3)]
    assert [(each.dataset, each.reals) for each in count(table(rows))] == [("a", 3), ("b", 3)]


def test_a_run_of_584_images_by_twelve_methods_is_measured_in_seconds() -> None:
    methods = [f"m{number}" for number in range(12)]
    drawn = drawn_rows(people=146, frames=1, methods=methods)
    numbers = [each["video"].partition("m") for each in drawn]  # person, "m", method
    rows = [
        each
        for each, (person, _, method) in zip(drawn, numbers, strict=True)
        if not method or (int(person) + int(method)) % 4 == 0
    ]
    started = time.process_time()  # the processor's time: other work here must not count
    measured = summarise(table(rows), settings(draws=2000), METRICS)
    assert time.process_time() - started < 8
    assert len(measured) == 6 * 13 * 7 * 2  # variants, methods and all, metrics, levels
