"""The sentence beside the picture: what it scores, against whom, and what to make of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lesb_plugin.explain.explained import Explained
from lesb_plugin.explain.report_hero import sentence_of
from registry.results.file_scores import FaceScore, FrameScore, Prediction
from registry.results.verdict import Choice, FileVerdict


def sentence(frames: int = 1, **verdict: object) -> str:
    face = FaceScore(score=0.5, parts={}, variants={}, box=(0, 0, 9, 9), sharpness=100.0)
    shown = tuple(FrameScore(index=at, score=0.5, faces=(face,)) for at in range(frames))
    judged = FileVerdict(**verdict)  # type: ignore[arg-type]
    found = Prediction(path=Path("a"), score=0.5, frames=shown, verdict=judged)
    return sentence_of(Explained(prediction=found), 0.5)


def test_a_clip_that_is_undetermined_says_why_it_has_two_p() -> None:
    found = sentence(4, word="UNDETERMINED", p=0.28, p_run=0.056, below=94)
    assert "its highest run of frames is higher than 94 of 100 comparable real faces" in found
    assert "p = 0.06 for the highest run" in found
    assert "0.28 for the clip" in found
    assert found.endswith("as a camera or codec can raise every frame of a real clip.")


@pytest.mark.parametrize(
    ("word", "ending"),
    [
        ("MANIPULATED", "The mouth stands out."),
        ("UNDETERMINED", "The mouth stands out: a place to look at, not a finding."),
    ],
)
def test_a_part_is_a_finding_only_where_the_face_is_manipulated(word: str, ending: str) -> None:
    found = sentence(word=word, p=0.1, below=90, choice=Choice(part="mouth", text=""))
    assert ending in found


def test_only_authentic_warns_that_a_forgery_can_pass() -> None:
    assert sentence(word="AUTHENTIC", p=0.6, below=40).endswith("A forgery can pass for real, too.")
    assert "forgery" not in sentence(word="MANIPULATED", p=0.01, below=99)
