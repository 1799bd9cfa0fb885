"""The contract kit finds what it is for: every broken promise is a PluginError that names it."""

from __future__ import annotations

import itertools
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from registry import (
    ArtefactSpec,
    BackboneSpec,
    CommandSpec,
    Crop,
    CropPolicy,
    DatasetRequest,
    DatasetSpec,
    DescribedDetector,
    DetectorContext,
    DetectorSpec,
    Embedder,
    ExplainerSpec,
    Explanation,
    Face,
    FaceDetectorSpec,
    Features,
    FitContext,
    FitReport,
    Frame,
    LandmarkerSpec,
    MetricSpec,
    PluginError,
    ReporterSpec,
    Scores,
    Training,
    UndefinedMetricError,
    Video,
    WrapperSpec,
    checks,
    hookimpl,
    lazy,
    traits_of,
)

# --- crops -----------------------------------------------------------------------------------


def test_example_crops_differ_and_repeat() -> None:
    crops = checks.example_crops(64, 3)
    again = checks.example_crops(64, 3)
    for crop, same in zip(crops, again, strict=True):
        assert crop.image.shape == (64, 64, 3)
        assert crop.image.dtype == np.uint8
        assert crop.landmarks is not None
        assert crop.landmarks.shape == (68, 2)
        assert crop.landmarks.min() >= 0
        assert crop.landmarks.max() <= 63
        np.testing.assert_array_equal(crop.image, same.image)
    assert not np.array_equal(crops[0].image, crops[1].image)


# --- backbones -------------------------------------------------------------------------------


class Plain:
    """A backbone that keeps every promise; the tests break one each."""

    name = "plain"
    crop = CropPolicy(size=32)
    dim = 3
    mean_pooled = True
    weights = "none"
    weights_sha256 = "0" * 64
    trained_on: tuple[Training, ...] = ()
    slope = np.array([1.0, -2.0, 0.5])

    def features(self, images: torch.Tensor) -> Features:
        return Features(map=torch.nn.functional.avg_pool2d(images, 8))

    def embed(self, features: Features) -> torch.Tensor:
        return features.map.mean(dim=(2, 3))

    def head(self, embedding: torch.Tensor) -> torch.Tensor | None:
        return embedding @ torch.from_numpy(self.slope).float() + 3

    def head_direction(self) -> NDArray[np.float64] | None:
        return self.slope

    def to(self, device: str) -> Plain:
        return self


def backbone_spec(cls: type[Plain] = Plain, **changes: Any) -> BackboneSpec:
    return BackboneSpec(
        name="plain", summary="s", build=lambda name, weights, seed: cls(), **changes
    )


def broken(**attributes: Any) -> type[Plain]:
    return type("Broken", (Plain,), attributes)


def with_tokens(self: Plain, images: torch.Tensor) -> Features:
    maps = Plain.features(self, images).map
    return Features(map=maps, tokens=maps.flatten(2).transpose(1, 2)[:, :-1])


CALLS = itertools.count()


def centred(self: Plain, features: Features) -> torch.Tensor:
    embedding = Plain.embed(self, features)
    return embedding - embedding.mean(dim=0) if len(embedding) > 1 else embedding


def darken(self: Plain, images: torch.Tensor) -> Features:
    features = Plain.features(self, images)
    images *= 0.5
    return features


def noted(self: Plain, images: torch.Tensor) -> Features:
    """Note the features, for `of_the_last` a moment later."""
    features = Plain.features(self, images)
    vars(self)["last"] = features
    time.sleep(0.01)
    return features


def of_the_last(self: Plain, _features: Features) -> torch.Tensor:
    return Plain.embed(self, vars(self)["last"])


def test_a_good_backbone_passes_and_is_returned() -> None:
    assert isinstance(checks.check_backbone(backbone_spec(input_size=32)), Plain)
    checks.check_backbone(backbone_spec(broken(concurrent=True)))
    headless = broken(head=lambda self, e: None, head_direction=lambda self: None)
    checks.check_backbone(backbone_spec(headless))


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"dim": "3"}, "dim of backbone 'plain' must be a int"),
        ({"weights_sha256": "abc"}, "must be 64 hexadecimal digits"),
        ({"trained_on": ("ff++",)}, "must hold Trainings"),
        ({"crop": CropPolicy(size=48)}, "must crop to the input_size of its record, 32; got 48"),
        ({"dim": 4}, r"embed of backbone 'plain' must be \(2, 4\) \(B, dim\); got \(2, 3\)"),
        ({"embed": lambda self, f: f.map.mean(dim=(2, 3)) * torch.nan}, "must be finite"),
        ({"embed": lambda self, f: f.map.mean(dim=(2, 3)) + next(CALLS)}, "must be deterministic"),
        ({"embed": centred}, "must not depend on the other images of its batch"),
        ({"embed": lambda self, f: f.map.amax(dim=(2, 3))}, "claims mean_pooled"),
        ({"features": darken}, "must not change its images"),
        ({"features": lambda self, x: Features(map=x.mean(dim=(2, 3)))}, r"must be \(B, C, h, w\)"),
        ({"features": with_tokens}, r"must be \(B, T, C\)"),
        ({"head": lambda self, e: e}, r"head of backbone 'plain' must be \(B,\)"),
        ({"slope": np.ones(3), "head": lambda self, e: e[:, 0] ** 2}, "must be linear"),
        ({"head": lambda self, e: None}, "has no head, so head_direction must be None"),
        ({"concurrent": True, "features": noted, "embed": of_the_last}, "claims to be concurrent"),
        ({"to": lambda self, device: None}, r"to\(\) of backbone 'plain' must return a backbone"),
    ],
)
def test_a_backbone_that_breaks_its_protocol(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        checks.check_backbone(backbone_spec(broken(**attributes), input_size=32))


def test_a_wrapper_must_leave_the_inner_backbone_as_it_is(tmp_path: Path) -> None:
    inner = Plain()
    own = broken(weights_sha256="cd" * 32)
    good = WrapperSpec(name="same", summary="s", wrap=lambda backbone, path: own())
    checks.check_wrapper(good, inner, tmp_path)

    def spoil(backbone: Any, path: Path) -> Plain:
        backbone.embed = lambda features: features.map.mean(dim=(2, 3)) + 1
        return own()

    with pytest.raises(PluginError, match="must leave the wrapped backbone unchanged"):
        checks.check_wrapper(WrapperSpec(name="spoil", summary="s", wrap=spoil), inner, tmp_path)


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"head_kind": 1}, "head_kind of a detector must be a str; got 1"),
        ({"trained_on": "ff++"}, "trained_on of a detector must be a tuple of str; got 'ff..'"),
        ({"trained_on": (1,)}, "trained_on of a detector must be a tuple of str"),
        ({"fitted": []}, "fitted of a detector must be a Mapping"),
        ({"fitted": {"a": {1, 2}}}, "fitted of a detector must be plain data for JSON"),
        ({"vote_variants": ("a",)}, "vote_variants of a detector must be a frozenset of str"),
        ({"explained_by": None}, "explained_by of a detector must be a str; got None"),
        ({"concurrent": 1}, "concurrent of a detector must be a bool; got 1"),
    ],
)
def test_what_the_host_reads_off_a_detector_has_its_kind(
    traits: dict[str, Any], message: str
) -> None:
    class Own:
        def score(self, crops: Sequence[Crop]) -> Scores:
            return Scores(fake=np.array([crop.image.mean() / 255 for crop in crops]))

    checks.check_detector(Own())
    with pytest.raises(PluginError, match=message):
        checks.check_detector(type("Told", (Own,), traits)())


def test_a_concurrent_detector_gives_the_same_from_two_threads() -> None:
    class Hasty:
        concurrent = True

        def score(self, crops: Sequence[Crop]) -> Scores:
            self.crops = crops
            time.sleep(0.01)
            return Scores(fake=np.array([crop.image.mean() / 255 for crop in self.crops]))

    with pytest.raises(PluginError, match="'fake' must be the same from several threads"):
        checks.check_detector(Hasty())


def test_every_trait_is_declared_with_what_stands_for_a_missing_one() -> None:
    declared = {name for name in vars(DescribedDetector) if not name.startswith("_")}
    defaults = traits_of(object())
    assert declared == {each.name for each in fields(defaults)}
    assert (defaults.head_kind, defaults.explained_by) == ("own", "cam")
    assert traits_of(SimpleNamespace(trained_on=("a",))) == replace(defaults, trained_on=("a",))


# --- fits ------------------------------------------------------------------------------------


class Fitted:
    """Grey values, once something was fitted."""

    def __init__(self, context: DetectorContext) -> None:
        assert context.artefact is not None
        assert context.artefact.read_bytes() == b"fitted"

    def score(self, crops: Sequence[Crop]) -> Scores:
        return Scores(fake=np.array([crop.image.mean() / 255 for crop in crops]))


def fit_well(context: FitContext) -> FitReport:
    people = {sample.identity for sample in (*context.train, *context.val)}
    assert len(people) == len(context.train) + len(context.val)
    assert all(sample.load()[1].landmarks is not None for sample in context.val)
    path = context.out / "any_name.bin"
    path.write_bytes(b"fitted")
    return FitReport(artefact=path, tables=(("found", ("a", "b"), (("1", "2"),)),), notes=("so",))


def _check_fit(fit: Any, folder: Path) -> FitReport:
    spec = DetectorSpec(name="mine", summary="s", build=Fitted, fit=fit)
    return checks.check_fit(spec, Embedder(Plain()), folder)


def test_an_artefact_may_have_any_name(tmp_path: Path) -> None:
    assert _check_fit(fit_well, tmp_path).artefact == tmp_path / "any_name.bin"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"artefact": Path("elsewhere.bin")}, "must leave its artefact in"),
        ({"artefact": None}, "must leave its artefact in .* got None"),
        ({"tables": (("found", ("a", "b"), (("1",),)),)}, "'found' .* must have 2 texts per row"),
        ({"tables": (("found", ("a",), ((1.0,),)),)}, "'found' .* must have 1 texts per row"),
        ({"notes": ("two\nlines",)}, "must be a line of text"),
        ({"findings": ("two\nlines",)}, "a finding of .* must be a line of text"),
        ({"findings": ("one", "two")}, "must have at most one finding per table"),
    ],
)
def test_a_report_of_something_else_is_told(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(PluginError, match=message):
        _check_fit(lambda context: replace(fit_well(context), **changed), tmp_path)


def test_a_fit_must_leave_the_backbone_as_it_was(tmp_path: Path) -> None:
    def spoil(context: FitContext) -> FitReport:
        backbone: Any = context.embedder.backbone
        backbone.embed = lambda features: features.map.mean(dim=(2, 3)) + 1
        return fit_well(context)

    with pytest.raises(PluginError, match="must leave the backbone as it was"):
        _check_fit(spoil, tmp_path)


def test_what_is_returned_must_be_a_report_and_what_is_checked_a_fit(tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="must return a FitReport; got 'path'"):
        _check_fit(lambda context: "path", tmp_path)
    with pytest.raises(PluginError, match="takes a detector that can be fitted"):
        _check_fit(None, tmp_path)


# --- detectors -------------------------------------------------------------------------------


def brightness(crops: Sequence[Crop]) -> NDArray[np.float64]:
    return np.array([crop.image.mean() / 255 for crop in crops])


class Scoring:
    """A detector whose `score` is a function of the crops."""

    def __init__(self, score: Callable[[Sequence[Crop]], Any], **attributes: Any) -> None:
        self.score = score
        self.__dict__.update(attributes)


def fake(change: Callable[[NDArray[np.float64]], Any]) -> Callable[[Sequence[Crop]], Scores]:
    return lambda crops: Scores(fake=change(brightness(crops)))


def paint(crops: Sequence[Crop]) -> Scores:
    scores = Scores(fake=brightness(crops))
    crops[0].image[0, 0] = 255 - crops[0].image[0, 0]
    return scores


def moody(crops: Sequence[Crop]) -> Scores:
    parts = {"nose": brightness(crops)} if len(crops) > 1 else {}
    return Scores(fake=brightness(crops), regions=parts)


def test_a_good_detector_passes() -> None:
    def score(crops: Sequence[Crop]) -> Scores:
        value = brightness(crops)
        return Scores(fake=value, regions={"nose": value**2}, variants={"vote": value})

    checks.check_detector(Scoring(score, vote_variants=frozenset({"vote", "the_detector"})))
    checks.check_detector(Scoring(score, vote_variants=frozenset({"vote"})))


@pytest.mark.parametrize(
    ("score", "message"),
    [
        (fake(lambda v: v * 3), r"must be finite and in \[0, 1\], higher = more fake"),
        (fake(lambda v: v * np.nan), "must be finite"),
        (fake(lambda v: v.astype(np.float32)), "must be float64; got float32"),
        (fake(lambda v: v[:, None]), r"of 4 crops must be \(4,\); got \(4, 1\)"),
        (fake(lambda v: v - v.min()), "must not depend on the other crops"),
        (fake(np.sort), "must come in the order of the crops|must not depend"),
        (fake(lambda v: (v + next(CALLS) * 0.1) % 1), "must not change from call to call"),
        (brightness, "must return Scores; got ndarray"),
        (paint, "must not change the crops"),
        (moody, "regions and variants must stay the same"),
    ],
)
def test_a_detector_that_breaks_its_contract(score: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        checks.check_detector(Scoring(score))


def test_a_detector_without_score_or_with_votes_that_do_not_exist() -> None:
    with pytest.raises(PluginError, match=r"must have score\(crops\)"):
        checks.check_detector(object())  # type: ignore[arg-type]
    two_votes = Scoring(fake(lambda v: v), vote_variants=frozenset({"own", "vote"}))
    with pytest.raises(PluginError, match="vote_variants must be among the variants"):
        checks.check_detector(two_votes)


def embedding_detector(**changes: Any) -> Scoring:
    attributes: dict[str, Any] = {
        "encoder": "brightness",
        "embed": lambda crops: brightness(crops)[:, None].astype(np.float32),
        "score_embeddings": lambda e: Scores(fake=e[:, 0].astype(np.float64)),
    }
    return Scoring(fake(lambda v: v), **{**attributes, **changes})


def zero(embeddings: NDArray[np.float32]) -> Scores:
    scores = Scores(fake=embeddings[:, 0].astype(np.float64))
    embeddings[:] = 0
    return scores


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": ""}, "encoder must be text"),
        ({"embed": brightness}, r"must be \(4, d\) of float32; got \(4,\) of float64"),
        (
            {"embed": lambda crops: np.full((len(crops), 1), len(crops), np.float32)},
            "embed must not depend on the batch",
        ),
        ({"score_embeddings": zero}, "score_embeddings must not change them"),
        (
            {"score_embeddings": lambda e: Scores(fake=1.0 - e[:, 0].astype(np.float64))},
            r"must be score_embeddings\(embed\(crops\)\)",
        ),
    ],
)
def test_an_embedding_detector_whose_halves_do_not_fit(
    changes: dict[str, Any], message: str
) -> None:
    checks.check_detector(embedding_detector())
    with pytest.raises(PluginError, match=message):
        checks.check_detector(embedding_detector(**changes))


@pytest.mark.parametrize(
    ("explain", "message"),
    [
        (lambda crops: [], "must explain each of 4 crops; got 0 explanations"),
        (lambda crops: [None] * len(crops), "must return Explanations"),
        (
            lambda crops: [Explanation(maps={"face": np.zeros(3, np.float32)})] * len(crops),
            r"must be \(h, w\)",
        ),
        (
            lambda crops: [Explanation(regions={"nose": float("nan")})] * len(crops),
            "'region nose' of explainer 'mine' must be finite",
        ),
        (
            lambda crops: [Explanation(regions={"nose": float(len(crops))})] * len(crops),
            "must give the same for a crop in every batch",
        ),
    ],
)
def test_an_explainer_that_breaks_its_contract(explain: Any, message: str) -> None:
    spec = ExplainerSpec(name="mine", summary="s", build=lambda detector: explain)
    with pytest.raises(PluginError, match=message):
        checks.check_explainer(spec, Scoring(fake(lambda v: v)))


# --- data ------------------------------------------------------------------------------------


@pytest.fixture
def frame(tmp_path: Path) -> Frame:
    path = tmp_path / "a.png"
    path.write_bytes(b"")
    return Frame(path=path)


def dataset(*videos: Any, **changes: Any) -> DatasetSpec:
    return DatasetSpec(name="mine", summary="s", videos=lambda request: videos, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": 2}, r"must be 0 \(real\) or 1 \(fake\); got 2"),
        ({"id": ""}, "must have an id and a data set"),
        ({"frames": ()}, "must have frames"),
        ({"method": "swap"}, "is real and must have no method; got swap"),
        ({"frames": (Frame(path=Path("absent.png")),)}, r"must exist; got absent\.png"),
    ],
)
def test_a_data_set_with_a_wrong_video(frame: Frame, changes: dict[str, Any], message: str) -> None:
    good = Video(dataset="mine", id="a", label=0, frames=(frame,))
    assert checks.check_dataset(dataset(good)) == [good]
    with pytest.raises(PluginError, match=message):
        checks.check_dataset(dataset(replace(good, **changes)))


def test_a_data_set_with_wrong_videos(frame: Frame, tmp_path: Path) -> None:
    good = Video(dataset="mine", id="a", label=0, frames=(frame,))
    with pytest.raises(PluginError, match="must have videos in split 'test'; got none"):
        checks.check_dataset(dataset())
    with pytest.raises(PluginError, match="must be unique; got 'a' twice"):
        checks.check_dataset(dataset(good, good))
    with pytest.raises(PluginError, match="must have ascending index"):
        checks.check_dataset(dataset(replace(good, frames=(frame, frame))))
    with pytest.raises(PluginError, match="must yield Videos; got str"):
        checks.check_dataset(dataset("a"))

    def other(request: DatasetRequest) -> list[Video]:
        return [replace(good, id=f"video{next(CALLS)}")]

    with pytest.raises(PluginError, match="must be deterministic"):
        checks.check_dataset(DatasetSpec(name="mine", summary="s", videos=other))
    with pytest.raises(PluginError, match="must recognise"):
        checks.check_dataset(dataset(good, recognises=lambda path: False), root=tmp_path)
    with pytest.raises(PluginError, match="must not recognise"):
        checks.check_dataset(dataset(good, recognises=lambda path: True), root=tmp_path)


@pytest.mark.parametrize(
    ("found", "faces", "message"),
    [
        ([Face(box=(5.0, 0.0, 5.0, 9.0))], None, "with x0 < x1"),
        ([Face(box=(0.0, 0.0, 5.0, float("nan")))], None, "with x0 < x1"),
        ([(0, 0, 5, 5)], None, "must return Faces; got tuple"),
        ([], 1, "must find the 1 faces of the image; got 0"),
    ],
)
def test_a_face_detector_that_breaks_its_contract(
    found: list[Any], faces: int | None, message: str
) -> None:
    image = checks.example_crops(64, 1)[0].image
    spec = FaceDetectorSpec(
        name="mine",
        summary="s",
        build=lambda: lambda picture: [] if picture.std() == 0 else found,
    )
    with pytest.raises(PluginError, match=message):
        checks.check_face_detector(spec, image, faces)


def test_a_face_detector_that_sees_faces_everywhere() -> None:
    everywhere = [Face(box=(0.0, 0.0, 5.0, 5.0))]
    spec = FaceDetectorSpec(name="mine", summary="s", build=lambda: lambda image: everywhere)
    with pytest.raises(PluginError, match=r"must return \[\] for a picture without a face"):
        checks.check_face_detector(spec)


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        (lambda image, face: np.zeros((81, 2), np.float32), r"must return \(68, 2\) of float32"),
        (lambda image, face: np.full((68, 2), np.nan, np.float32), "must be finite"),
        (lambda image, face: np.full((68, 2), next(CALLS), np.float32), "must be deterministic"),
    ],
)
def test_a_landmarker_that_breaks_its_contract(mark: Any, message: str) -> None:
    image = checks.example_crops(64, 1)[0].image
    face = Face(box=(0.0, 0.0, 64.0, 64.0))
    spec = LandmarkerSpec(name="mine", summary="s", points=68, build=lambda path: mark)
    with pytest.raises(PluginError, match=message):
        checks.check_landmarker(spec, image, face)


# --- metrics and reporters -------------------------------------------------------------------


def gap(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    if len(np.unique(labels)) < 2:
        raise UndefinedMetricError("one class")
    return float(scores[labels == 1].mean() - scores[labels == 0].mean())


def metric(compute: Any = gap, higher: bool = True, weighted: Any = None) -> MetricSpec:
    return MetricSpec(
        name="mine", summary="s", compute=compute, higher_is_better=higher, weighted=weighted
    )


def shrink(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    value = gap(labels, scores)
    scores *= 0.5
    return value


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (metric(lambda labels, scores: float("nan")), "must be finite for two classes"),
        (metric(lambda labels, scores: float(scores[0])), "must not depend on order"),
        (metric(higher=False), "must be lower for right than for wrong scores"),
        (metric(shrink), "must not change its arguments"),
        (metric(weighted=lambda la, sc, w: np.zeros(2)), r"must return \(D,\) = \(6,\)"),
        (metric(weighted=lambda la, sc, w: np.zeros(6)), "must equal compute on the repeated"),
    ],
)
def test_a_metric_that_breaks_its_contract(spec: MetricSpec, message: str) -> None:
    checks.check_metric(metric())
    with pytest.raises(PluginError, match=message):
        checks.check_metric(spec)


def test_a_reporter_must_write_into_the_run_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()

    def write(result: Any, folder: Path) -> Path:
        (folder / "report.txt").write_text("done")
        return folder / "report.txt"

    result: Any = None
    checks.check_reporter(ReporterSpec(name="mine", summary="s", write=write), result, run)
    for wrong in (lambda r, folder: write(r, folder.parent), lambda r, folder: folder / "no.txt"):
        with pytest.raises(PluginError, match="must return the file it wrote in"):
            checks.check_reporter(ReporterSpec(name="mine", summary="s", write=wrong), result, run)


# --- plugins, options, artefacts, commands ---------------------------------------------------


def plugin(**hooks: Any) -> ModuleType:
    module = ModuleType("mine")
    for name, returned in hooks.items():
        setattr(module, name, hookimpl(lambda returned=returned: returned))
    return module


def test_a_plugin_whose_addresses_do_not_exist() -> None:
    spec = DetectorSpec(name="mine", summary="s", build=lazy("registry.errors:no_such"))
    with pytest.raises(PluginError, match=r"'registry\.errors' has no 'no_such'"):
        checks.check_plugin(plugin(bench_detectors=[spec]))
    good = replace(spec, build=lazy("registry.errors:did_you_mean"))
    plugins = checks.check_plugin(plugin(bench_detectors=[good]))
    assert plugins.get("detector", "mine") == good
    with pytest.raises(PluginError, match="is twice in"):
        checks.check_plugin(plugin(bench_detectors=[good, good]))
    with pytest.raises(PluginError, match="hooks: unknown hook 'bench_detectrs'"):
        checks.check_plugin(plugin(bench_detectrs=[good]))


def test_a_module_that_imports_something_heavy() -> None:
    checks.check_light_import("registry.plugins.discovery")
    with pytest.raises(PluginError, match=r"must stay light.*numpy"):
        checks.check_light_import("registry.faces.crops")
    with pytest.raises(PluginError, match="must be importable"):
        checks.check_light_import("registry.no_such")


@dataclass(frozen=True)
class Good:
    rank: int = field(default=1, metadata={"help": "how many"})


@dataclass(frozen=True)
class Needy:
    rank: int = field(metadata={"help": "how many"})


@dataclass(frozen=True)
class Silent:
    rank: int = 1


@dataclass(frozen=True)
class Typed:
    rank: int = field(default="1", metadata={"help": "how many"})  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (dict, "must be a frozen dataclass"),
        (Needy, "every option of Needy must have a default"),
        (Silent, "option 'rank' must have metadata"),
        (Typed, "the default of option 'rank' must be of its type"),
    ],
)
def test_options_that_cannot_become_flags(cls: type[Any], message: str) -> None:
    checks.check_options(Good)
    with pytest.raises(PluginError, match=message):
        checks.check_options(cls)


def test_an_artefact_must_be_there_and_name_its_weights() -> None:
    def artefact(sha: str, path: Path) -> ArtefactSpec:
        return ArtefactSpec(
            name="mine",
            summary="s",
            detector="d",
            backbone="b",
            weights_sha256=sha,
            path=lambda: path,
        )

    checks.check_artefact(artefact("0" * 64, Path(__file__)))
    with pytest.raises(PluginError, match="must be 64 hexadecimal digits"):
        checks.check_artefact(artefact("0", Path(__file__)))
    with pytest.raises(PluginError, match="must be a file; got absent"):
        checks.check_artefact(artefact("0" * 64, Path("absent")))


def test_a_command_must_be_configurable() -> None:
    def configure(parser: ArgumentParser) -> None:
        parser.add_argument("--mine", help="100 % mine")  # argparse wants %% for a percent sign

    def run(args: Namespace) -> int:
        return 0

    spec = CommandSpec(name="mine", summary="s", configure=lambda parser: None, run=run)
    checks.check_command(spec)
    with pytest.raises(PluginError, match="help of command 'mine' must be printable"):
        checks.check_command(replace(spec, configure=configure))
    checks.check_command(replace(spec, audit=lazy("tests.shared.measured_audit:Measured")))
    with pytest.raises(PluginError, match="audit of command 'mine' must load an AuditSummary"):
        checks.check_command(replace(spec, audit=lazy("registry:AuditFigure")))
