"""`--wrap NAME --artefact DIR`: a wrapper of any package, under any detector, in any command."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import logit

import registry.cli.detector_flags
import registry.tasks.evaluate
import registry.tasks.fit
import registry.tasks.predict
import registry.tasks.ready
from registry import (
    Backbone,
    ConfigError,
    Crop,
    DataError,
    DetectorContext,
    DetectorSpec,
    Features,
    PluginError,
    Result,
    Scores,
    UnknownNameError,
    WrapperSpec,
    evaluate,
    predict,
)
from registry.checks import check_wrapper
from registry.cli import main
from registry.plugins.discovery import Plugins
from registry.results.predictions import read_predictions
from tests.shared.drawn_files import drawn_plugins, portrait, write
from tests.shared.still_backbone import FITS, fit_nothing, write_data
from tests.shared.tiny import TinyBackbone, write_reals


class Half:
    """The first half of a backbone's embedding, times a factor; its head is their sum."""

    mean_pooled = False

    def __init__(self, base: Backbone, factor: float) -> None:
        self.base, self.factor = base, factor
        self.name, self.crop, self.weights = f"half({base.name})", base.crop, base.weights
        self.dim, self.trained_on = base.dim // 2, base.trained_on
        parts = f"{base.weights_sha256} {factor}".encode()
        self.weights_sha256 = hashlib.sha256(parts).hexdigest()

    def features(self, images: torch.Tensor) -> Features:
        return self.base.features(images)

    def embed(self, features: Features) -> torch.Tensor:
        return self.factor * self.base.embed(features)[:, : self.dim]

    def head(self, embedding: torch.Tensor) -> torch.Tensor | None:
        return embedding.sum(dim=1)

    def head_direction(self) -> NDArray[np.float64] | None:
        return np.ones(self.dim)

    def to(self, device: str) -> Half:
        self.base = self.base.to(device)
        return self


class Seen:
    """A third party's detector; it remembers what it was built from."""

    contexts: list[DetectorContext] = []  # noqa: RUF012

    def __init__(self, context: DetectorContext) -> None:
        self.contexts.append(context)

    def score(self, crops: Sequence[Crop]) -> Scores:
        return Scores(fake=np.array([crop.image.mean() / 255 for crop in crops]))


HALF = WrapperSpec(
    name="half",
    summary="s",
    source="third-party",
    wrap=lambda backbone, artefact: Half(backbone, float(artefact.read_text())),
)


@pytest.fixture(autouse=True)
def _plugins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    FITS.clear()
    Seen.contexts.clear()
    extra = (
        HALF,
        WrapperSpec(name="nothing", summary="s", wrap=lambda backbone, _: backbone),
        WrapperSpec(name="broken", summary="s", wrap=lambda *_: object()),  # type: ignore[arg-type,return-value]
        DetectorSpec(name="seen", summary="s", build=Seen, fit=fit_nothing),
    )
    plugins = Plugins(records=(*drawn_plugins().records, *extra))
    modules = (registry.tasks.evaluate, registry.tasks.fit, registry.tasks.predict)
    for module in (*modules, registry.cli.detector_flags, registry.tasks.ready):
        monkeypatch.setattr(module, "load_plugins", lambda: plugins)


@pytest.fixture
def artefacts(tmp_path: Path) -> dict[float, str]:
    """What the wrapper is made with, by the factor in it."""
    for factor in (1.0, 2.0):
        (tmp_path / str(factor)).mkdir()
        (tmp_path / str(factor) / "artefact.safetensors").write_text(str(factor))
    return {factor: str(tmp_path / str(factor)) for factor in (1.0, 2.0)}


def run(tmp_path: Path, name: str, **settings: Any) -> Result:
    data = tmp_path / "data"
    if not data.exists():
        write_data(data)
    defaults: dict[str, Any] = {"detector": "linear", "backbone": "tiny", "metrics": ("auc",)}
    where = {"dataset": (str(data),), "out": str(tmp_path / name), "draws": 0, "quiet": True}
    return evaluate(**{**defaults, **where, **settings})


def logits(tmp_path: Path, name: str) -> NDArray[np.float64]:
    table, _ = read_predictions(tmp_path / name)
    return logit(np.array(table["fake"].to_pylist()))


def test_eval_runs_any_detector_on_the_wrapped_backbone(
    tmp_path: Path, artefacts: dict[float, str]
) -> None:
    run(tmp_path, "bare")
    for factor, artefact in artefacts.items():  # the cache holds embeddings of the others
        found = run(tmp_path, f"by{factor}", wrap="half", artefact=artefact)
        assert found.provenance.backbone is not None
        assert found.provenance.backbone.name == "half(tiny)"
        assert "third-party" in found.provenance.versions
        assert found.provenance.config["wrap"] == "half"
    once, twice = logits(tmp_path, "by1.0"), logits(tmp_path, "by2.0")
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-5)
    assert not np.allclose(logits(tmp_path, "bare"), once)


@pytest.mark.slow
def test_its_embeddings_are_what_the_wrapper_makes_of_the_backbones(
    tmp_path: Path, artefacts: dict[float, str]
) -> None:
    file = write(tmp_path / "a.png", portrait())
    settings: dict[str, Any] = {"crop_from": "frame", "backbone": "tiny", "quiet": True}
    (found,) = predict(file, detector="linear", wrap="half", artefact=artefacts[2.0], **settings)
    seen = _crop_of(file)
    with torch.inference_mode():
        embedding = TinyBackbone().embed(TinyBackbone().features(seen))
        half = 2 * embedding[:, : embedding.shape[1] // 2].sum()
    assert found.score == pytest.approx(1 / (1 + np.exp(-float(half))), abs=1e-5)


def _crop_of(file: Path) -> torch.Tensor:
    """(1, 3, S, S): the whole picture as the host cuts it for the backbone."""
    from registry import Face, crop_face
    from registry.contracts.types import whole_frame
    from registry.data.images import read_image

    image = read_image(file)
    height, width = image.shape[:2]
    face = Face(box=(0.0, 0.0, width, height))
    crop = crop_face(image, face, whole_frame(TinyBackbone().crop))
    return torch.from_numpy(crop.image.transpose(2, 0, 1)[None].astype(np.float32) / 255)


def test_explain_draws_maps_of_the_wrapped_backbone(
    tmp_path: Path, artefacts: dict[float, str], capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path / "a.png", portrait())
    (tmp_path / "reals").mkdir()
    reals = write_reals(tmp_path / "reals", 20)
    how = ("--face-detector", "drawn", "--landmarker", "mean", "--backbone", "tiny", "--quiet")
    wrapped = ("--wrap", "half", "--artefact", artefacts[1.0], "--detector", "three")
    where = ("--reference", reals, "--out", str(tmp_path / "out"))
    assert main(["explain", str(file), *how, *wrapped, *where]) == 0, capsys.readouterr().err
    record = json.loads((tmp_path / "out" / "a.json").read_text("utf-8"))
    assert record["origin"]["backbone"] == "half(tiny)"
    assert (tmp_path / "out" / "a.1.map_face.png").is_file()


def test_an_artefact_alone_is_the_wrappers_and_beside_wrap_artefact_the_detectors(
    tmp_path: Path, artefacts: dict[float, str]
) -> None:
    own = tmp_path / "own.bin"
    own.write_bytes(b"fitted")
    settings: dict[str, Any] = {"detector": "seen", "wrap": "half"}
    run(tmp_path, "alone", **settings, artefact=artefacts[1.0])
    run(tmp_path, "both", **settings, wrap_artefact=artefacts[1.0], artefact=str(own))
    alone, both = Seen.contexts
    assert (alone.artefact, both.artefact) == (None, own)
    assert all(each.embedder.backbone.name == "half(tiny)" for each in Seen.contexts)  # type: ignore[union-attr]


def test_fit_on_fits_on_the_wrapped_backbone(tmp_path: Path, artefacts: dict[float, str]) -> None:
    data = write_data(tmp_path / "data")
    rows = (data / "manifest.csv").read_text().splitlines()
    parts = {"p0": "train", "p1": "val"}
    rows[1:] = [row.replace("test", parts.get(row.split(",")[2], "test")) for row in rows[1:]]
    (data / "manifest.csv").write_text("\n".join(rows))
    settings: dict[str, Any] = {"detector": "seen", "wrap": "half", "artefact": artefacts[1.0]}
    run(tmp_path, "run", **settings, fit_on=(str(data),))
    (context,) = FITS
    assert context.embedder.backbone.name == "half(tiny)"
    (built,) = Seen.contexts
    assert built.artefact is not None
    assert built.artefact.read_bytes() == b"fitted"


def test_the_line_after_a_fit_names_the_wrapper(
    tmp_path: Path, artefacts: dict[float, str], capsys: pytest.CaptureFixture[str]
) -> None:
    reals = write_reals(tmp_path, 8)
    wrapped = ("--wrap", "half", "--wrap-artefact", artefacts[1.0])
    where = ("--train", reals, "--out", str(tmp_path / "fit"), "--quiet")
    code = main(["fit", "--detector", "seen", "--backbone", "tiny", *wrapped, *where])
    out, err = capsys.readouterr()
    assert code == 0, err
    line = f"bench eval --detector seen --backbone tiny {' '.join(wrapped)} --artefact"
    assert line in out


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"wrap": "halv"}, UnknownNameError, "did you mean 'half'"),
        ({"wrap": "half"}, ConfigError, r"--wrap half needs .* pass --artefact DIR"),
        ({"wrap": "half", "artefact": "gone"}, DataError, "no artefact at gone"),
        ({"wrap": "broken", "artefact": "1.0"}, PluginError, "wrapper 'broken' .* lacks crop, dim"),
        ({"wrap": "nothing", "artefact": "1.0"}, PluginError, "derive weights_sha256 from both"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path,
    artefacts: dict[float, str],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        run(tmp_path, "run", **settings)
    assert not (tmp_path / "run").exists()


def test_the_contract_of_wrappers_asks_for_a_fingerprint_of_its_own(
    tmp_path: Path, artefacts: dict[float, str]
) -> None:
    artefact = Path(artefacts[1.0]) / "artefact.safetensors"
    check_wrapper(HALF, TinyBackbone(), artefact)
    same = WrapperSpec(name="same", summary="s", wrap=lambda *_: TinyBackbone())  # type: ignore[arg-type,return-value]
    with pytest.raises(PluginError, match="must have its own weights_sha256"):
        check_wrapper(same, TinyBackbone(), artefact)
