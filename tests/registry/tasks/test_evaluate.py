from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import registry.tasks.evaluate
import registry.tasks.fit
from registry import (
    ArtefactSpec,
    AuditFigure,
    BackboneSpec,
    BenchError,
    CommandSpec,
    ConfigError,
    Crop,
    CropPolicy,
    DataError,
    DetectorContext,
    DetectorSpec,
    PluginError,
    Scores,
    UnknownNameError,
    evaluate,
    keep_audit,
    lazy,
)
from registry.owner import owned
from registry.plugins.discovery import Plugins, load_plugins
from registry.results.predictions import read_predictions
from registry.results.result import Result, recompute
from registry.settings.tasks import EvalConfig
from registry.tasks.evaluate import run_folder
from tests.shared.measured_audit import Measured
from tests.shared.readers import refusing
from tests.shared.still_backbone import FITS, SIZE, StillBackbone, fit_nothing, write_data

METRICS = load_plugins().specs("metric")


class Grey:
    """Scores a crop by its mean grey value."""

    calls = 0

    def __init__(self, context: DetectorContext) -> None:
        self.context = context

    def score(self, crops: Sequence[Crop]) -> Scores:
        type(self).calls += len(crops)
        means = np.asarray([crop.image.mean() / 255 for crop in crops])
        return Scores(fake=means, regions={"nose": means / 2}, variants={"head": 1 - means})


class GreyEmbedding(Grey):
    """The same with a half that can be cached."""

    calls = 0
    encoder = "grey"
    trained_on = ("seen",)

    def embed(self, crops: Sequence[Crop]) -> NDArray[np.float32]:
        return self.score(crops).fake[:, None].astype(np.float32)

    def score_embeddings(self, embeddings: NDArray[np.float32]) -> Scores:
        return Scores(fake=embeddings[:, 0].astype(np.float64))


class HalfBackbone:
    """Not a backbone: most of the protocol is missing."""

    def __init__(self, name: str, weights: str | None, seed: int) -> None:
        self.name = name
        self.crop = CropPolicy(size=32)


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """`evaluate` into tmp_path/run with detectors and a backbone of this file."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    Grey.calls = GreyEmbedding.calls = 0
    FITS.clear()
    extra = [
        DetectorSpec(name="grey", summary="-", build=Grey, needs_backbone=False),
        DetectorSpec(name="cached", summary="-", build=GreyEmbedding, needs_backbone=False),
        DetectorSpec(name="cached2", summary="-", build=GreyEmbedding, needs_backbone=False),
        DetectorSpec(name="on_backbone", summary="-", build=Grey),
        DetectorSpec(name="fitted", summary="-", build=Grey, fit=fit_nothing, needs_artefact=True),
        DetectorSpec(name="shipped", summary="-", build=Grey, fit=fit_nothing, needs_artefact=True),
        DetectorSpec(name="not_one", summary="-", build=lambda _: object(), needs_backbone=False),
        BackboneSpec(name="still", summary="-", build=StillBackbone),
        BackboneSpec(name="half", summary="-", build=HalfBackbone),
        BackboneSpec(
            name="hungry",
            summary="-",
            build=StillBackbone,
            needs_weights=True,
            weights_file="a made-up file",
        ),
        ArtefactSpec(
            name="shipped_still",
            summary="-",
            detector="shipped",
            backbone="still",
            weights_sha256=StillBackbone.weights_sha256,
            path=lambda: tmp_path / "shipped.safetensors",
        ),
        CommandSpec(
            name="measure",
            summary="-",
            configure=lambda _: None,
            run=lambda _: 0,
            audit=lazy("tests.shared.measured_audit:Measured"),
        ),
    ]
    plugins = Plugins(records=(*load_plugins().records, *extra))
    for module in (registry.tasks.evaluate, registry.tasks.fit):
        monkeypatch.setattr(module, "load_plugins", lambda: plugins)

    def _run(**settings: Any) -> Result:
        defaults = {
            "detector": "grey",
            "dataset": (str(tmp_path / "data"),),
            "out": str(tmp_path / "run"),
            "metrics": ("auc",),
            "draws": 20,
            "chunk": 5,
            "batch_size": 2,
            "quiet": True,
        }
        return evaluate(**{**defaults, **settings})

    write_data(tmp_path / "data")
    return _run


def test_a_run_folder_is_complete(run: Run, tmp_path: Path) -> None:
    result = run()
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"chunks", "config.yaml", "predictions.parquet", "report.html", "results.json"}
    assert Result.load(tmp_path / "run") == result
    assert result.variants == ("grey", "grey:nose", "head")
    assert result.provenance.data_fingerprint
    assert set(result.provenance.timing) == {"prepare", "score", "measure"}


def test_every_face_has_the_score_that_the_detector_gave_it(run: Run, tmp_path: Path) -> None:
    run()
    table, _ = read_predictions(tmp_path / "run")
    rows = table.to_pylist()
    assert len(rows) == 12
    assert {row["status"] for row in rows} == {"ok"}
    for row in rows:
        image = cv2.imread(row["path"])[row["y0"] : row["y1"], row["x0"] : row["x1"]]
        resized = cv2.resize(image, (224, 224), interpolation=cv2.INTER_LINEAR)
        assert row["fake"] == pytest.approx(resized.mean() / 255, abs=1e-9)
        assert row["p_nose"] == pytest.approx(row["fake"] / 2)
        assert row["label"] == int(Path(row["path"]).stem[-1])


def test_numbers_can_be_computed_again_from_the_predictions_alone(run: Run, tmp_path: Path) -> None:
    result = run(metrics=("auc", "ap", "eer", "accuracy"))
    (tmp_path / "run" / "results.json").unlink()
    assert recompute(tmp_path / "run", METRICS).differences(result) == ()


def test_an_interrupted_run_goes_on_where_it_stopped(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(out=str(tmp_path / "whole"))
    Grey.calls = 0
    score = Grey.score

    def stop_in_the_second_chunk(self: Grey, crops: Sequence[Crop]) -> Scores:
        if Grey.calls >= 7:
            raise KeyboardInterrupt
        return score(self, crops)

    monkeypatch.setattr(Grey, "score", stop_in_the_second_chunk)
    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(list((tmp_path / "run" / "chunks").iterdir())) == 1
    monkeypatch.setattr(Grey, "score", score)
    Grey.calls = 0
    assert run().differences(whole) == ()
    assert Grey.calls == 12 - 5


def test_a_second_detector_on_the_same_encoder_embeds_nothing(run: Run, tmp_path: Path) -> None:
    first = run(detector="cached")
    assert GreyEmbedding.calls == 12
    second = run(detector="cached2", out=str(tmp_path / "second"))
    assert GreyEmbedding.calls == 12
    assert [m.value for m in first.measurements] == [m.value for m in second.measurements]
    run(detector="cached", out=str(tmp_path / "third"), cache=False)
    assert GreyEmbedding.calls == 24


def test_the_chunk_of_a_changed_file_is_scored_again_and_no_other(run: Run, tmp_path: Path) -> None:
    run()
    cv2.imwrite(str(tmp_path / "data" / "0_0.png"), np.zeros((SIZE, SIZE, 3), np.uint8))
    Grey.calls = 0
    run()
    assert Grey.calls == 5
    table, _ = read_predictions(tmp_path / "run")
    (row,) = [row for row in table.to_pylist() if row["path"].endswith("0_0.png")]
    assert row["fake"] == 0


def test_an_unreadable_image_is_a_counted_row_and_no_score(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "2_1.png").write_bytes(b"")
    result = run(max_errors=1)
    (everything,) = [count for count in result.counts if count.method == "all"]
    assert sum(everything.errors.values()) == 1
    assert (everything.reals, everything.fakes, everything.left_out) == (6, 5, 1)
    table, _ = read_predictions(tmp_path / "run")
    (row,) = [row for row in table.to_pylist() if row["status"] != "ok"]
    assert row["fake"] is None
    assert str(tmp_path) not in row["status"]


def test_too_many_errors_end_the_run_with_a_count_and_keep_what_is_done(
    run: Run, tmp_path: Path
) -> None:
    for person in (3, 4):
        (tmp_path / "data" / f"{person}_0.png").write_bytes(b"no image")
    with pytest.raises(
        DataError, match=r"2 of 12 frames failed.*--max-errors 0\.05.*2 x"
    ) as caught:
        run()
    assert "3_0.png" in str(caught.value)
    assert len(list((tmp_path / "run" / "chunks").iterdir())) == 2
    Grey.calls = 0
    run(max_errors=0.5)
    assert Grey.calls == 2


def test_errors_of_finished_chunks_count_as_much(run: Run, tmp_path: Path) -> None:
    for person in (3, 4):
        (tmp_path / "data" / f"{person}_0.png").write_bytes(b"no image")
    run(max_errors=0.5)
    for _ in range(2):
        with pytest.raises(DataError, match="2 of 12 frames failed"):
            run()


def test_a_file_that_could_not_be_opened_is_read_again(run: Run, tmp_path: Path) -> None:
    """Neither size nor date of a file tell that its network drive is back."""
    with refusing("2_1.png"):
        lost = run(detector="cached", max_errors=1)
    assert sum(lost.counts[0].errors.values()) == 1
    for out in ("run", "other"):
        found = run(detector="cached", out=str(tmp_path / out))
        assert not sum(found.counts[0].errors.values())


def test_a_refused_run_leaves_the_configuration_of_the_one_before(run: Run, tmp_path: Path) -> None:
    run()
    before = (tmp_path / "run" / "config.yaml").read_text()
    with pytest.raises(DataError, match="other weights, crops or options"):
        run(seed=7)
    with pytest.raises(ConfigError, match="holds a run with frames 32"):
        run(frames=3)
    assert (tmp_path / "run" / "config.yaml").read_text() == before


@pytest.mark.parametrize(
    ("dataset", "folder"),
    [
        ("/data/mine/manifest.csv", "lesb_mine_test"),
        ("manifest:/data/mine/manifest.csv", "lesb_mine_test"),
        ("/data/mine/other.csv", "lesb_other_test"),
        ("/data/mine", "lesb_mine_test"),
        ("toy", "lesb_toy_test"),
        ("hf:some/name", "lesb_name_test"),
    ],
)
def test_a_run_is_named_after_its_data_and_a_manifest_after_its_folder(
    dataset: str, folder: str
) -> None:
    config = EvalConfig(detector="lesb", backbone=None, dataset=(dataset,))
    assert run_folder(config) == Path("runs") / folder


def test_a_folder_of_the_same_name_elsewhere_gets_no_run_folder_that_is_taken(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = write_data(tmp_path / "elsewhere" / "data")
    first = run(out=None)
    run(out=None, dataset=("data",))  # the same, by another name
    with pytest.raises(ConfigError, match=r"holds a run on .*choose another --out"):
        run(out=None, dataset=(str(other),))
    run(out=None, dataset=(str(other),), overwrite=True)
    assert first.counts


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"dataset": ("elsewhere/data",)}, "holds a run on .*data; choose another --out"),
        ({"detector": "grey"}, "holds a run with detector cached"),
        ({"split": "val"}, "holds a run with split test"),
        ({"frames": 1}, "holds a run with frames 32"),
    ],
)
def test_a_run_gives_way_to_one_of_something_else_only_when_asked(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, Any],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_data(tmp_path / "elsewhere" / "data")
    manifest = tmp_path / "data" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("test", "val", 4))
    run(detector="cached")
    before = (tmp_path / "run" / "results.json").read_bytes()
    with pytest.raises(ConfigError, match=reason):
        run(**{"detector": "cached", **changed})
    assert (tmp_path / "run" / "results.json").read_bytes() == before
    run(detector="cached")  # the same once more
    run(**{"detector": "cached", **changed}, overwrite=True)


def test_a_folder_that_another_run_is_at_work_in_is_left_alone(run: Run, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with owned(tmp_path / "run"):
        for overwrite in (False, True):
            with pytest.raises(ConfigError, match=r"run is in use by process .*another --out"):
                run(overwrite=overwrite)
    assert Grey.calls == 0
    assert list((tmp_path / "run").iterdir()) == []
    run()


def test_metrics_are_named_once_at_least_and_count_once(run: Run) -> None:
    found = run(metrics=("auc", "auc"))
    assert found.settings.metrics == ("auc",)
    with pytest.raises(ConfigError, match="no metrics to compute"):
        run(metrics=())


def test_data_without_one_readable_face_is_reported_not_made_up(run: Run, tmp_path: Path) -> None:
    for path in (tmp_path / "data").glob("*.png"):
        path.write_bytes(b"")
    result = run(max_errors=12)
    assert all(m.value is None and m.reason for m in result.measurements)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"detector": "gray"}, UnknownNameError, "did you mean 'grey'"),
        ({"metrics": ("auk",)}, UnknownNameError, "did you mean 'auc'"),
        ({"reporters": ("htm",)}, UnknownNameError, "did you mean 'html'"),
        ({"backbone": "stil", "detector": "on_backbone"}, UnknownNameError, "'still'"),
        (
            {"detector": "on_backbone", "backbone": None},
            ConfigError,
            "needs a backbone.*efflite0_in1k",
        ),
        ({"dataset": ()}, ConfigError, "--dataset"),
        ({"dataset": ("./nowhere",)}, DataError, "no such file or folder"),
        ({"split": "tset"}, BenchError, "test"),
        ({"detector": "not_one"}, PluginError, r"built a object, which has no score"),
        (
            {"detector": "on_backbone", "backbone": "half"},
            PluginError,
            "backbone 'half' of package .* lacks dim, embed, features, head",
        ),
        ({"options": {"fusion": "max"}}, ConfigError, "no options"),
        (
            {"artefact": "nothing_here", "detector": "fitted", "backbone": "still"},
            DataError,
            "no a",
        ),
    ],
)
def test_a_name_that_is_wrong_ends_before_any_work(
    run: Run, tmp_path: Path, settings: dict[str, Any], error: type[BenchError], message: str
) -> None:
    with pytest.raises(error, match=message):
        run(**settings)
    assert Grey.calls == 0
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"backbone": None}, ConfigError, "needs a backbone"),
        ({"backbone": "stil"}, UnknownNameError, "'still'"),
        ({"backbone": "hungry"}, ConfigError, "'hungry' needs a weights file: a made-up file"),
        ({"weights": "gone.pt"}, DataError, r"no weights file at gone\.pt; .*'still'.* random"),
        ({"artefact": "gone"}, DataError, "no artefact at gone"),
    ],
)
def test_a_file_that_is_missing_is_told_before_data_is_looked_for(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    error: type[BenchError],
    message: str,
) -> None:
    def unwanted(*_: object) -> None:
        raise AssertionError("data was looked for")

    monkeypatch.setattr(registry.tasks.evaluate, "find_data", unwanted)
    with pytest.raises(error, match=message):
        run(**{"detector": "on_backbone", "backbone": "still", **settings})
    with pytest.raises(AssertionError, match="looked for"):  # what is there is no error
        run(detector="on_backbone", backbone="still", weights="random")


def test_files_that_a_detector_does_not_use_need_not_be_there(run: Run) -> None:
    run(detector="grey", backbone="hungry", weights="gone.pt", artefact="gone")


def test_with_weights_that_are_there_a_wrong_data_set_is_told_before_they_are_read(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "w.pt").write_bytes(b"no weights")
    with pytest.raises(DataError, match=r"no such file or folder: .*nowhere"):
        run(
            detector="linear",
            backbone="vit_s16",
            weights=str(tmp_path / "w.pt"),
            dataset=("./nowhere",),
        )


def test_a_run_folder_that_cannot_be_written_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot write to .*choose another --out"):
        run(out=str(tmp_path / "file" / "run"))


def test_two_data_sets_of_one_name_are_refused(run: Run, tmp_path: Path) -> None:
    other = write_data(tmp_path / "elsewhere" / "data")
    with pytest.raises(ConfigError, match="second one named 'data'"):
        run(dataset=(str(tmp_path / "data"), str(other)))


def test_groups_of_methods_are_measured_beside_them(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "0_1.png").write_bytes(b"")  # a group counts its errors too
    result = run(group=("both=swap|warp", "w=w*"), max_errors=1)
    assert [each.method for each in result.counts] == ["all", "swap", "warp", "both", "w"]
    both = result.counts[3]
    assert (both.reals, both.fakes, both.left_out, sum(both.errors.values())) == (6, 5, 1, 1)
    (auc,) = result.select(method="both", variant="grey", level="video")
    (whole,) = result.select(method="all", variant="grey", level="video")
    assert (auc.value, auc.low, auc.high) == (whole.value, whole.low, whole.high)
    assert recompute(tmp_path / "run", METRICS) == Result.load(tmp_path / "run") == result


def test_a_group_added_to_a_finished_run_scores_nothing_anew(run: Run, tmp_path: Path) -> None:
    from registry.settings.load import resolve
    from registry.settings.tasks import EvalConfig

    run()
    Grey.calls = 0
    first = run(group=("both=swap|warp",))
    assert Grey.calls == 0
    config = resolve(EvalConfig, tmp_path / "run" / "config.yaml")
    assert config.group == ("both=swap|warp",)
    assert evaluate(config).differences(first) == ()
    assert not run().groups


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("swap", "not of the form NAME=PATTERN.*Methods in the data: swap, warp"),
        (
            "g=wrap",
            "no method matches 'wrap'; did you mean 'warp'.*Methods in the data: swap, warp",
        ),
        ("warp=s*", "choose another.*Methods in the data: swap, warp"),
    ],
)
def test_what_is_no_group_ends_before_any_score(
    run: Run, tmp_path: Path, group: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run(group=(group,))
    assert Grey.calls == 0
    assert not (tmp_path / "run").exists()


def test_two_data_sets_are_measured_apart(run: Run, tmp_path: Path) -> None:
    other = write_data(tmp_path / "other", people=4)
    result = run(dataset=(str(tmp_path / "data"), str(other)))
    found = {(m.dataset, m.method) for m in result.measurements}
    assert found == {(d, m) for d in ("data", "other") for m in ("all", "swap", "warp")}


def test_without_an_artefact_the_line_to_run_is_printed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pt").touch()
    with pytest.raises(ConfigError) as caught:
        run(detector="fitted", backbone="still", weights="w.pt")
    line = "bench fit --detector fitted --backbone still --weights w.pt --train DIR"
    assert line in str(caught.value)
    assert "--fit-on" in str(caught.value)


def test_a_registered_artefact_is_used_where_the_weights_agree(run: Run, tmp_path: Path) -> None:
    (tmp_path / "shipped.safetensors").write_bytes(b"shipped")
    result = run(detector="shipped", backbone="still")
    assert result.provenance.artefact == str(tmp_path / "shipped.safetensors")
    assert len(result.provenance.artefact_sha256) == 64


def test_a_run_says_how_far_scores_of_parts_are_to_be_trusted(run: Run, tmp_path: Path) -> None:
    artefact = tmp_path / "shipped.safetensors"
    artefact.write_bytes(b"fitted")
    settings = {"detector": "shipped", "backbone": "still"}
    line = "bench audit --detector shipped --backbone still --dataset DATA --keep"
    words = run(**settings).provenance.audit["words"]
    assert words.endswith(line)
    chunks = sorted((tmp_path / "run" / "chunks").iterdir())
    scored = Grey.calls
    summary = Measured(
        detector="shipped",
        weights_sha256="ab" * 32,
        artefact_sha256=hashlib.sha256(b"fitted").hexdigest(),
        figure=AuditFigure(value=0.5, low=0.2, high=0.8, control=0.4),
        datasets=("data",),
        split="test",
        reals=6,
        fakes=6,
        identities=6,
        data_fingerprint="",
        created="2026-11-25",
        version="0",
    )
    keep_audit(artefact, summary)
    result = run(**settings)
    assert (sorted((tmp_path / "run" / "chunks").iterdir()), Grey.calls) == (chunks, scored)
    assert result.provenance.audit["summary"]["figure"]["low"] == 0.2
    assert Result.load(tmp_path / "run") == result
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    gallery = page.partition('id="errors"')[2]
    assert "shipped gets 0.5 on data" in gallery.partition("<img")[0]
    elsewhere = run(**settings, artefact=str(artefact), out=str(tmp_path / "other"))
    assert elsewhere.provenance.audit["summary"] is not None


def test_the_line_that_audits_names_an_artefact_that_was_given(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.pt").touch()
    given = tmp_path / "given.safetensors"
    given.write_bytes(b"fitted")
    settings = {"detector": "fitted", "backbone": "still", "artefact": str(given)}
    words = run(**settings, weights="w.pt").provenance.audit["words"]
    assert words.endswith(
        "bench audit --detector fitted --backbone still --weights w.pt --artefact"
        f" {given} --dataset DATA --keep"
    )
    bare = run(out=str(tmp_path / "bare")).provenance.audit["words"]
    assert bare.endswith("bench audit --detector grey --dataset DATA")  # nothing to keep it with


def test_fit_on_fits_once_and_keeps_the_artefact(run: Run, tmp_path: Path) -> None:
    rows = (tmp_path / "data" / "manifest.csv").read_text().splitlines()
    parts = {"p0": "train", "p1": "train", "p2": "train", "p3": "val", "p4": "val"}
    rows[1:] = [row.replace("test", parts.get(row.split(",")[2], "test")) for row in rows[1:]]
    (tmp_path / "data" / "manifest.csv").write_text("\n".join(rows))
    settings = {"detector": "fitted", "backbone": "still", "fit_on": (str(tmp_path / "data"),)}
    first = run(**settings)
    second = run(**settings, out=str(tmp_path / "second"))
    (context,) = FITS
    assert (len(context.train), len(context.val)) == (3, 2)
    assert first.provenance.artefact == second.provenance.artefact
    assert Path(first.provenance.artefact).is_relative_to(tmp_path / "cache" / "artefacts")
    run(**settings, out=str(tmp_path / "third"), seed=1)
    assert len(FITS) == 2


def test_another_artefact_in_an_old_run_folder_is_refused(run: Run, tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(name.encode())
    settings = {"detector": "fitted", "backbone": "still"}
    run(**settings, artefact=str(tmp_path / "a"))
    with pytest.raises(ConfigError, match=r"with artefact .*a; choose another --out"):
        run(**settings, artefact=str(tmp_path / "b"))
    (tmp_path / "a").write_bytes(b"b")
    with pytest.raises(DataError, match="other weights, crops or options"):
        run(**settings, artefact=str(tmp_path / "a"))
    run(**settings, artefact=str(tmp_path / "b"), overwrite=True)


def test_a_run_from_before_there_were_wrappers_is_gone_on_with(run: Run, tmp_path: Path) -> None:
    import yaml

    run()
    scored, kept = Grey.calls, tmp_path / "run" / "config.yaml"
    values = yaml.safe_load(kept.read_text("utf-8"))
    assert values.pop("wrap") is values.pop("wrap_artefact") is None
    kept.write_text(yaml.safe_dump(values), "utf-8")
    run()
    assert Grey.calls == scored


def test_notes_say_what_the_numbers_are_worth(run: Run, tmp_path: Path) -> None:
    write_data(tmp_path / "seen")
    untrained = run(detector="on_backbone", backbone="still")
    assert any("never trained to detect forgeries" in note for note in untrained.notes)
    assert untrained.provenance.domains == {"data": "cross-dataset"}
    chance = run(
        detector="on_backbone", backbone="still", weights="random", out=str(tmp_path / "chance")
    )
    assert any("random weights" in note for note in chance.notes)
    seen = run(detector="cached", dataset=(str(tmp_path / "seen"),), out=str(tmp_path / "s"))
    assert seen.provenance.domains == {"seen": "in-domain"}
    assert any(note.startswith("seen: in-domain") for note in seen.notes)


def test_the_resolved_configuration_lies_beside_the_result(run: Run, tmp_path: Path) -> None:
    from registry.settings.load import resolve
    from registry.settings.tasks import EvalConfig

    run()
    config = resolve(EvalConfig, tmp_path / "run" / "config.yaml")
    assert (config.detector, config.chunk, config.draws) == ("grey", 5, 20)
    assert json.loads((tmp_path / "run" / "results.json").read_text())["provenance"]["config"][
        "dataset"
    ] == [str(tmp_path / "data")]
