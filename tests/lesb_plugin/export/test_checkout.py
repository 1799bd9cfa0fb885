"""LESB in a stand-in of a DeepfakeBench checkout, whose script runs as it is."""

from __future__ import annotations

import importlib
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from sklearn.metrics import average_precision_score, roc_auc_score

from lesb_plugin.export.checkout import section
from lesb_plugin.export.checkout_model import LesbModel
from lesb_plugin.lesb.detector import build_lesb
from registry import ConfigError, Scores, detector_context
from registry.cli import main
from registry.plugins.discovery import load_plugins
from registry.results.result import recompute
from tests.shared.random_lesb import BACKBONE, backbone, pictures, save_artefact, to_crops

STAND_IN = Path(__file__).with_name("stand_in")
PACKAGES = Path(__file__).with_name("stand_in_packages")
REALS, FAKES = 4, 5


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_artefact(tmp_path_factory.mktemp("fitted"))


@pytest.fixture(scope="module")
def exported(artefact: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `bench export deepfakebench` has written."""
    out = tmp_path_factory.mktemp("exported") / "lesb"
    asked = ["--backbone", BACKBONE, "--weights", "random", "--artefact", str(artefact)]
    assert main(["export", "deepfakebench", *asked, "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def config(exported: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((exported / "lesb.yaml").read_text("utf-8"))
    return loaded


@pytest.fixture(scope="module")
def packages() -> Iterator[None]:
    """imgaug and lmdb by their stand-ins, which ask of numpy what the real ones do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(PACKAGES))
        patch.syspath_prepend(PACKAGES)
        yield


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stand-in as it is cloned, with frames of 256 px, as the benchmark's are."""
    folder = tmp_path_factory.mktemp("checkouts") / "bench"
    shutil.copytree(STAND_IN, folder)
    fakes, reals = (
        {f"{kind}_video": draw(folder, kind, numbers) for kind, numbers in groups.items()}
        for groups in ({"fake": range(REALS, REALS + FAKES)}, {"real": range(REALS)})
    )
    write_json(folder, {"CelebDFv2_fake": fakes, "CelebDFv2_real": reals})
    return folder


def draw(folder: Path, kind: str, numbers: range) -> list[str]:
    """Files of the pictures of these numbers, listed in the order of a directory's scan."""
    images = pictures(REALS + FAKES, 256)
    place = Path("datasets", "rgb", "drawn", kind, "frames", f"{kind}_video")
    (folder / place).mkdir(parents=True)
    for number in numbers:  # 9 comes before 10, which a sort of texts has the other way round
        cv2.imwrite(str(folder / place / f"{number + 6}.png"), images[number][..., ::-1])
    return sorted(f"./{place}/{number + 6}.png" for number in numbers)


def write_json(folder: Path, groups: dict[str, dict[str, list[str]]], name: str = "drawn") -> None:
    content = {
        label: {
            "train": {},
            "val": {},
            "test": {key: {"label": label, "frames": frames} for key, frames in videos.items()},
        }
        for label, videos in groups.items()
    }
    path = folder / "preprocessing" / "dataset_json" / f"{name}.json"
    path.write_text(json.dumps({name: content}))


@pytest.fixture(scope="module")
def checkout(untouched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with what the user has to do done: the predictor, and no lmdb."""
    folder = tmp_path_factory.mktemp("ready") / "bench"
    shutil.copytree(untouched, folder)
    (folder / "preprocessing/dlib_tools/shape_predictor_81_face_landmarks.dat").touch()
    config = folder / "training/config/test_config.yaml"
    config.write_text(config.read_text().replace("lmdb: True", "lmdb: False"))
    return folder


def run(checkout: Path, exported: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """The checkout's script, run as a user runs it."""
    command = [sys.executable, "-m", "lesb_plugin.deepfakebench", "training/test.py"]
    command += ["--detector_path", str(exported / "lesb.yaml")]
    command += ["--weights_path", str(exported / "lesb.pth"), "--test_dataset", *more]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def done(exported: Path, checkout: Path, packages: None) -> subprocess.CompletedProcess[str]:
    finished = run(checkout, exported, "drawn")
    assert finished.returncode == 0, finished.stderr
    return finished


@pytest.fixture(scope="module")
def said(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What the checkout's script printed."""
    found: dict[str, Any] = json.loads(done.stdout)["drawn"]
    return found


@pytest.fixture(scope="module")
def expected(artefact: Path) -> Scores:
    """The detector's scores of the same frames, fakes first as their folder sorts first."""
    context = detector_context(
        backbone=BACKBONE, weights="random", artefact=str(artefact), device="cpu"
    )
    images = pictures(REALS + FAKES, 256)
    size = (backbone().crop.size,) * 2
    resized = [cv2.resize(image, size, interpolation=cv2.INTER_CUBIC) for image in images]
    return build_lesb(context).score(to_crops(np.stack([*resized[REALS:], *resized[:REALS]])))


@pytest.fixture
def model(config: dict[str, Any]) -> LesbModel:
    return LesbModel(config)


def batch(model: LesbModel, count: int = 3) -> torch.Tensor:
    images = pictures(count, model.network.crop.size, seed=1)
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


# --- the script ------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_unmodified_script_gets_the_detectors_scores(
    said: dict[str, Any], expected: Scores
) -> None:
    found = said["predictions"]
    assert np.ptp(expected.fake) > 1e-3
    np.testing.assert_allclose(found["prob"], expected.fake, atol=1e-5)
    np.testing.assert_allclose(found["fake_head"], expected.variants["head"], atol=1e-5)
    for part in ("eyes", "nose", "mouth"):
        np.testing.assert_allclose(found[f"p_{part}"], expected.regions[part], atol=1e-5)


@pytest.mark.slow
def test_it_gets_two_logits_that_agree_with_prob_and_one_embedding_per_face(
    said: dict[str, Any],
) -> None:
    found = said["predictions"]
    logits = torch.tensor(found["cls"])
    np.testing.assert_allclose(logits.softmax(dim=1)[:, 1], found["prob"], atol=1e-6)
    assert np.shape(found["feat"]) == (REALS + FAKES, backbone().dim)


@pytest.mark.slow
def test_the_models_own_test_metrics_are_those_of_scikit_learn(said: dict[str, Any]) -> None:
    metrics = said["metrics"]
    label = [1] * FAKES + [0] * REALS
    prob = np.array(said["predictions"]["prob"])
    assert metrics["label"] == label
    np.testing.assert_allclose(metrics["pred"], prob)
    assert metrics["auc"] == pytest.approx(roc_auc_score(label, prob))
    assert metrics["ap"] == pytest.approx(average_precision_score(label, prob))
    assert metrics["acc"] == pytest.approx(((prob > 0.5) == np.array(label)).mean())


@pytest.fixture(scope="module")
def evaluated(artefact: Path, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of `bench eval` on the same files, told to read them as the script does."""
    out = tmp_path_factory.mktemp("runs") / "run"
    asked = ["--backbone", BACKBONE, "--weights", "random", "--artefact", str(artefact)]
    asked += ["--dataset", "deepfakebench:drawn", "--data-root", str(checkout)]
    asked += ["--crop-from", "frame", "--frame-policy", "deepfakebench", "--profile", "both"]
    json_dir = checkout / "preprocessing/dataset_json"
    command = ["eval", *asked, "--json-dir", str(json_dir), "--out", str(out), "--quiet"]
    assert main([*command, "--device", "cpu", "--no-cache"]) == 0
    return out


@pytest.mark.slow
def test_bench_eval_gets_the_scripts_scores_and_numbers(
    said: dict[str, Any], evaluated: Path
) -> None:
    table = pq.read_table(evaluated / "predictions.parquet").to_pydict()
    ours = dict(zip(map(_name, table["path"]), table["fake"], strict=True))
    listed = map(_name, said["predictions"]["path"])
    theirs = dict(zip(listed, said["predictions"]["prob"], strict=True))
    assert len(theirs) == REALS + FAKES
    assert ours == pytest.approx(theirs, abs=1e-6)
    metrics = load_plugins().specs("metric")
    result = recompute(evaluated, metrics, "deepfakebench")
    for level, name, expected in (
        ("frame", "auc", said["metrics"]["auc"]),
        ("frame", "ap", said["metrics"]["ap"]),
        ("frame", "eer", said["metrics"]["eer"]),
        ("frame", "accuracy", said["metrics"]["acc"]),
        ("video", "auc", 1.0 if _means(said)[1] > _means(said)[0] else 0.0),
    ):
        (found,) = result.select(variant="lesb", level=level, metric=name, method="all")
        assert found.value == pytest.approx(expected, abs=1e-12), name


def _name(path: str) -> str:
    return Path(path).name  # its own for every frame


def _means(said: dict[str, Any]) -> tuple[float, float]:
    """Of the one real and the one fake video."""
    label, prob = np.array(said["metrics"]["label"]), np.array(said["predictions"]["prob"])
    return float(prob[label == 0].mean()), float(prob[label == 1].mean())


@pytest.mark.slow
def test_what_the_packages_of_today_lack_is_mended_and_told_line_by_line(
    done: subprocess.CompletedProcess[str],
) -> None:
    told = [line for line in done.stderr.splitlines() if line.startswith("mended: ")]
    gone = ["np.sctypes", "(always_apply, p)"]
    gone += [] if torch.cuda.is_available() else ["torch.cuda.get_device_name"]
    assert len(told) == len(gone)
    assert all(what in line for what, line in zip(gone, told, strict=True))


@pytest.mark.slow
def test_the_script_alone_does_not_run_under_these_packages(
    exported: Path, checkout: Path, packages: None
) -> None:
    command = [sys.executable, "training/test.py", "--detector_path", str(exported / "lesb.yaml")]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "np.sctypes" in done.stderr


@pytest.mark.slow
def test_all_that_keeps_a_fresh_checkout_from_running_is_told_at_once(
    exported: Path, untouched: Path
) -> None:
    write_json(untouched, {"mine_fake": {"a": ["datasets\\frames\\a\\0.png"]}}, "mine")
    done = run(untouched, exported, "mine", "Celeb-DF-v2")
    assert done.returncode == 2
    assert not done.stdout
    title, *lines = done.stderr.splitlines()
    assert title == "error: training/test.py cannot run yet:"
    expected = [
        "pip install 'lesb-plugin[deepfakebench]'",
        "no preprocessing/dlib_tools/shape_predictor_81_face_landmarks.dat",
        "set `lmdb: False` there",
        "add to it: mine_fake: 1",
        "on Linux a listed path must start with ./",
        "for --test_dataset Celeb-DF-v2; JSON files in that folder: drawn, mine",
    ]
    if importlib.util.find_spec("imgaug") and importlib.util.find_spec("lmdb"):
        del expected[0]
    assert len(lines) == len(expected)
    assert all(what in line for what, line in zip(expected, lines, strict=True))


@pytest.mark.parametrize("weights", ["random", "pretrained", "hf-hub:somebody/forensic", None])
def test_weights_that_are_no_file_are_told_to_the_checkout_as_they_are(weights: str | None) -> None:
    assert section(BACKBONE, weights, None, "mean").weights == weights


def test_weights_of_a_file_are_found_from_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert section(BACKBONE, "mine.pth", None, "mean").weights == str(tmp_path / "mine.pth")


@pytest.mark.slow
def test_a_first_frame_that_cannot_be_read_ends_in_one_sentence(
    exported: Path, checkout: Path, packages: None
) -> None:
    frames = draw(checkout, "torn", range(1))
    (checkout / frames[0]).write_bytes(b"")
    write_json(checkout, {"CelebDFv2_fake": {"torn": frames}}, "torn")
    done = run(checkout, exported, "torn")
    assert done.returncode == 2
    assert "keeps retrying its first frame" in done.stderr
    assert "Traceback" not in done.stderr


def test_training_there_is_out_of_scope_and_says_so(
    module: ModuleType, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "training/train.py").touch()
    assert module.main(["training/train.py"]) == 2
    assert "LESB is not trained in a checkout" in capsys.readouterr().err


# --- the module ------------------------------------------------------------------------------


@pytest.fixture
def module(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """lesb_plugin.deepfakebench, imported where the checkout's packages can be."""
    monkeypatch.chdir(checkout)
    monkeypatch.syspath_prepend(checkout / "training")
    monkeypatch.setattr(sys, "argv", list(sys.argv))
    yield importlib.import_module("lesb_plugin.deepfakebench")
    for name in list(sys.modules):
        if name.partition(".")[0] in {"detectors", "metrics"}:
            del sys.modules[name]
    del sys.modules["lesb_plugin.deepfakebench"]


def test_importing_it_in_a_checkout_registers_a_complete_detector(module: ModuleType) -> None:
    registered = importlib.import_module("detectors").DETECTOR["lesb"]
    contract = importlib.import_module("detectors.base_detector").AbstractDetector
    assert issubclass(registered, contract)
    assert issubclass(registered, LesbModel)
    assert not registered.__abstractmethods__


def test_importing_it_elsewhere_says_where_it_belongs() -> None:
    with pytest.raises(ConfigError, match=r"no package `detectors` can be imported.*checkout"):
        importlib.import_module("lesb_plugin.deepfakebench")


def test_a_checkout_whose_own_imports_fail_is_told_apart(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "detectors.base_detector", None)
    with pytest.raises(ConfigError, match=r"own detectors cannot be imported.*base_detector"):
        module.register()


def test_a_script_that_is_not_there_and_no_script_at_all(
    module: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert module.main(["training/tset.py"]) == 2
    assert "no script training/tset.py in" in capsys.readouterr().err
    assert module.main([]) == 2
    assert capsys.readouterr().err.startswith("usage: python -m lesb_plugin.deepfakebench")
    assert module.main(["--help"]) == 0


@pytest.mark.slow
def test_an_error_of_ours_in_the_script_is_one_line(
    exported: Path, checkout: Path, packages: None, config: dict[str, Any]
) -> None:
    bare = {key: value for key, value in config.items() if key != "lesb"}
    (checkout / "lesb.yaml").write_text(yaml.safe_dump(bare))
    done = run(checkout, checkout, "drawn")
    assert done.returncode == 2
    assert "error: the configuration has no section 'lesb'" in done.stderr


# --- the model -------------------------------------------------------------------------------


def test_the_state_dict_brings_every_weight_and_is_read_without_running_code(
    model: LesbModel, exported: Path
) -> None:
    data = {"image": batch(model)}
    before = model(data)["prob"]
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.zero_()
    state = torch.load(exported / "lesb.pth", weights_only=True)
    assert all(isinstance(tensor, torch.Tensor) for tensor in state.values())
    model.load_state_dict(state, strict=True)
    torch.testing.assert_close(model(data)["prob"], before, rtol=0, atol=0)


def test_a_state_dict_of_other_parts_does_not_load(model: LesbModel, exported: Path) -> None:
    state = torch.load(exported / "lesb.pth", weights_only=True)
    other = {name.replace("p_nose", "p_brows"): tensor for name, tensor in state.items()}
    with pytest.raises(RuntimeError, match=r"(?s)Missing key.*p_nose.*Unexpected key.*p_brows"):
        model.load_state_dict({k: v.clone() for k, v in other.items()}, strict=True)


def test_whatever_mean_and_std_the_loader_used_are_undone(config: dict[str, Any]) -> None:
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    plain, other = LesbModel(config), LesbModel({**config, "mean": mean, "std": std})
    images = batch(plain)
    normalised = (images - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
    found, expected = other({"image": normalised}), plain({"image": images})
    torch.testing.assert_close(found["prob"], expected["prob"], rtol=0, atol=1e-5)


def test_metrics_start_anew_count_every_kind_of_fake_and_have_no_auc_of_one_class(
    model: LesbModel,
) -> None:
    model({"image": batch(model)}, inference=True)  # no labels: nothing to measure
    with pytest.raises(ConfigError, match="nothing was scored"):
        model.get_test_metrics()
    model({"image": batch(model), "label": torch.tensor([1, 4, 2])}, inference=True)
    metrics = model.get_test_metrics()
    assert metrics["label"].tolist() == [1, 1, 1]
    assert np.isnan([metrics["auc"], metrics["eer"], metrics["ap"]]).all()
    with pytest.raises(ConfigError, match="nothing was scored"):
        model.get_test_metrics()


def test_losses_are_the_log_loss_of_prob_and_batches_have_metrics(model: LesbModel) -> None:
    data = {"image": batch(model), "label": torch.tensor([1, 0, 1])}
    found = model(data)
    prob = found["prob"].double()
    expected = -torch.stack([prob[0], 1 - prob[1], prob[2]]).log().mean()
    assert model.get_losses(data, found)["overall"].item() == pytest.approx(expected.item(), 1e-4)
    assert set(model.get_train_metrics(data, found)) == {"acc", "auc", "eer", "ap"}
    torch.testing.assert_close(model.classifier(model.features(data)), found["cls"])


def test_it_is_not_trained_there_and_takes_no_other_resolution(
    model: LesbModel, config: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="DeepfakeBench's trainer cannot train LESB"):
        model.train()
    with pytest.raises(ConfigError, match=r"resolution is 256.*set `resolution: 160`"):
        LesbModel({**config, "resolution": 256})


# --- the configuration -----------------------------------------------------------------------


def test_the_yaml_says_what_it_is_and_leaves_images_as_the_backbone_wants_them(
    exported: Path, config: dict[str, Any], artefact: Path
) -> None:
    assert config["model_name"] == "lesb"
    assert (config["mean"], config["std"]) == ([0.0] * 3, [1.0] * 3)
    assert config["resolution"] == backbone().crop.size
    assert config["lesb"] == {
        "backbone": BACKBONE,
        "weights": "random",
        "artefact": str(artefact),
        "fusion": "mean",
    }
    text = (exported / "lesb.yaml").read_text("utf-8")
    assert "fitted for crop policy 'sbi'" in text
    assert backbone().weights_sha256 in text


def test_without_out_it_is_printed_and_paths_become_absolute(
    artefact: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(artefact.parent)
    asked = ["--backbone", BACKBONE, "--weights", "random", "--artefact", artefact.name]
    assert main(["export", "deepfakebench", *asked, "--fusion", "max"]) == 0
    printed = yaml.safe_load(capsys.readouterr().out)
    assert printed["lesb"]["artefact"] == str(artefact.resolve())
    assert printed["lesb"]["fusion"] == "max"
    assert [path.name for path in artefact.parent.iterdir()] == [artefact.name]


def test_a_file_of_the_users_choice_has_the_state_dict_beside_it(
    artefact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--backbone", BACKBONE, "--weights", "random", "--artefact", str(artefact)]
    assert main(["export", "deepfakebench", *asked, "--out", str(tmp_path / "mine.yaml")]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"mine.yaml", "lesb.pth"}
    assert f"--detector_path {tmp_path / 'mine.yaml'}" in capsys.readouterr().out


BASE = """\
pretrained: ./training/pretrained/xception.pth   # a comment
model_name: xception
backbone_config: {mode: original, dropout: false}
resolution: 256
mean: [0.5, 0.5, 0.5]
std: [0.5, 0.5, 0.5]
workers: 8
frame_num: {train: 8, test: 16}
optimizer: {type: adam, adam: {lr: 0.0002, eps: 0.00000001}}
lr_scheduler: null
"""


def test_of_a_checkouts_yaml_every_key_is_kept_that_is_not_the_networks(
    artefact: Path, config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = tmp_path / "xception.yaml"
    base.write_text(BASE)
    asked = ["--backbone", BACKBONE, "--weights", "random", "--artefact", str(artefact)]
    out = ["--base", str(base), "--out", str(tmp_path / "out")]
    assert main(["export", "deepfakebench", *asked, *out]) == 0
    found = yaml.safe_load((tmp_path / "out/lesb.yaml").read_text())
    theirs = yaml.safe_load(BASE)
    own = {"lesb", "model_name", "resolution", "mean", "std"}
    assert {name: found[name] for name in theirs if name not in own} == {
        name: value for name, value in theirs.items() if name not in own
    }
    assert {name: found[name] for name in own} == {name: config[name] for name in own}
    assert set(found) == set(theirs) | set(config)  # what the script reads is there all the same
    base.write_text("video_mode: true\n")
    assert main(["export", "deepfakebench", *asked, *out]) == 2
    assert "takes clips (video_mode)" in capsys.readouterr().err
    assert main(["export", "deepfakebench", *asked, "--base", str(tmp_path / "no.yaml")]) == 2
    assert "cannot read" in capsys.readouterr().err


def test_an_artefact_of_half_precision_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = save_artefact(tmp_path, precision="bfloat16")
    asked = ["--backbone", BACKBONE, "--weights", "random", "--artefact", str(path)]
    assert main(["export", "deepfakebench", *asked]) == 2
    assert "fit it again with `bench fit --precision float32`" in capsys.readouterr().err
