"""Runs compared on the videos they share, and refused where they are not alike."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from registry.builtin.compare.command import finding, run_names
from registry.builtin.compare.comparison import ComparedRun, Comparison, compare
from registry.builtin.compare.delong import difference_test
from registry.builtin.leaderboard.entries import measured
from registry.cli import main
from registry.contracts.types import CropPolicy
from registry.errors import ConfigError, DataError
from registry.results.method_groups import MethodGroup
from registry.results.result import Result
from tests.shared.synthetic_run import METRICS, Row, provenance, row, run_folder, settings, table

AUC = METRICS["auc"]


def scored(noise: float, seed: int, dataset: str = "faces", videos: int = 60) -> list[Row]:
    """Reals and fakes with a common signal and a detector's own noise; AUCs fall with noise."""
    signal = np.random.default_rng(5).normal(size=videos) + np.repeat([0, 1.2], videos // 2)
    values = signal + np.random.default_rng(seed).normal(0, noise, videos)
    return [
        row(
            dataset=dataset,
            video=f"v{index:03d}",
            label=int(index >= videos // 2),
            listed=f"f/{index}/0.png",
            fake=float(norm.cdf(value)),
        )
        for index, value in enumerate(values)
    ]


def run(rows: list[Row], name: str, **changes: object) -> ComparedRun:
    chosen = settings(vote_variants=frozenset(), **changes)
    return ComparedRun(name=name, table=table(rows), settings=chosen, provenance=provenance())


def of(*runs: ComparedRun, **how: object) -> Comparison:
    (found,) = compare(runs, AUC, **how)  # type: ignore[arg-type]
    return found


def test_a_better_run_is_told_from_chance_and_both_methods_agree() -> None:
    found = of(run(scored(4, 1), "noisy"), run(scored(0.1, 2), "clear"))
    assert (found.first, found.second, found.reals, found.fakes) == ("noisy", "clear", 30, 30)
    assert found.difference is not None
    assert found.p is not None
    assert found.bootstrap_p is not None
    assert found.difference > 0.1
    assert found.p < 0.01
    assert found.bootstrap_p < 0.01
    assert found.low == pytest.approx(found.bootstrap_low, abs=0.04)
    assert found.high == pytest.approx(found.bootstrap_high, abs=0.04)
    back = of(run(scored(0.1, 2), "clear"), run(scored(4, 1), "noisy"))
    assert back.difference == pytest.approx(-found.difference)
    assert back.p == pytest.approx(found.p)


def test_a_run_does_not_differ_from_itself() -> None:
    found = of(run(scored(1, 1), "a"), run(scored(1, 1), "b"))
    assert (found.difference, found.p, found.bootstrap_p) == (0.0, 1.0, 1.0)


def test_the_order_of_rows_does_not_matter_since_videos_are_paired_by_name() -> None:
    first, second = run(scored(1, 1), "a"), run(scored(1, 2), "b")
    turned = run(list(reversed(scored(1, 2))), "b")
    assert of(first, second) == of(first, turned)


def test_copies_under_one_identity_widen_the_bootstrap_and_not_delong() -> None:
    def copied(rows: list[Row]) -> list[Row]:
        return [
            {**each, "video": f"{each['video']}.{n}", "identity": each["video"]}
            for each in rows
            for n in range(4)
        ]

    alone = of(run(scored(1, 1), "a"), run(scored(1, 2), "b"))
    copies = of(run(copied(scored(1, 1)), "a"), run(copied(scored(1, 2)), "b"))
    wide, wider = ((each.bootstrap_low, each.bootstrap_high) for each in (alone, copies))
    assert wide == pytest.approx(wider, abs=1e-9)
    assert copies.p is not None
    assert alone.p is not None
    assert copies.p < alone.p


def test_holm_is_over_all_data_sets() -> None:
    def both(noise: float, seed: int) -> list[Row]:
        return scored(noise, seed, "one") + scored(noise, seed + 10, "two")

    rows = compare([run(both(2, 1), "a"), run(both(0.5, 2), "b")], AUC)
    assert [each.dataset for each in rows] == ["one", "two"]
    (small, large) = sorted((each.p, each.p_holm) for each in rows)  # type: ignore[type-var]
    assert small[0] is not None
    assert small[1] == pytest.approx(min(1.0, 2 * small[0]))
    assert large[1] == pytest.approx(max(large[0] or 0.0, small[1] or 0.0))


def test_differences_are_refused_and_named_unless_allowed() -> None:
    rows = scored(1, 1)
    first, fewer = run(rows, "a"), run(rows[1:], "b")
    with pytest.raises(ConfigError, match=r"scored frames: 1 only in a, 0 in b.*--allow-diff"):
        of(first, fewer)
    found = of(first, fewer, allow_differences=True)
    assert (found.differs, found.reals) == (("scored frames: 1 only in a, 0 in b",), 29)

    backbone = replace(provenance().backbone, crop=CropPolicy(size=380))  # type: ignore[type-var]
    cropped = replace(first, name="b", provenance=provenance(backbone=backbone))
    with pytest.raises(ConfigError, match=r"crops: sbi 256 px margin 0\.1 and sbi 380 px margin"):
        of(first, cropped)

    with pytest.raises(ConfigError, match="profiles: strict and deepfakebench, compared under"):
        of(first, run(rows, "b", profile="deepfakebench"))

    other = replace(first, name="b", provenance=provenance(data_fingerprint="00"))
    with pytest.raises(ConfigError, match="data: different files under the same names"):
        of(first, other)


def test_other_labels_and_other_data_sets_are_errors_even_if_allowed() -> None:
    rows = scored(1, 1)
    turned = [{**rows[0], "label": 1}, *rows[1:]]
    with pytest.raises(DataError, match="video v000 of faces is real in a and fake in b"):
        of(run(rows, "a"), run(turned, "b"), allow_differences=True)
    with pytest.raises(DataError, match="no data set in common: faces and elsewhere"):
        of(run(rows, "a"), run(scored(1, 1, "elsewhere"), "b"))


def test_under_deepfakebench_a_folder_is_the_pair() -> None:
    def shared(rows: list[Row]) -> list[Row]:
        return [{**each, "listed": f"f/{int(each['video'][1:]) // 2}/0.png"} for each in rows]

    runs = [run(shared(scored(1, n)), str(n), profile="deepfakebench") for n in (1, 2)]
    found = of(*runs)
    assert (found.reals, found.fakes) == (15, 15)


def test_a_single_class_has_a_reason_and_few_identities_leave_delong_alone() -> None:
    reals = scored(1, 1)[:5]
    assert of(run(reals, "a"), run(reals, "b")).reason == "a single class: 5 real, no fake"
    rows = [{**each, "identity": "one"} for each in scored(1, 1)]
    found = of(run(rows, "a"), run(rows, "b"))
    assert found.p == 1.0
    assert found.bootstrap_p is None
    assert found.reason.startswith("too few independent reals")
    assert of(run(reals, "a"), run(reals, "b")).p_holm is None


def test_names_are_those_of_folders_unless_two_share_one(tmp_path: Path) -> None:
    assert run_names([tmp_path / "a", tmp_path / "b"]) == ["a", "b"]
    same = [tmp_path / "x" / "a", tmp_path / "y" / "a"]
    assert run_names(same) == [str(each) for each in same]
    with pytest.raises(ConfigError, match="a run is named twice"):
        run_names([tmp_path, tmp_path])


def test_the_command_prints_a_table_or_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, noise in (("a", 2.0), ("b", 0.5)):
        run_folder(tmp_path / name, scored(noise, 3), vote_variants=frozenset(), draws=5)
    line = ["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--draws", "200"]
    assert main(line) == 0
    out = capsys.readouterr().out
    assert "AUC per video against a" in out
    assert "differs in" not in out
    assert "(200 draws)" in out
    assert "On faces, b is better than a (AUC +" in out
    assert "with a single comparison Holm's correction changes nothing" in out
    assert main([*line, "--json"]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert (record["dataset"], record["second"], record["differs"]) == ("faces", "b", [])
    assert f"{record['difference']:+.4f} [{record['low']:+.4f}" in out

    run_folder(tmp_path / "b", scored(0.5, 3)[1:], vote_variants=frozenset(), draws=5)
    assert main(line) == 2
    assert "--allow-differences" in capsys.readouterr().err
    assert main([*line, "--allow-differences"]) == 0
    assert "scored frames: 1 only in a, 0 in b" in capsys.readouterr().out
    assert main(line[:2]) == 2
    assert main([*line[:3], "--draws", "-1"]) == 2
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "absent")]) == 2


def test_a_trial_is_called_one_before_the_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("whole", "part"):
        run_folder(tmp_path / name, scored(1, 1), vote_variants=frozenset(), draws=0)
    results = tmp_path / "part" / "results.json"
    stored = json.loads(results.read_text())
    stored["provenance"]["config"]["limit"] = 30
    results.write_text(json.dumps(stored))
    line = ["compare", str(tmp_path / "whole"), str(tmp_path / "part"), "--draws", "0"]
    assert main(line) == 0
    out = capsys.readouterr().out
    assert out.startswith("note: part: a trial (--limit 30), not a result for whole data sets\n")
    assert out.count("trial") == 1
    assert main([*line, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["trials"] == {"part": 30}
    run_folder(tmp_path / "other", scored(1, 2), vote_variants=frozenset(), draws=0)
    assert (
        main([*line[:3], str(tmp_path / "other"), *line[3:], "--json"]) == 0
    )  # of a pair without it: none
    assert [each["trials"] for each in json.loads(capsys.readouterr().out)] == [{"part": 30}, {}]


def test_frames_that_only_one_run_has_come_with_the_limits_that_explain_them() -> None:
    def limited(rows: list[Row], name: str, limit: int | None) -> ComparedRun:
        short = run(rows, name)
        return replace(short, provenance=replace(short.provenance, config={"limit": limit}))

    whole, part = limited(scored(1, 1), "whole", None), limited(scored(1, 1)[10:-10], "part", 20)
    told = r"scored frames: 20 only in whole, 0 in part \(no --limit in whole, --limit 20 in part\)"
    with pytest.raises(ConfigError, match=told):
        of(whole, part)
    alike = limited(scored(1, 1)[9:-9], "other", 20)
    with pytest.raises(ConfigError, match=r"scored frames: 0 only in part, 2 in other\. A diff"):
        of(part, alike)


def test_several_comparisons_are_counted_and_no_bootstrap_is_not_spoken_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in "abc":
        run_folder(tmp_path / name, scored(1, ord(name)), vote_variants=frozenset(), draws=0)
    assert main(["compare", *(str(tmp_path / name) for name in "abc"), "--draws", "0"]) == 0
    out = capsys.readouterr().out
    assert "Holm corrects for the 2 comparisons of this table" in out
    assert "no bootstrap was requested" in out
    assert "draws" not in out


@pytest.mark.parametrize(
    ("p", "clustered", "difference", "said"),
    [
        (0.01, 0.02, 0.1, "On faces, b is better than a (AUC +0.100, bootstrap p 0.0200)."),
        (0.01, 0.02, -0.1, "On faces, b is worse than a (AUC -0.100, bootstrap p 0.0200)."),
        (
            0.01,
            0.20,
            0.1,
            (
                "On faces, no difference between b and a was found"
                " (AUC +0.100, bootstrap p 0.2000);"
                " it may lie anywhere from -0.200 to +0.400 (95 %)."
            ),
        ),
        (
            0.30,
            0.20,
            0.1,
            (
                "On faces, no difference between b and a was found (AUC +0.100, DeLong p 0.3000);"
                " it may lie anywhere from -0.100 to +0.300 (95 %)."
            ),
        ),
        (0.01, None, 0.1, "On faces, b is better than a (AUC +0.100, DeLong p 0.0100)."),
        (None, None, None, "On faces, b and a cannot be compared."),
    ],
)
def test_a_sentence_says_which_run_is_better_only_where_both_tests_do(
    p: float | None, clustered: float | None, difference: float | None, said: str
) -> None:
    assert finding(_row(p, clustered, difference)) == said


def test_runs_that_rank_every_video_alike_are_called_equal() -> None:
    labels, ranks = np.array([0, 1] * 4), np.arange(8.0)
    reals_swapped = ranks[[2, 1, 0, 3, 4, 5, 6, 7]]  # the same AUC, from other pairs
    same = "On faces, b and a are equal: both rank every video alike, with an AUC of 0.6250."
    for other, equal in ((ranks**2, True), (reals_swapped, False)):
        difference, low, high, p = difference_test(labels, ranks, other)
        assert difference == 0
        row = replace(_row(p, 1.0, difference), low=low, high=high, auc_first=0.625)
        assert (finding(row) == same) is equal


def test_a_sentence_says_that_holm_corrects_p_and_not_the_interval() -> None:
    row = replace(_row(0.02, 0.03, 0.1), bootstrap_p_holm=0.06)
    assert finding(row) == (
        "On faces, no difference between b and a was found"
        " (AUC +0.100, bootstrap p 0.0600 after Holm);"
        " it may lie anywhere from -0.200 to +0.400 (95 %, before Holm)."
    )


def _row(p: float | None, clustered: float | None, difference: float | None) -> Comparison:
    """Return the row of a single comparison: nothing is corrected."""
    return Comparison(
        dataset="faces",
        first="a",
        second="b",
        reals=9,
        fakes=9,
        difference=difference,
        p=p,
        p_holm=p,
        low=-0.1,
        high=0.3,
        bootstrap_p=clustered,
        bootstrap_p_holm=clustered,
        bootstrap_low=-0.2,
        bootstrap_high=0.4,
    )


def test_no_draws_leave_delong() -> None:
    found = of(run(scored(1, 1), "a"), run(scored(1, 2), "b"), draws=0)
    assert found.p is not None
    assert (found.bootstrap_p, found.reason) == (None, "no bootstrap draws")


def test_a_run_with_groups_is_compared_and_listed_like_one_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [each | {"method": "swap" if each["label"] else ""} for each in scored(1, 1)]
    for name, groups in (("plain", ()), ("grouped", (MethodGroup(name="g", patterns=("s*",)),))):
        run_folder(tmp_path / name, rows, vote_variants=frozenset(), groups=groups)
    runs = [str(tmp_path / name) for name in ("plain", "grouped")]
    assert main(["compare", *runs]) == 0
    assert main(["leaderboard", *runs, "--out", str(tmp_path / "board")]) == 0
    entries = [measured(Result.load(Path(each)), "run") for each in runs]
    assert entries[0].cells == entries[1].cells
    assert entries[0].cells.keys() == {"faces"}
    assert capsys.readouterr().err == ""
