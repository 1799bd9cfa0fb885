"""The tables of the terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from registry.builtin.reports import terminal as tables
from registry.builtin.reports.html import write_html
from registry.builtin.reports.terminal import headline_metrics, metric_title, print_tables, reasons
from registry.results.method_groups import MethodGroup
from registry.results.result import Result
from tests.shared.synthetic_run import (
    METRICS,
    drawn_rows,
    failed,
    provenance,
    row,
    run_folder,
    settings,
    table,
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(result: Result, stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    print_tables(result, stream)
    return stream.getvalue()


def test_there_is_a_block_for_each_variant_with_a_row_for_each_method(tmp_path: Path) -> None:
    result = run_folder(tmp_path)
    text = printed(result)
    lines = text.splitlines()
    assert [line for line in lines if line in result.variants] == list(result.variants)
    assert sum(line.startswith("drawn ") for line in lines) == len(result.variants)
    assert sum(line.startswith("  swap ") for line in lines) == len(result.variants)


def test_a_row_holds_values_intervals_and_counts(tmp_path: Path) -> None:
    result = run_folder(tmp_path)
    whole = next(line for line in printed(result).splitlines() if line.startswith("drawn"))
    auc = result.select(variant="lesb", method="all", level="video", metric="auc")[0]
    assert auc.value is not None
    assert auc.low is not None
    cell = f"{auc.value:.3f} [{auc.low:.3f}"
    assert cell in whole
    counted = result.counts[0]
    assert f" {counted.reals}/{counted.fakes} " in whole
    assert whole.split()[-2:] == [str(counted.frames), str(sum(counted.errors.values()))]


def test_groups_stand_below_the_methods_and_their_methods_below_the_tables(tmp_path: Path) -> None:
    groups = (
        MethodGroup(name="both", patterns=("swap", "warp")),
        MethodGroup(name="one", patterns=("w*",)),
    )
    result = run_folder(tmp_path, groups=groups)
    lines = printed(result).splitlines()
    at = lines.index("lesb")
    names = [re.findall(r"^ *(.+?) +[01]\.", line)[0] for line in lines[at + 3 : at + 8]]
    assert names == ["drawn", "swap", "warp", "group both (2 methods)", "group one (1 method)"]
    row = next(line for line in lines if line.startswith("  group both (2 methods) "))
    auc = result.select(variant="lesb", method="both", level="video", metric="auc")[0]
    assert auc.value is not None
    assert f" {auc.value:.3f} [" in row
    assert f" {auc.reals}/{auc.fakes} " in row
    assert "group both of drawn: swap, warp" in lines
    assert "group one of drawn: warp" in lines


def test_a_table_of_long_names_fits_a_hundred_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    long = "/a/very/long/path/to/a/data/set/that/does/not/fit"
    methods = ("faceswap_poisson", "another_manipulation_with_a_name")
    rows = drawn_rows(long, methods=methods)
    text = re.sub("\x1b.*?m", "", printed(run_folder(tmp_path, rows), Terminal()))
    assert "another_manipula" in text
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text


def test_in_a_file_nothing_is_wrapped_or_cut(tmp_path: Path) -> None:
    long = "/a/very/long/path/to/a/data/set" * 9
    text = printed(run_folder(tmp_path, drawn_rows(long)))
    assert long in text
    assert "\x1b" not in text


def test_markup_in_names_is_printed_as_it_is(tmp_path: Path) -> None:
    text = printed(run_folder(tmp_path, drawn_rows("[red]set[/red]:smile:"), notes=("[b]x",)))
    assert "[red]set[/red]:smile:" in text
    assert "note: [b]x" in text


def test_notes_are_read_before_any_number(tmp_path: Path) -> None:
    notes = ("drawn: a trial on 2 of 8 real and 2 of 16 fake videos (--limit 2)", "another")
    first, second, blank, *rest = printed(run_folder(tmp_path, notes=notes)).splitlines()
    assert [first, second, blank] == [f"note: {notes[0]}", "note: another", ""]
    assert rest[0] == "lesb"
    assert "trial" not in "\n".join(rest)
    assert printed(run_folder(tmp_path)).startswith("lesb\n")


def test_what_is_undefined_is_a_dash_with_the_reason_below(tmp_path: Path) -> None:
    text = printed(run_folder(tmp_path, [row(video=str(n)) for n in range(3)]))
    assert "AUC, AP, EER: no value, a single class: 3 real, no fake (faces)" in text
    assert re.search(r"^faces +- +- +- +3/0 +3 +0$", text, re.MULTILINE)


def test_a_value_without_an_interval_stands_alone_with_the_reason_below(tmp_path: Path) -> None:
    rows = [row(video=str(n), label=n % 2, fake=n / 4, identity="p") for n in range(4)]
    text = printed(run_folder(tmp_path, rows))
    assert "AUC, AP, EER: no interval, too few independent reals" in text
    assert re.search(r"^faces +0\.750 +0\.833 +0\.500 +2/2 +4 +0$", text, re.MULTILINE)


def test_without_draws_one_sentence_says_that_no_intervals_were_asked_for(tmp_path: Path) -> None:
    alone = [row(video=str(n), label=n % 2, fake=n / 4, identity="p") for n in range(4)]
    for name, rows in (("usual", drawn_rows()), ("dependent", alone)):
        text = printed(run_folder(tmp_path / name, rows, draws=0))
        assert re.findall(".*interval.*", text) == ["Per video; no intervals were requested."]
        assert "draws" not in text
    single = printed(run_folder(tmp_path / "single", [row(), row(video="b")], draws=0))
    assert "AUC, AP, EER: no value, a single class" in single


def test_errors_are_counted_by_reason_and_left_out_videos_named(tmp_path: Path) -> None:
    bad = [failed(f"reason {n % 5}", video=f"bad{n}") for n in range(9)]
    text = printed(run_folder(tmp_path, [row(), *bad]))
    assert "errors in faces: 2 x reason 0; 2 x reason 1; 2 x reason 2; 2 further reasons" in text
    assert "videos of faces without a scored frame, left out: 9" in text


def test_a_detector_without_reference_faces_says_why_none_is_called_manipulated(
    tmp_path: Path,
) -> None:
    why = "no share called MANIPULATED: lesb has no reference faces of its own"
    result = run_folder(tmp_path / "without", draws=0)
    assert printed(result).count(why) == 1
    assert why in write_html(result, tmp_path / "without").read_text("utf-8")
    rows = [{**each, "conformal": None if each["fake"] is None else 0.5} for each in drawn_rows()]
    judged = run_folder(tmp_path / "judged", rows, draws=0)
    assert "called MANIPULATED" in printed(judged)
    assert why not in printed(judged)
    assert why not in write_html(judged, tmp_path / "judged").read_text("utf-8")


def test_a_share_of_none_comes_with_what_it_may_be(tmp_path: Path) -> None:
    rows = [{**each, "conformal": None if each["fake"] is None else 0.5} for each in drawn_rows()]
    result = run_folder(tmp_path, rows)
    count = result.sources[0].manipulated.count
    bound = f"it may be up to {1 - 0.025 ** (1 / count):.3f} (of {count})"  # Clopper and Pearson
    assert bound in printed(result)
    assert bound in write_html(result, tmp_path).read_text("utf-8")


def test_headline_metrics_are_those_asked_for() -> None:
    made = table(drawn_rows())
    for metrics, expected in (
        (("eer", "auc"), ("auc", "eer")),
        (("accuracy",), ("accuracy",)),
        (("tpr_at_fpr_1", "accuracy"), ("tpr_at_fpr_1", "accuracy")),
    ):
        chosen = settings(metrics=metrics, draws=0)
        result = Result.of(made, chosen, METRICS, provenance())
        assert headline_metrics(result) == expected
        assert metric_title(expected[0]) in printed(result)
    chosen = settings(draws=0, profile="deepfakebench")
    result = Result.of(made, chosen, METRICS, provenance())
    assert headline_metrics(result) == ("auc", "ap", "eer", "accuracy")


def test_a_metric_of_a_third_party_is_titled_by_its_name() -> None:
    assert metric_title("their_metric") == "their_metric"
    assert metric_title("auc") == "AUC"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8734, "0.873"), (1.0, "1.000"), (0.9996, "1.000"), (0.0, "0.000"), (-0.0104, "-0.010")],
)
def test_numbers_have_three_decimals_and_a_leading_zero(value: float, text: str) -> None:
    assert tables._number(value) == text


def test_reasons_come_once_with_the_rows_they_concern(tmp_path: Path) -> None:
    result = run_folder(tmp_path, [row(video=str(n)) for n in range(2)])
    (first,) = result.select(variant="lesb", level="video", metric="auc")
    rows = tuple(replace(first, method=f"m{n}") for n in range(6))
    (line,) = reasons((first, *rows), 60)
    assert line.endswith("(faces, faces/m0, faces/m1, faces/m2 and 3 more)")
