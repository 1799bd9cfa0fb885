"""One row per detector: which runs are merged, which value counts, which is best."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from registry.builtin.leaderboard.entries import BoardEntry, Cell, measured, published, reported
from registry.builtin.leaderboard.merged import (
    Best,
    BoardRow,
    best_average,
    best_by_split,
    best_of,
    best_values,
    merged,
)
from registry.builtin.leaderboard.text import as_csv, as_markdown
from registry.cli import main
from registry.results.provenance import Provenance
from tests.shared.synthetic_run import drawn_rows, provenance, run_folder


def run(
    name: str, setup: str = "s", date: str = "2026-01-01", doubt: str = "", **aucs: float
) -> BoardEntry:
    return BoardEntry(
        kind="measured",
        name=f"lesb on net ({name})",
        cells={key: Cell(auc=value) for key, value in aucs.items()},
        level="video",
        protocol="p",
        source=f"run {name}",
        detector="lesb on net",
        setup=setup,
        run=name,
        date=date,
        doubt=doubt,
    )


def paper(name: str, **aucs: float) -> BoardEntry:
    return replace(run(name, **aucs), kind="reported", name=name, setup="", run="", detector=name)


def aucs(row: BoardRow) -> dict[str, float]:
    return {name: cell.auc for name, cell in row.entry.cells.items()}


def test_runs_that_differ_in_their_data_alone_are_one_row() -> None:
    (row,) = merged([run("a", A=0.6), run("b", B=0.8)])
    assert row.entry.name == "lesb on net"
    assert aucs(row) == {"A": 0.6, "B": 0.8}
    assert row.entry.average == pytest.approx(0.7)
    assert [each.run for each in row.runs] == ["a", "b"]
    assert row.entry.source == "run a; run b"


def test_of_two_runs_on_one_data_set_the_newer_counts_unless_it_is_in_doubt() -> None:
    old, new = run("old", date="2026-01-01", A=0.6), run("new", date="2026-02-01", A=0.7)
    assert [aucs(row) for row in merged([new, old])] == [{"A": 0.7}]
    assert [aucs(row) for row in merged([replace(new, doubt="edited"), old])] == [{"A": 0.6}]
    assert [aucs(row) for row in merged([replace(new, doubt="edited")])] == [{"A": 0.7}]
    undated = replace(new, date="unknown")
    assert [aucs(row) for row in merged([undated, old])] == [{"A": 0.6}]


def test_other_weights_are_another_row_that_names_its_runs() -> None:
    rows = merged([run("a", "one", A=0.6), run("b", "two", A=0.8), run("c", "two", B=0.8)])
    assert [row.entry.name for row in rows] == ["lesb on net (a)", "lesb on net (b, c)"]


def test_publications_are_never_merged() -> None:
    rows = merged([paper("x", A=0.5), paper("x", B=0.6)])
    assert [(row.entry.name, row.runs) for row in rows] == [("x", ()), ("x", ())]


def test_the_best_of_a_kind_is_not_that_of_the_other() -> None:
    rows = merged(
        [run("a", "1", A=0.6), run("b", "2", A=0.8, B=0.1), paper("x", A=0.99), paper("y", A=0.2)]
    )
    assert best_values(rows, "measured") == {"A": 0.8}  # B has one value, which is no contest
    assert best_values(rows, "reported") == {"A": 0.99}


@pytest.mark.parametrize(
    ("sets", "best"),
    [
        (({"A": 0.6, "B": 0.6}, {"A": 0.8, "B": 0.8}, {"A": 0.99}), 0.8),
        (({"A": 0.6, "B": 0.6}, {"A": 0.8}, {"A": 0.9}), None),  # the widest row has no rival
        (({"A": 0.6}, {"B": 0.9}), None),
        (({"A": 0.6}, {"A": 0.7}, {"B": 0.9}, {"B": 0.8}), None),
        ((), None),
    ],
)
def test_averages_compare_over_the_same_data_sets_alone(
    sets: tuple[dict[str, float], ...], best: float | None
) -> None:
    rows = merged([run(str(at), str(at), **values) for at, values in enumerate(sets)])
    found = best_average(rows, "measured")
    assert (None if found is None else found[1]) == (best and pytest.approx(best))


def test_in_domain_values_are_neither_averaged_nor_best() -> None:
    seen = replace(
        run("a", "1", B=0.6), cells={"A": Cell(auc=0.99, domain="in-domain"), "B": Cell(auc=0.6)}
    )
    others = [run("b", "2", A=0.7, B=0.5), run("c", "3", A=0.8, B=0.5)]
    rows = merged([seen, *others])
    assert rows[0].entry.average == pytest.approx(0.6)
    assert best_values(rows, "measured") == {"A": 0.8, "B": 0.6}
    assert best_average(rows, "measured") == (frozenset("AB"), pytest.approx(0.65))
    only = replace(seen, cells={"A": Cell(auc=0.99, domain="in-domain")})
    assert only.average is None
    assert "99.00 in-domain | - (0)" in as_markdown([only])


def made(folder: Path, dataset: str, **changes: Any) -> BoardEntry:
    result = run_folder(folder, drawn_rows(dataset), draws=0)
    given = {"config": {"frames": 8, "split": "test", "options": {"fusion": "mean"}}, **changes}
    return measured(replace(result, provenance=provenance(**given)), folder.name)


@pytest.mark.parametrize(
    "changes",
    [
        {"artefact_sha256": "11" * 32},
        {"backbone": replace(provenance().backbone, weights_sha256="22" * 32)},  # type: ignore[type-var]
        {"config": {"frames": 32, "split": "test", "options": {"fusion": "mean"}}},
        {"config": {"frames": 8, "split": "test", "options": {"fusion": "max"}}},
        {"checkpoint_selection": "test"},
    ],
)
def test_what_changes_scores_keeps_runs_apart(tmp_path: Path, changes: dict[str, Any]) -> None:
    first, same = made(tmp_path / "a", "A"), made(tmp_path / "b", "B")
    assert len(merged([first, same])) == 1
    assert len(merged([first, made(tmp_path / "c", "B", **changes)])) == 2


def test_where_a_run_was_written_keeps_nothing_apart(tmp_path: Path) -> None:
    given = {"frames": 8, "split": "test", "options": {"fusion": "mean"}}
    other = made(tmp_path / "b", "B", config={**given, "out": "x", "workers": 9, "dataset": ["B"]})
    assert len(merged([made(tmp_path / "a", "A"), other])) == 1


def test_a_run_without_provenance_is_an_entry_too(tmp_path: Path) -> None:
    result = run_folder(tmp_path, drawn_rows("A"), draws=0)
    entry = measured(replace(result, provenance=Provenance()), "old")
    assert [row.entry.name for row in merged([entry])] == ["lesb"]


def test_papers_are_linked_by_https_and_most_rows_have_one() -> None:
    rows = reported(published())
    links = [link for row in rows for link in (row.link, row.source_link) if link]
    assert all(link.startswith("https://") for link in links)
    assert all(row.link for row in rows)
    (ours,) = (row for row in rows if row.name == "LFD-Mouth")
    assert "openaccess.thecvf.com" in ours.link


def test_markdown_has_a_row_per_detector_and_then_every_run_and_csv_every_run() -> None:
    entries = [run("a", A=0.6), run("b", B=0.8), paper("x", A=0.5)]
    first, single = as_markdown(entries).split("## Single runs")
    assert "| lesb on net | 60.00 domain unknown | 80.00 domain unknown | 70.00 (2) |" in first
    assert "lesb on net (a)" not in first
    assert "| lesb on net (a) | 60.00 domain unknown | - |" in single
    assert "| x |" not in single
    assert as_csv(entries).count("lesb on net (") == 2


# --- the terminal ----------------------------------------------------------------------------


def test_without_out_the_table_is_printed_with_a_row_per_detector(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        run_folder(tmp_path / name, drawn_rows(name), draws=0)
    runs = [str(tmp_path / name) for name in ("one", "two")]
    assert main(["leaderboard", *runs]) == 0
    out = capsys.readouterr().out
    ours, theirs = out.split("Reported by others (AUC in %)")
    (line,) = (each for each in ours.splitlines() if each.startswith("lesb"))
    assert line.startswith("lesb on some_net ")
    assert line.rstrip().endswith("one, two")
    assert "*" not in line  # there is nobody to be better than
    assert "lesb on some_net" not in theirs
    # The best published values, read off the papers' tables by eye.
    cells = {each.split("  ")[0]: each for each in theirs.splitlines()}
    assert " 96.00*" in cells["GenD"]
    assert " 94.50*" in cells["GenD"]
    assert " 99.61i " in cells["LESB - Maximum score"]  # trained on it: no star
    assert "i*" not in theirs
    assert sorted(tmp_path.iterdir()) == [tmp_path / "one", tmp_path / "two"]


def test_json_prints_every_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        run_folder(tmp_path / name, drawn_rows(name), draws=0)
    runs = [str(tmp_path / name) for name in ("one", "two")]
    assert main(["leaderboard", *runs, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    ours = [row for row in rows if row["kind"] == "measured"]
    assert [row["name"] for row in ours] == ["lesb on some_net (one)", "lesb on some_net (two)"]
    assert all(row["average"] == pytest.approx(row["cells"][row["run"]]["auc"]) for row in ours)


# --- splits, and parts of the data ------------------------------------------------------------


def test_rows_of_other_splits_and_runs_on_a_part_of_their_data_do_not_compete() -> None:
    test = [run("a", "1", A=0.6), run("b", "2", A=0.7)]
    val = [replace(each, split="val", setup=f"v{each.setup}") for each in test]
    part = replace(run("c", "3", A=0.99), limit=20)
    bests = best_by_split(merged([*test, *val[:1], part]), "measured")
    assert bests[""].values == {"A": 0.7}
    assert bests["val"] == Best()  # one row of val: nothing to compare it with
    assert best_of(bests, part) == Best()
    assert best_by_split(merged([*test, *val, part]), "measured")["val"].values == {"A": 0.7}


@pytest.fixture
def three_runs(tmp_path: Path) -> list[str]:
    """Runs of test and of val, and one on a part of the data."""
    for name, config in {
        "whole": {"split": "test"},
        "other": {"split": "val"},
        "part": {"split": "test", "limit": 3},
    }.items():
        made = run_folder(tmp_path / name, drawn_rows("CDF"), draws=0)
        replace(made, provenance=provenance(config=config)).save(tmp_path / name)
    return [str(tmp_path / name) for name in ("part", "other", "whole")]


@pytest.mark.slow
def test_splits_and_parts_are_shown_everywhere_and_the_remarks_come_first(
    three_runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = "note: The runs are of different splits (test, val): only rows of one split compare"
    part = "lesb on some_net (part): scored only a part of its data (--limit 3); it gets no star."
    (Path(three_runs[2]) / "predictions.parquet").unlink()
    assert main(["leaderboard", *three_runs]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("note: lesb on some_net (whole): not recomputed: the predictions")
    assert lines[1].startswith(f"note: {part}")
    assert lines[2].startswith(splits)
    own = [line for line in lines if line.startswith("lesb on some_net")]
    assert all(each in line for each, line in zip(("whole", "val", "--limit 3"), own, strict=True))
    assert not any("*" in line for line in own)
    assert main(["leaderboard", *three_runs, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)[:3]
    assert [(row["split"], row["limit"]) for row in rows] == [
        ("test", 3), ("val", None), ("test", None),
    ]  # fmt: skip
    assert main(["leaderboard", *three_runs, "--out", str(tmp_path / "board")]) == 0
    for name in ("leaderboard.md", "leaderboard.html"):
        text = (tmp_path / "board" / name).read_text("utf-8")
        assert -1 < text.index("not recomputed") < text.index(part) < text.index("selection")
        assert "test, --limit 3" in text
    assert "split,limit," in (tmp_path / "board" / "leaderboard.csv").read_text("utf-8")
    assert main(["leaderboard", *three_runs, "--paper", "table1"]) == 0
    out = capsys.readouterr().out
    assert "lesb (other: val)" in out
    assert "lesb (part: test, --limit 3)" in out
