"""Which detector explains where none is named, and what reports say of its parts."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import registry.cli.detector_flags
import registry.tasks.predict
import registry.tasks.ready
from lesb_plugin.audit.part_summary import PartSummary
from lesb_plugin.roi.fit import fit_roi
from lesb_plugin.roi.options import RoiFitOptions
from registry import (
    ArtefactSpec,
    AuditFigure,
    Embedder,
    FitContext,
    keep_audit,
)
from registry.cli import main
from registry.plugins.discovery import Plugins
from tests.shared.drawn_files import drawn_plugins, film, portrait, write
from tests.shared.drawn_training import people
from tests.shared.random_lesb import fitted as random_lesb
from tests.shared.tiny import TinyBackbone, write_reals

STYLE = "families: {inpaint: 1}\nplacement: {flip: 0.5, width: [48, 48], margin: [0.1, 0.15]}\n"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Artefacts of `tiny`: lesb_roi, and a LESB and a lesb_gep of the same random subspaces."""
    folder = tmp_path_factory.mktemp("fitted")
    (folder / "style.yaml").write_text(STYLE)
    context = FitContext(
        embedder=Embedder(TinyBackbone()),
        train=people(6),
        val=people(4, first=50),
        options=RoiFitOptions(style=str(folder / "style.yaml"), pseudo_fakes=3, epochs=3),
        out=folder,
        data_fingerprint="drawn",
        datasets=("drawn",),
        quiet=True,
    )
    model = random_lesb(TinyBackbone())
    other = replace(model, record={**model.record, "detector": "lesb_gep"})
    return {
        "lesb_roi": fit_roi(context).artefact,
        "lesb": model.save(folder / "lesb.safetensors"),
        "lesb_gep": other.save(folder / "lesb_gep.safetensors"),
    }


@pytest.fixture(scope="module")
def reals(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_reals(tmp_path_factory.mktemp("reals"), 24)


@pytest.fixture
def bench(
    reals: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """`bench explain` of one drawn face, with artefacts of `tiny` registered."""

    def run(shipped: dict[str, Path], *more: object) -> tuple[int, str, str]:
        extra = [
            ArtefactSpec(
                name=f"{detector}_tiny",
                summary="s",
                detector=detector,
                backbone="tiny",
                weights_sha256="b" * 64,
                path=lambda path=path: path,  # type: ignore[misc]
            )
            for detector, path in shipped.items()
        ]
        plugins = Plugins(records=(*drawn_plugins().records, *extra))
        for module in (registry.tasks.predict, registry.tasks.ready, registry.cli.detector_flags):
            monkeypatch.setattr(module, "load_plugins", lambda: plugins)
        how = ["--face-detector", "drawn", "--landmarker", "mean", "--backbone", "tiny", "--quiet"]
        how += ["--reference", reals, "--out", str(tmp_path / "out")]
        inputs = [str(write(tmp_path / "a.png", portrait())), *map(str, more)]
        code = main(["explain", *inputs, *how])
        return code, *capsys.readouterr()

    run.reals = reals  # type: ignore[attr-defined]
    return run


def record(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "out" / "a.json").read_text("utf-8"))


def page(tmp_path: Path) -> str:
    return (tmp_path / "out" / "a.html").read_text("utf-8")


def audited(artefact: Path, detector: str, low: float) -> None:
    """Keeps an audit of the artefact with a recall of `low` to `low` + .1."""
    figure = AuditFigure(value=low + 0.05, low=low, high=low + 0.1, control=1 / 3)
    summary = PartSummary(
        detector=detector,
        weights_sha256="b" * 64,
        artefact_sha256=hashlib.sha256(artefact.read_bytes()).hexdigest(),
        parts=("eyes", "nose", "mouth"),
        right_part=figure,
        groups={},
        auc_diagonal=None,
        redundancy={},
        datasets=("drawn",),
        split="test",
        made_edits=False,
        reals=50,
        fakes=90,
        identities=50,
        data_fingerprint="",
        created="2026-11-25T10:00:00+00:00",
        version="0.1.0",
    )
    keep_audit(artefact, summary)


@pytest.fixture
def copies(fitted: dict[str, Path], tmp_path: Path) -> dict[str, Path]:
    """Artefacts beside which an audit can be kept."""
    (tmp_path / "fitted").mkdir()
    found = {name: tmp_path / "fitted" / f"{name}.safetensors" for name in fitted}
    for name, path in found.items():
        path.write_bytes(fitted[name].read_bytes())
    return found


# --- which detector ---------------------------------------------------------------------------


@pytest.mark.slow
def test_a_registered_lesb_roi_explains(
    bench: Run, fitted: dict[str, Path], tmp_path: Path
) -> None:
    code, _, err = bench(fitted)
    assert code == 0, err
    assert record(tmp_path)["origin"]["detector"] == "lesb_roi"
    assert set(record(tmp_path)["parts"]) == {"eyes", "nose", "mouth"}
    assert "is not fitted" not in err
    bench(fitted, "--detector", "auto")
    assert record(tmp_path)["origin"]["detector"] == "lesb_roi"
    bench(fitted, "--detector", "lesb")
    assert record(tmp_path)["origin"]["detector"] == "lesb"


@pytest.mark.slow
def test_where_it_is_not_fitted_lesb_explains_and_a_line_says_so(
    bench: Run, fitted: dict[str, Path], tmp_path: Path
) -> None:
    code, _, err = bench({"lesb": fitted["lesb"]})
    assert code == 0, err
    said = (
        "lesb_roi is not fitted for backbone 'tiny' with these weights, so lesb is used; to fit it:"
        " bench fit --detector lesb_roi --backbone tiny"
    )
    assert f"note: {said}" in err.splitlines()
    assert record(tmp_path)["origin"]["detector"] == "lesb"
    assert said in record(tmp_path)["report_notes"]


def test_where_neither_is_fitted_the_error_is_how_to_fit_lesb_roi(
    bench: Run, fitted: dict[str, Path]
) -> None:
    code, _, err = bench({})
    assert code == 2
    assert "bench fit --detector lesb_roi --backbone tiny" in err
    code, _, err = bench({"lesb": fitted["lesb"]}, "--detector", "lesb_roi")
    assert code == 2
    assert "detector 'lesb_roi' has no fitted artefact" in err


@pytest.mark.parametrize("name", ["lesb", "lesb_gep", "lesb_roi"])
def test_an_artefact_says_itself_which_detector_it_is_of(
    name: str, bench: Run, fitted: dict[str, Path], tmp_path: Path
) -> None:
    given = fitted[name].parent if name == "lesb_roi" else fitted[name]
    assert bench({}, "--artefact", given)[0] == 0
    assert record(tmp_path)["origin"]["detector"] == name


def test_an_artefact_that_is_none_is_told(bench: Run, tmp_path: Path) -> None:
    code, _, err = bench({}, "--artefact", tmp_path / "nothing.safetensors")
    assert code == 2
    assert "no artefact at" in err


# --- one answer for one file ------------------------------------------------------------------


@pytest.mark.slow
def test_predict_and_explain_give_one_answer_for_a_photograph_and_for_a_video(
    bench: Run, copies: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audited(copies["lesb_roi"], "lesb_roi", 0.6)
    clip = film(tmp_path / "clip.mp4", [portrait(n, red=9 * n) for n in range(6)])
    code, explained, _ = bench(copies, clip)
    assert code == 0
    how = ["--face-detector", "drawn", "--landmarker", "mean", "--backbone", "tiny", "--quiet"]
    arguments = [str(tmp_path / "a.png"), str(clip), *how, "--reference", bench.reals]  # type: ignore[attr-defined]
    assert main(["predict", *arguments]) == 0
    predicted = capsys.readouterr().out
    assert main(["predict", *arguments, "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    without_reports = [line.rpartition("\t")[0] for line in explained.splitlines()]
    assert without_reports == predicted.splitlines()
    for name, found in zip(("a", "clip"), records, strict=True):
        own = json.loads((tmp_path / "out" / f"{name}.json").read_text("utf-8"))
        assert found["origin"]["detector"] == own["origin"]["detector"] == "lesb_roi"
        for key in ("verdict", "score", "parts", "part", "frames", "audit", "faces"):
            assert found[key] == own[key]


# --- what is said of its parts ----------------------------------------------------------------


def test_parts_that_nobody_audited_are_said_to_be_so_beside_the_pictures(
    bench: Run, fitted: dict[str, Path], tmp_path: Path
) -> None:
    _, _, err = bench(fitted)
    said = record(tmp_path)["audit"]
    assert said["summary"] is None
    assert said["words"] == (
        "The part scores of lesb_roi have not been audited: it is unknown whether they show where a"
        " face was changed. To audit them on fakes whose changed parts are known: bench audit"
        " --detector lesb_roi --backbone tiny --dataset DATA --keep"
    )
    assert f"note: {said['line']}\n" in err
    assert "The parts of lesb_roi have not been audited (" in page(tmp_path)
    assert said["words"] in page(tmp_path).partition('id="audit"')[2]


def test_an_audited_detector_comes_with_how_often_its_parts_are_right(
    bench: Run, copies: dict[str, Path], tmp_path: Path
) -> None:
    audited(copies["lesb_roi"], "lesb_roi", 0.6)
    _, _, err = bench(copies)
    told = "lesb_roi names the changed part first in 65 % [60, 70] of faces"
    short = (
        "lesb_roi names the changed part first in 65 % [60, 70] of audited fakes (mean over the"
        " parts; 33 % by chance)"
    )
    assert f"note: {short}; the whole audit: " in err
    assert told in record(tmp_path)["audit"]["words"]
    assert record(tmp_path)["audit"]["summary"]["right_part"]["low"] == 0.6
    line = page(tmp_path).partition('class="audit-line"')[2].partition("</p>")[0]
    assert f"Audited: {told}" in line
    assert "as audited" not in record(tmp_path)["part"]["why"]


def test_a_detector_that_was_found_not_to_localise_singles_no_part_out(
    bench: Run, copies: dict[str, Path], tmp_path: Path
) -> None:
    audited(copies["lesb_roi"], "lesb_roi", 0.3)
    _, out, _ = bench(copies)
    found = record(tmp_path)
    assert found["part"]["singled_out"] is None
    assert found["part"]["why"] == (
        "No part can be singled out: as audited, lesb_roi names the changed part first in 35 % [30,"
        " 40] of faces with one changed part (mean over the parts), where always naming the same"
        " part reaches 33 %."
    )
    assert out.splitlines()[1].split("\t")[4] == ""
    assert "its part scores do not show where a face was changed" in page(tmp_path)


def test_lesb_is_taken_at_its_audit_and_without_one_at_how_it_is_built(
    bench: Run, copies: dict[str, Path], tmp_path: Path
) -> None:
    lesb = {"lesb": copies["lesb"]}
    bench(lesb)
    assert "one embedding of the whole face" in record(tmp_path)["part"]["why"]
    audited(copies["lesb"], "lesb", 0.6)
    bench(lesb)
    assert "one embedding of the whole face" not in record(tmp_path)["part"]["why"]


def test_an_audit_changes_no_score_and_no_reference(
    bench: Run, copies: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    bench(copies)
    before = record(tmp_path)
    audited(copies["lesb_roi"], "lesb_roi", 0.6)
    monkeypatch.setattr("registry.tasks.reference._score", None)  # what is kept has to do
    assert bench(copies)[0] == 0
    after = record(tmp_path)
    for key in ("score", "parts", "verdict", "origin"):
        assert after[key] == before[key]
    assert np.isfinite(after["score"])


def test_maps_that_are_not_of_the_score_say_what_they_are_of(
    bench: Run, copies: dict[str, Path], tmp_path: Path
) -> None:
    bench(copies)
    head = record(tmp_path)["variants"]["head"]
    of_head = f"belongs to the backbone's own head, which scores {head:.3f}, not to the score above"
    assert record(tmp_path)["origin"]["explainer"] == "part_heads"
    assert f"The backbone's own head scores {head:.3f}." in html.unescape(page(tmp_path))
    assert of_head not in html.unescape(page(tmp_path))
    bench(copies, "--explainer", "cam")
    assert of_head in html.unescape(page(tmp_path))
