"""`bench validate`: the AUC of weights as they are, and weights with another .5."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score
from torch import nn

from lesb_plugin.train.options import ValidateConfig
from lesb_plugin.train.validate import Validation, validate
from lesb_plugin.train.validation import ValSet, Verdict, verdict
from registry import resolve
from registry.cli import main
from tests.shared.drawn_training import BACKBONE, EASY

VIT = "timm/test_vit"  # nothing in it changes but by the step size: it has no batch norm


@pytest.fixture
def shared(tmp_path: Path) -> list[str]:
    """Flags of train and validate alike."""
    style = tmp_path / "easy.yaml"
    style.write_text(EASY)
    return [
        "--train", "toy", "--val-style", str(style), "--val-fakes", "2", "--val-reals", "1",
        "--workers", "0", "--quiet",
    ]  # fmt: skip


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Of the tiny network, two classes, as `bench train` stores them: float16, head in float32."""
    return two_classes(BACKBONE, tmp_path / "mine.safetensors")


def two_classes(name: str, path: Path, classes: int = 2) -> Path:
    torch.manual_seed(3)
    model = timm.create_model(name.removeprefix("timm/"), num_classes=classes)
    head = {id(parameter) for parameter in model.get_classifier().parameters()}
    inside = {key for key, parameter in model.named_parameters() if id(parameter) in head}
    save_file(
        {
            key: tensor.half() if tensor.ndim > 1 and key not in inside else tensor
            for key, tensor in model.state_dict().items()
        },
        path,
    )
    return path


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[ValSet]:
    """The val sets that are judged, copied before their files go."""
    kept: list[ValSet] = []

    def noting(network: nn.Module, val: ValSet, **settings: Any) -> Any:
        kept.append(ValSet(np.array(val.images), val.labels, val.people, val.families))
        return verdict(network, val, **settings)

    for name in ("validate", "loop"):
        monkeypatch.setattr(f"lesb_plugin.train.{name}.verdict", noting)
    return kept


def judged(flags: list[str], **changes: Any) -> Validation:
    pairs = [flag.removeprefix("--").replace("-", "_") for flag in flags]
    values = dict(zip(pairs[:-1:2], flags[1::2], strict=False)) | {"quiet": True}
    values |= {"train": ("toy",), "workers": 0, "val_fakes": 2, "val_reals": 1}
    return validate(resolve(ValidateConfig, None, (), {**values, **changes}))


def logits_of(path: Path, images: NDArray[np.uint8], classes: int = 2) -> NDArray[np.float64]:
    """Fake less real of uint8 images (n, S, S, 3), by timm and the file alone."""
    model = timm.create_model(BACKBONE.removeprefix("timm/"), num_classes=classes).eval()
    model.load_state_dict(load_file(path))
    mean, std = (torch.tensor(model.pretrained_cfg[key])[:, None, None] for key in ("mean", "std"))
    with torch.inference_mode():
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
        found = model((pixels - mean) / std).double().numpy()
    return found[:, -1] - (found[:, 0] if classes == 2 else 0)


def of_reals(above: int, images: int, people: int) -> Validation:
    reals = np.repeat([1.0, -1.0], [above, images - above])
    return Validation(
        verdict=Verdict(0.9, 0.8, 1.0, {}, reals), counts={"": images}, people=people, sha256=""
    )


@pytest.mark.parametrize("above", [0, 3, 40])
def test_the_share_of_flagged_reals_has_scipys_exact_interval(above: int) -> None:
    exact = binomtest(above, 40).proportion_ci(0.95, method="exact")
    found = of_reals(above, 40, people=40).above_half
    assert found == pytest.approx((above / 40, exact.low, exact.high))
    four_each = of_reals(4 * above, 160, people=40).above_half  # no more people than before
    assert four_each == pytest.approx(found)


def test_the_command_prints_the_interval_beside_the_share(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lesb_plugin.train.validate.validate", lambda _: of_reals(3, 40, people=40))
    assert main(["validate", "--train", "toy", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "7.5 % of the reals score above 0.5 (95 % interval 1.6 to 20.4 %)" in said


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 1])
def test_its_aucs_are_those_of_scikit_learn_on_scores_of_timm(
    shared: list[str], tmp_path: Path, seen: list[ValSet], classes: int
) -> None:
    path = two_classes(BACKBONE, tmp_path / "mine.safetensors", classes)
    style = tmp_path / "two.yaml"
    style.write_text(EASY.replace("{inpaint: 1}", "{inpaint: 1, face_alpha: 1}"))
    found = judged(shared, backbone=BACKBONE, weights=str(path), val_style=str(style))
    (val,) = seen
    scores = logits_of(path, val.images, classes)
    assert found.verdict.auc == pytest.approx(roc_auc_score(val.labels, scores), abs=1e-3)
    assert set(found.verdict.families) == {"inpaint", "face_alpha"}
    for name, value in found.verdict.families.items():
        of = np.isin(val.families, ["", name])
        assert value == pytest.approx(roc_auc_score(val.labels[of], scores[of]), abs=1e-3)
        assert found.counts[name] == (val.families == name).sum()
    assert found.people == len(np.unique(val.people))


@pytest.mark.slow
def test_its_images_and_auc_are_those_that_a_run_is_selected_by(
    shared: list[str], tmp_path: Path, seen: list[ValSet], capsys: pytest.CaptureFixture[str]
) -> None:
    path = two_classes(VIT, tmp_path / "vit.safetensors")
    flags = [*shared, "--backbone", VIT, "--weights", str(path)]
    still = ["--learning-rate", "1e-9", "--epochs", "1", "--aux", "none", "--no-tensorboard"]
    style = shared[shared.index("--val-style") + 1]
    out = tmp_path / "run"
    assert main(["train", *flags, *still, "--style", style, "--out", str(out)]) == 0
    log = json.loads((out / "log.json").read_text("utf-8"))
    capsys.readouterr()
    assert main(["validate", *flags]) == 0
    said = capsys.readouterr().out
    by_train, by_validate = seen
    np.testing.assert_array_equal(by_train.images, by_validate.images)
    np.testing.assert_array_equal(by_train.people, by_validate.people)
    val = log["best"]["val"]
    low, high = val["interval"]
    assert f"{val['auc']:.4f}  [{low:.4f}, {high:.4f}]" in said.replace("   ", "  ")
    moved = judged(shared, backbone=VIT, weights=str(path), out=str(tmp_path / "moved.safetensors"),
                   flagged=0.2)  # fmt: skip
    assert moved.verdict.record() == {key: val[key] for key in ("auc", "interval", "families")}
    with safe_open(tmp_path / "moved.safetensors", "pt") as file:
        record = json.loads(file.metadata()["validation"])
    assert record["data_fingerprint"] == log["data_fingerprint"]


@pytest.mark.slow
def test_of_the_train_split_as_many_faces_are_taken_and_none_of_val(
    shared: list[str], weights: Path, seen: list[ValSet], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["validate", *shared, "--backbone", BACKBONE, "--weights", str(weights)]
    assert main([*command, "--split", "train"]) == 0
    assert "train AUC" in capsys.readouterr().out
    assert main(command) == 0
    train, val = seen
    pictures = [{each.tobytes() for each in one.images[one.labels == 0]} for one in seen]
    assert not pictures[0] & pictures[1]
    assert (train.labels == 0).sum() == (val.labels == 0).sum()


@pytest.mark.slow
@pytest.mark.parametrize("classes", [2, 1])
def test_of_vals_reals_the_share_asked_for_scores_above_one_half(
    shared: list[str], tmp_path: Path, seen: list[ValSet], classes: int
) -> None:
    path, out = (
        two_classes(BACKBONE, tmp_path / "mine.safetensors", classes),
        tmp_path / "to.safetensors",
    )
    found = judged(shared, backbone=BACKBONE, weights=str(path), out=str(out), flagged=0.25)
    reals = seen[0].images[seen[0].labels == 0]
    above = (logits_of(out, reals, classes) > 0).mean()
    assert above == pytest.approx(0.25, abs=1.5 / len(reals))
    again = judged(shared, backbone=BACKBONE, weights=str(out))
    assert again.verdict.record() == found.verdict.record()


@pytest.mark.slow
def test_nothing_but_the_bias_of_the_last_class_is_moved_and_types_stay(
    shared: list[str], tmp_path: Path, weights: Path
) -> None:
    exact = load_file(weights)
    exact["conv_stem.weight"] = exact["conv_stem.weight"].float() + 1e-6  # float16 cannot hold it
    given = tmp_path / "exact.safetensors"  # not over the file that `exact` is still read from
    save_file(exact, given)
    out = tmp_path / "to.safetensors"
    judged(shared, backbone=BACKBONE, weights=str(given), out=str(out), flagged=0.05)
    after = load_file(out)
    assert {name: each.dtype for name, each in after.items()} == {
        name: each.dtype for name, each in exact.items()
    }
    changed = [name for name in exact if not torch.equal(exact[name], after[name])]
    assert changed == ["classifier.bias"]
    assert after["classifier.bias"][0] == exact["classifier.bias"][0]


@pytest.mark.slow
def test_what_is_written_says_from_what_and_by_what(
    shared: list[str], tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "to.safetensors"
    command = ["validate", *shared, "--backbone", BACKBONE, "--weights", str(weights)]
    command += ["--flagged", ".1", "--out", str(out)]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert f"10.0 % of them do with the recalibrated weights: {out}, sha256" in said
    with safe_open(out, "pt") as file:
        record = json.loads(file.metadata()["validation"])
    assert record["of"]["weights"] == "mine.safetensors"
    assert record["flagged"] == 0.1
    assert record["datasets"] == ["toy"]
    assert record["style"]["families"] == {"inpaint": 1}
    assert f"{record['val']['auc']:.4f}" in said
    assert main(command) == 2
    assert "pass --overwrite to replace it" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--flagged", ".1"], "--flagged needs --out"),
        (["--out", "to.safetensors"], "--out needs --flagged X"),
        (["--out", "to.pt", "--flagged", ".1"], "weights are written as FILE.safetensors"),
        (["--flagged", "0", "--out", "to.safetensors"], "flagged must be"),
        (["--val-style", "claen"], "did you mean 'clean'"),
        (["--val", "no_such_data"], "no_such_data"),
        (["--split", "train", "--val", "toy"], "--split train does not go with --val"),
        (
            ["--split", "train", "--flagged", ".1", "--out", "to.safetensors"],
            "not go with --flagged",
        ),
    ],
)
def test_a_mistake_is_told_before_any_face_is_read(
    shared: list[str], flags: list[str], message: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("lesb_plugin.train.validate.val_set", pytest.fail)
    assert main(["validate", *shared, *flags]) == 2
    assert message in capsys.readouterr().err


def test_without_data_it_asks_for_some(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate"]) == 2
    assert "pass --train DATA" in capsys.readouterr().err


def test_weights_without_a_head_of_real_and_fake_are_refused(
    shared: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = two_classes(BACKBONE, tmp_path / "many.safetensors", classes=7)
    command = ["validate", *shared, "--backbone", BACKBONE, "--weights", str(path)]
    assert main(command) == 2
    assert "no real/fake head" in capsys.readouterr().err
