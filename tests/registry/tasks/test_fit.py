from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import registry.tasks.fit
from registry import (
    BackboneSpec,
    BenchError,
    ConfigError,
    DataError,
    DetectorSpec,
    FitContext,
    FitReport,
    PluginError,
    Rank,
    artefact_file,
    crop_face,
    fit,
)
from registry.owner import LOCK
from registry.plugins.discovery import Plugins, load_plugins
from tests.shared.owners import IN_USE, TAKEN_OVER, leave_lock
from tests.shared.still_backbone import (
    FITS,
    StillBackbone,
    fit_named,
    fit_nothing,
    write_faces_to_fit_on,
)


def fail(context: FitContext) -> FitReport:
    raise RuntimeError("singular")


def fit_elsewhere(context: FitContext) -> FitReport:
    path = context.out.parent / "elsewhere.bin"
    path.write_bytes(b"fitted")
    return FitReport(artefact=path)


def fit_nowhere(context: FitContext) -> FitReport:
    return FitReport(artefact=context.out / "artefact.safetensors")


@pytest.fixture(autouse=True)
def _plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    FITS.clear()
    extra = (
        DetectorSpec(name="fitted", summary="-", build=print, fit=fit_nothing),
        DetectorSpec(name="failing", summary="-", build=print, fit=fail),
        DetectorSpec(name="named", summary="-", build=print, fit=fit_named),
        DetectorSpec(name="elsewhere", summary="-", build=print, fit=fit_elsewhere),
        DetectorSpec(name="nowhere", summary="-", build=print, fit=fit_nowhere),
        BackboneSpec(name="still", summary="-", build=StillBackbone),
    )
    plugins = Plugins(records=(*load_plugins().records, *extra))
    monkeypatch.setattr(registry.tasks.fit, "load_plugins", lambda: plugins)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three people to train on, two to validate on, each real and fake."""
    return write_faces_to_fit_on(tmp_path / "faces", people=5, val="34")


def _fit(data: Path, **settings: Any) -> FitReport:
    defaults = {
        "detector": "fitted",
        "backbone": "still",
        "train": (str(data),),
        "out": str(data.parent / "fit"),
        "quiet": True,
    }
    return fit(**{**defaults, **settings})


def test_only_real_faces_of_train_and_val_are_handed_over(data: Path) -> None:
    _fit(data)
    (context,) = FITS
    assert [sample.identity for sample in context.train] == ["faces/p0", "faces/p1", "faces/p2"]
    assert [sample.identity for sample in context.val] == ["faces/p3", "faces/p4"]
    image, face = context.train[0].load()
    assert image.shape == (64, 64, 3)
    assert face.landmarks is not None
    assert context.datasets == ("faces",)
    assert len(context.data_fingerprint) == 64


def test_with_whole_frames_faces_are_learned_as_they_are_stored(data: Path) -> None:
    _fit(data, crop_from="frame")
    (context,) = FITS
    image, face = context.train[0].load()
    crop = crop_face(image, face, context.embedder.backbone.crop)
    assert crop.box == (0, 0, 64, 64)
    assert crop.image.shape == (32, 32, 3)
    stored = np.load(data / "landmarks.npy")
    assert crop.landmarks == pytest.approx((stored + 0.5) / 2 - 0.5, abs=1e-4)


def test_configuration_and_report_are_kept_beside_the_artefact(data: Path) -> None:
    report = _fit(data)
    names = {path.name for path in report.artefact.parent.iterdir()}
    assert names == {"artefact.safetensors", "config.yaml", "fit.json"}
    assert json.loads((data.parent / "fit" / "fit.json").read_text())["tables"] == []


def test_a_fit_that_ended_before_its_report_is_made_again(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = registry.tasks.fit.write_report
    monkeypatch.setattr(registry.tasks.fit, "write_report", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _fit(data)
    out = data.parent / "fit"
    assert (out / "artefact.safetensors").is_file()
    monkeypatch.setattr(registry.tasks.fit, "write_report", whole)
    _fit(data)
    names = {path.name for path in out.iterdir()}
    assert names == {"artefact.safetensors", "config.yaml", "fit.json"}
    with pytest.raises(ConfigError, match="--overwrite"):
        _fit(data)


def test_a_refused_fit_leaves_the_whole_one_and_no_mark(data: Path) -> None:
    _fit(data)
    before = {path.name: path.read_bytes() for path in (data.parent / "fit").iterdir()}
    with pytest.raises(BenchError):
        _fit(data, detector="failing", overwrite=True)
    assert {path.name: path.read_bytes() for path in (data.parent / "fit").iterdir()} == before
    with pytest.raises(ConfigError, match="--overwrite"):
        _fit(data)


def test_an_artefact_that_is_there_is_kept_unless_overwrite(data: Path) -> None:
    _fit(data)
    with pytest.raises(ConfigError, match="--overwrite"):
        _fit(data)
    assert len(FITS) == 1
    _fit(data, overwrite=True)
    assert len(FITS) == 2


def test_an_artefact_is_found_under_the_name_that_its_fit_gave_it(data: Path) -> None:
    report = _fit(data, detector="named")
    assert report.artefact.name == "model.bin"
    assert artefact_file(report.artefact.parent) == report.artefact
    assert artefact_file(report.artefact) == report.artefact
    with pytest.raises(ConfigError, match=r"model\.bin already exists; pass --overwrite"):
        _fit(data, detector="named")
    report.artefact.unlink()
    with pytest.raises(DataError, match=r"no artefact at .*model\.bin"):
        artefact_file(report.artefact.parent)


def test_an_artefact_that_was_copied_alone_has_the_name_that_bench_gives(tmp_path: Path) -> None:
    (tmp_path / "artefact.safetensors").write_bytes(b"fitted")
    assert artefact_file(tmp_path).name == "artefact.safetensors"


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"artefact": 3}'])
def test_a_damaged_report_of_a_fit_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "fit.json").write_text(text)
    with pytest.raises(DataError, match=r"cannot read .*fit\.json.* pass the artefact itself"):
        artefact_file(tmp_path)


@pytest.mark.parametrize("detector", ["elsewhere", "nowhere"])
def test_an_artefact_that_is_not_in_the_folder_is_the_plugins_fault(
    data: Path, detector: str
) -> None:
    with pytest.raises(
        PluginError, match=rf"'{detector}' of package .* must leave its artefact in"
    ):
        _fit(data, detector=detector)


def test_a_person_in_train_and_val_is_refused(data: Path) -> None:
    rows = (data / "manifest.csv").read_text().replace("p3", "p0")
    (data / "manifest.csv").write_text(rows)
    with pytest.raises(DataError, match=r"share 1 faces .*faces/p0"):
        _fit(data)


def test_ranks_are_refused_where_the_detector_does_not_share_its_fit(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.tasks.fit, "this_rank", lambda: Rank(0, 2))
    with pytest.raises(ConfigError) as caught:
        _fit(data)
    assert str(caught.value) == (
        "a fit of detector 'fitted' runs in one process, and torchrun has started 2; start it"
        " without torchrun (processes can share fits of lesb, lesb_gep, lesb_roi)"
    )
    assert not FITS


def test_a_split_without_real_faces_is_refused(data: Path) -> None:
    rows = (data / "manifest.csv").read_text().splitlines()
    kept = [row for row in rows if not (",val," in row and ",0,p" in row)]
    (data / "manifest.csv").write_text("\n".join(kept))
    with pytest.raises(DataError, match=r"val split holds 2 videos, and none is real"):
        _fit(data)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"detector": "random"}, ConfigError, "nothing to fit.*fitted, lesb|lesb"),
        ({"train": ()}, ConfigError, "--train DIR"),
        ({"backbone": None}, ConfigError, "--backbone"),
        ({"detector": "failing"}, PluginError, "'failing'.*RuntimeError: singular"),
        ({"options": {"rank": 3}}, ConfigError, "no options"),
    ],
)
def test_what_is_wrong_is_named(
    data: Path, settings: dict[str, Any], error: type[BenchError], message: str
) -> None:
    with pytest.raises(error, match=message):
        _fit(data, **settings)
    assert not (data.parent / "fit").exists()


def test_a_refused_fit_leaves_the_one_before_it_as_it_was(data: Path) -> None:
    _fit(data)
    kept = data.parent / "fit" / "config.yaml"
    before = kept.read_bytes()
    with pytest.raises(PluginError, match="singular"):
        _fit(data, detector="failing", overwrite=True)
    assert kept.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_an_error(data: Path) -> None:
    (data.parent / "file").touch()
    with pytest.raises(DataError, match=r"cannot write to .*another --out"):
        _fit(data, out=str(data.parent / "file" / "fit"))


def test_a_folder_belongs_to_one_fit_while_its_process_lives(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused: list[str] = []

    def fit_twice(context: FitContext) -> FitReport:
        assert (context.out / LOCK).is_file()
        with pytest.raises(ConfigError, match=IN_USE) as caught:
            _fit(data, overwrite=True)
        refused.append(str(caught.value))
        return fit_nothing(context)

    twice = DetectorSpec(name="twice", summary="-", build=print, fit=fit_twice)
    known = Plugins(records=(*registry.tasks.fit.load_plugins().records, twice))
    monkeypatch.setattr(registry.tasks.fit, "load_plugins", lambda: known)
    out = data.parent / "fit"
    _fit(data, detector="twice")
    assert len(refused) == 1
    assert {path.name for path in out.iterdir()} == {
        "artefact.safetensors", "config.yaml", "fit.json",
    }  # fmt: skip
    assert not TAKEN_OVER.search(capsys.readouterr().err)
    leave_lock(out)
    _fit(data, overwrite=True)
    assert TAKEN_OVER.search(capsys.readouterr().err)
    assert not (out / LOCK).exists()


def test_a_fit_that_ended_while_another_waited_for_its_folder_is_not_replaced(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first look finds no artefact, as the fit that writes it has not ended yet."""
    _fit(data)
    whole, looks = registry.tasks.fit.artefact_folder, []

    def look(config: Any) -> Path:
        looks.append(config)
        return Path(config.out) if len(looks) == 1 else whole(config)

    monkeypatch.setattr(registry.tasks.fit, "artefact_folder", look)
    with pytest.raises(ConfigError, match="--overwrite"):
        _fit(data)
    assert len(FITS) == 1
