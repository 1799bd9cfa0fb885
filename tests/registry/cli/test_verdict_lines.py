"""Lines of verdicts: aligned in a terminal, tab-separated in a pipe, every caveat on the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from registry.cli.verdict_lines import VERDICT_COLUMNS, VerdictLines, verdict_cells
from registry.results.file_scores import FaceScore, FrameScore, Prediction
from registry.results.real_scores import RealScores
from registry.results.verdict import Choice, FileVerdict, Segment


def prediction(name: str = "a.png", side: int = 200, **verdict: object) -> Prediction:
    face = FaceScore(
        score=0.9, parts={"mouth": 0.8}, variants={}, box=(0, 0, side, side), sharpness=100.0
    )
    said = FileVerdict(**{"word": "MANIPULATED", "p": 0.01, "below": 98, **verdict})  # type: ignore[arg-type]
    frame = FrameScore(index=0, score=0.9, faces=(face,))
    return Prediction(path=Path(name), score=0.9, frames=(frame,), verdict=said)


def test_a_part_is_on_the_line_where_it_stands_out_and_no_score_of_parts_is() -> None:
    out = verdict_cells(prediction(choice=Choice(part="mouth", text="")))
    assert dict(zip(VERDICT_COLUMNS, out, strict=True)) == {
        "file": "a.png", "verdict": "MANIPULATED", "score": "0.9000", "higher_than_of_100": "98",
        "part": "mouth", "changed": "", "notes": "",
    }  # fmt: skip
    assert verdict_cells(prediction(choice=Choice(part=None, text="")))[4] == ""


def test_columns_are_aligned_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.cli.verdict_lines.output", Terminal)
    found = [prediction("a.png"), prediction("longer.png")]
    lines = VerdictLines([each.path for each in found])
    first, second = (lines.text(each) for each in found)
    assert first == "a.png       MANIPULATED   0.90  higher than 98 of 100 comparable real faces"
    assert second.index("MANIPULATED") == first.index("MANIPULATED")
    assert "\t" not in first + second


def test_notes_in_a_terminal_stand_in_no_brackets_around_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("registry.cli.verdict_lines.output", Terminal)
    line = VerdictLines([]).text(prediction(word="UNDETERMINED", p=0.08), "a.html")
    assert line.endswith("  p = 0.08 (MANIPULATED up to 0.05, AUTHENTIC above 0.20)  a.html")


class Terminal:
    def isatty(self) -> bool:
        return True


def test_the_first_line_of_a_pipe_names_the_columns() -> None:
    lines = VerdictLines([], ("report",))
    first = lines.text(prediction(), "a.html").split("\n")
    assert first[0].split("\t") == [*VERDICT_COLUMNS, "report"]
    assert "\n" not in lines.text(prediction(), "a.html")


def test_what_makes_an_answer_doubtful_is_on_its_line() -> None:
    reals = RealScores(name="", fake=np.zeros(1), parts={})
    assert "low quality: small face (50 x 50 pixels)" in verdict_cells(prediction(side=50))[6]
    lost = Prediction(path=Path("a.png"), error="no face found")
    assert verdict_cells(lost)[1:] == ["NOT READ", "", "", "", "", "no face found"]
    faceless = FrameScore(index=0, error="no face found in a.png by face detector 'dlib'")
    unread = FrameScore(index=1, error="cannot decode a.png")
    words = [
        verdict_cells(Prediction(path=Path("a.png"), error="x", frames=frames))[1]
        for frames in ((faceless,), (faceless, faceless), (faceless, unread), (unread,))
    ]
    assert words == ["NO FACE", "NO FACE", "NOT READ", "NOT READ"]
    run = Segment(first=88, last=160, start=3.52, end=6.4)
    found = prediction(segments=(run,), reals=reals)
    assert verdict_cells(found)[5] == "3.5 s to 6.4 s look changed"
    untimed = prediction(segments=(Segment(first=8, last=16),))
    assert verdict_cells(untimed)[5] == "frames 8 to 16 look changed"


def test_an_undetermined_answer_gives_its_reason_and_calls_nothing_changed() -> None:
    run = Segment(first=88, last=160, start=3.52, end=6.4)
    clip = prediction(word="UNDETERMINED", p=0.11, p_run=0.02, segments=(run,))
    assert verdict_cells(clip)[5] == "3.5 s to 6.4 s stand out"
    assert verdict_cells(clip)[6] == (
        "p = 0.02 for the highest run (AUTHENTIC above 0.20), 0.11 for the clip (MANIPULATED up to"
        " 0.05); the clip's p is larger, as a camera or codec can raise every frame of a real clip"
    )
    single = prediction(word="UNDETERMINED", p=0.11, p_run=0.11)
    assert "larger" not in verdict_cells(single)[6]
    photo = prediction(word="UNDETERMINED", p=0.08)
    assert verdict_cells(photo)[6] == "p = 0.08 (MANIPULATED up to 0.05, AUTHENTIC above 0.20)"
    close = prediction(word="UNDETERMINED", p=0.05056)
    assert verdict_cells(close)[6] == "p = 0.051 (MANIPULATED up to 0.05, AUTHENTIC above 0.20)"
    unlike = prediction(word="UNDETERMINED", p=None, below=None, incomparable="nothing like it")
    assert verdict_cells(unlike)[6] == "nothing like it"
    assert verdict_cells(prediction())[6] == ""


def test_a_part_under_undetermined_comes_with_what_it_is_worth() -> None:
    mouth = Choice(part="mouth", text="")
    doubtful = verdict_cells(prediction(word="UNDETERMINED", p=0.08, choice=mouth))
    assert doubtful[4] == "mouth"
    assert doubtful[6].endswith("; the mouth is a place to look at, not a finding")
    assert "place to look" not in verdict_cells(prediction(choice=mouth))[6]


@pytest.mark.parametrize(
    ("part", "words"),
    [("mouth", "mouth stands out"), ("eyes", "eyes stand out"), ("lips", "lips stand out")],
)
def test_a_part_stands_out_and_parts_stand_out(part: str, words: str) -> None:
    verdict = FileVerdict(word="UNDETERMINED", choice=Choice(part=part, text=""))
    assert verdict.part_stands_out == words
    is_or_are = "is" if part == "mouth" else "are"
    assert verdict.part_caution == f"the {part} {is_or_are} a place to look at, not a finding"
