"""Runs: they learn what is there, nothing that is not, and go on exactly where they stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from safetensors import safe_open

from lesb_plugin.pseudo_fakes.crop_pair import CropPair
from lesb_plugin.train.loop import CHECKPOINT, EARLIER, LOG, WEIGHTS, Trainer
from lesb_plugin.train.monitor import Stop
from registry import ConfigError, DataError
from registry.console import ProgressBar
from registry.plugins.discovery import load_plugins
from tests.shared.drawn_training import BACKBONE, resume, trainer
from tests.shared.event_files import curve, image, points


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class StopAfter(Stop):
    """Asks to stop once a run has made `steps` steps."""

    def __init__(self, run: Trainer, steps: int) -> None:
        super().__init__(None)
        self._run, self._steps = run, steps

    @property
    def reason(self) -> str:
        return "enough" if self._run.done >= self._steps else ""


@pytest.mark.slow
def test_loss_falls_and_val_auc_rises_on_fakes_that_are_easy(tmp_path: Path) -> None:
    run = trainer(tmp_path, faces=24, epochs=16, pairs=8)
    run.run(Stop(None))
    epochs = run.log["epochs"]
    losses = [epoch["loss"] for epoch in epochs]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:2])
    assert run.best > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("batch_norm", ["frozen", "auto"])
def test_frozen_norms_keep_their_statistics_while_weights_learn(
    tmp_path: Path, batch_norm: str
) -> None:
    run = trainer(tmp_path, faces=8, epochs=1, pairs=4, batch_norm=batch_norm)
    before = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    run.run(Stop(None))
    after = run.network.state_dict()
    moved = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
    assert any(name.endswith("running_mean") for name in moved) is (batch_norm == "auto")
    assert any(name.endswith("weight") for name in moved)


@pytest.mark.slow
def test_shuffled_labels_teach_nothing(tmp_path: Path) -> None:
    # One seed says little: with labels that mean nothing the direction a run takes is chance, and
    # its AUC on one easy family spreads with a standard deviation of .18 (true labels: .89, .03).
    # The mean of eight seeds must lie within 2.5 standard errors of .5.
    aucs = []
    for seed in range(8):
        folder = tmp_path / str(seed)
        folder.mkdir()
        settings = {"faces": 24, "epochs": 8, "pairs": 8, "val_every": 8, "seed": seed}
        run = trainer(folder, shuffled_labels=True, **settings)
        run.run(Stop(None))
        aucs.append(run.log["epochs"][-1]["val"]["auc"])
    assert abs(float(np.mean(aucs)) - 0.5) < 2.5 * 0.18 / 8**0.5


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", ["adamw", "sam"])
def test_a_resumed_run_equals_one_that_was_never_stopped(tmp_path: Path, optimiser: str) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    straight = trainer(whole, optimiser=optimiser, epochs=3)
    assert straight.run(Stop(None)) == ""
    first = trainer(parts, optimiser=optimiser, epochs=3)
    assert first.run(StopAfter(first, 3)) == "enough"  # in the middle of the second epoch
    second = trainer(parts, optimiser=optimiser, epochs=3)
    resume(second)
    assert second.done == 3
    second.run(Stop(None))
    for name, tensor in straight.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name]), name
    for name, tensor in straight.average.network.state_dict().items():
        assert torch.equal(tensor, second.average.network.state_dict()[name]), name
    assert straight.best == second.best
    assert learned(straight) == learned(second)


def learned(run: Trainer) -> list[Any]:
    """What does not depend on the clock."""
    return [
        (epoch["loss"], epoch["accuracy"], epoch["val"]["auc"], epoch["val"]["families"])
        for epoch in run.log["epochs"]
    ]


def test_the_best_weights_are_read_back_by_the_backbone(tmp_path: Path) -> None:
    run = trainer(tmp_path, epochs=1, flagged=0)
    run.run(Stop(None))
    path = run.out / WEIGHTS
    backbone = load_plugins().get("backbone", BACKBONE).build(BACKBONE, str(path), 0)
    images = torch.rand(3, 3, backbone.crop.size, backbone.crop.size)
    with torch.inference_mode():
        logits = run.average.network(images)
        head = backbone.head(backbone.embed(backbone.features(images)))
    torch.testing.assert_close(head, logits[:, 1] - logits[:, 0], atol=0.02, rtol=0.02)
    assert {parameter.dtype for parameter in backbone.parameters()} == {torch.float32}


def test_weights_are_in_float16_but_for_norms_and_head(tmp_path: Path) -> None:
    run = trainer(tmp_path, epochs=1)
    run.run(Stop(None))
    with safe_open(run.out / WEIGHTS, "pt") as file:
        kinds = {name: file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
        record = json.loads(file.metadata()["training"])
    assert kinds["conv_stem.weight"] == torch.float16
    assert kinds["bn1.running_var"] == kinds["classifier.weight"] == torch.float32
    assert record["best"]["epoch"] == 1


def test_equal_runs_give_equal_files_wherever_they_are_written(tmp_path: Path) -> None:
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        run = trainer(tmp_path / name, epochs=1)
        run.log["config"] = {"out": str(run.out), "seed": run.config.seed}
        # one recipe under one path: the place of a style file is part of what was asked for
        run.run(Stop(None))
        found.append((run.out / WEIGHTS).read_bytes())
    assert found[0] == found[1]


@pytest.mark.slow
def test_of_vals_reals_the_share_asked_for_scores_above_one_half(tmp_path: Path) -> None:
    run = trainer(tmp_path, faces=24, epochs=4, pairs=8, flagged=0.25)
    run.run(Stop(None))
    as_kept = load_plugins().get("backbone", BACKBONE).build(BACKBONE, str(run.out / WEIGHTS), 0)
    reals = torch.from_numpy(np.array(run.val.images[run.val.labels == 0]))
    with torch.inference_mode():
        images = reals.permute(0, 3, 1, 2).float() / 255
        logits = as_kept.head(as_kept.embed(as_kept.features(images)))
    assert float((logits > 0).float().mean()) == pytest.approx(0.25, abs=1.5 / len(reals))


def test_the_log_holds_an_entry_for_each_epoch(tmp_path: Path) -> None:
    run = trainer(tmp_path, epochs=2, tensorboard=True)
    run.run(Stop(None))
    log = json.loads((run.out / LOG).read_text("utf-8"))
    assert [epoch["epoch"] for epoch in log["epochs"]] == [1, 2]
    assert log["epochs"][0]["val"]["families"].keys() == {"inpaint"}
    assert log["epochs"][0]["pairs_made_per_second_by_one_worker"] > 0


@pytest.mark.slow
def test_tensorboard_shows_the_log_the_pairs_and_what_the_head_sees(tmp_path: Path) -> None:
    run = trainer(tmp_path, epochs=2, tensorboard=True)
    run.run(Stop(None))
    log = json.loads((run.out / LOG).read_text("utf-8"))
    steps, aucs = curve(run.out, "val/auc")
    assert steps == [run.order.steps, 2 * run.order.steps]
    assert aucs == pytest.approx([epoch["val"]["auc"] for epoch in log["epochs"]])

    made = [run.maker.make(2, face) for face in range(len(run.maker))]
    fakes = np.concatenate([each.images[1] for each in made if isinstance(each, CropPair)])
    masks = np.concatenate([each.masks[1] for each in made if isinstance(each, CropPair)])
    sheet = image(run.out, "overlays")
    fake, masked, learned = np.split(sheet, 3, axis=1)
    assert_array_equal(fake, fakes)
    coloured = (masked != fake).any(axis=2)
    assert not coloured[masks == 0].any()
    assert coloured[masks > 128].mean() > 0.9
    assert (learned != fake).any()

    vectors, labels = points(run.out, "val")
    model = run.average.network.network.model.eval()
    with torch.no_grad():
        pixels = torch.from_numpy(np.array(run.val.images)).permute(0, 3, 1, 2).float() / 255
        kept = run.average.network.network
        mapped = model.forward_features((pixels - kept.mean) / kept.std)
        expected = model.forward_head(mapped, pre_logits=True)
    assert_allclose(vectors, expected.numpy(), atol=1e-4)
    assert [each["label"] == "fake" for each in labels] == (run.val.labels == 1).tolist()
    assert {each["method"] for each in labels} == {"real", "inpaint"}


def test_a_run_stops_when_its_minutes_are_over_and_leaves_a_checkpoint(tmp_path: Path) -> None:
    run = trainer(tmp_path, epochs=50)
    assert run.run(Stop(0)) == "the time is up"
    assert run.done == 1
    assert (run.out / CHECKPOINT).is_file()


def test_what_a_stopped_run_has_learned_is_judged_and_kept(tmp_path: Path) -> None:
    run = trainer(tmp_path, epochs=50, val_every=50)
    run.run(StopAfter(run, run.order.steps + 1))
    log = json.loads((run.out / LOG).read_text("utf-8"))
    assert log["stopped"]["step"] == run.order.steps + 1
    assert log["stopped"]["val"]["auc"] == pytest.approx(log["best"]["val"]["auc"])
    assert (run.out / WEIGHTS).is_file()
    assert "stopped" not in torch.load(run.out / CHECKPOINT, weights_only=True)["log"]


@pytest.mark.slow
def test_going_on_ends_with_the_weights_of_a_run_that_was_never_stopped(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    kept = []
    for folder in (whole, parts):
        folder.mkdir()
        run = trainer(folder, epochs=3, val_every=1)
        run.log["config"] = {"seed": run.config.seed}
        if folder == parts:
            for stop in (1, run.order.steps + 1):  # before any validation, and after the first
                run.run(StopAfter(run, stop))
                # as if these steps had been the best of all: they must not stay
                (run.out / WEIGHTS).write_bytes(b"of the stop")
                run = trainer(folder, epochs=3, val_every=1)
                resume(run)
                run.log["config"] = {"seed": run.config.seed}
        run.run(Stop(None))
        assert not (run.out / EARLIER).exists()
        kept.append((run.out / WEIGHTS).read_bytes())
    assert kept[0] == kept[1]


@pytest.mark.slow
def test_curves_begin_at_the_first_step_and_the_bar_ends_with_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    @contextmanager
    def bar(*_: object, **__: object) -> Iterator[ProgressBar]:
        yield lambda _count, figures="": told.append(figures)

    monkeypatch.setattr("lesb_plugin.train.loop.progress_bar", bar)
    run = trainer(tmp_path, epochs=2, val_every=1, tensorboard=True)
    run.run(Stop(None))
    steps, sizes = curve(run.out, "step/size")
    assert steps == list(range(1, 2 * run.order.steps + 1))
    assert sizes[-1] < max(sizes)
    losses = curve(run.out, "step/loss")[1]
    assert np.mean(losses[: run.order.steps]) == pytest.approx(
        run.log["epochs"][0]["loss"], abs=1e-4
    )
    assert told[0].startswith(f"loss {losses[0]:.3f}, accuracy ")
    assert f"step size {sizes[0]:.1e}" in told[0]
    assert "val AUC" not in told[0]
    assert f"val AUC {run.log['epochs'][0]['val']['auc']:.3f}" in told[run.order.steps]


@pytest.mark.slow
def test_resuming_with_other_settings_or_data_is_refused(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run(Stop(0))
    with pytest.raises(ConfigError, match=r"learning_rate was 0.003, is 0.5"):
        resume(trainer(tmp_path, learning_rate=0.5))
    other = trainer(tmp_path)
    other.data_fingerprint = "another"
    with pytest.raises(ConfigError, match="the data has changed"):
        resume(other)


def test_resuming_under_another_recipe_of_the_same_name_is_refused(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    run.run(Stop(0))
    style = tmp_path / "easy.yaml"
    recipe = style.read_text()
    resume(run)
    style.write_text(recipe.replace("0.5", "0.4"))
    with pytest.raises(ConfigError, match=r"easy\.yaml', or a file that it names, has changed"):
        resume(run)
    style.write_text(recipe + "# a comment is no change\n")
    resume(run)


def test_a_style_file_that_is_gone_while_a_run_goes_on_costs_no_checkpoint(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    style = tmp_path / "easy.yaml"
    recipe = style.read_text()
    style.unlink()
    run.run(Stop(0))
    style.write_text(recipe)
    resume(run)


def test_resuming_nothing_and_half_a_checkpoint_are_errors(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    with pytest.raises(DataError, match="nothing to resume"):
        resume(run)
    run.run(Stop(0))
    whole = (run.out / CHECKPOINT).read_bytes()
    (run.out / CHECKPOINT).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="cannot read the checkpoint"):
        resume(run)


FOREIGN: dict[str, Callable[[Any], Any]] = {
    "a tensor": lambda state: torch.ones(3),
    "a list": lambda state: [1, 2],
    "weights": lambda state: {"conv.weight": torch.ones(3)},
    "another network": lambda state: {**state, "network": {"conv.weight": torch.ones(3)}},
    "no mapping for a network": lambda state: {**state, "network": 3},
    "other settings": lambda state: {**state, "config": ["frames"]},
    "no generator": lambda state: {**state, "random": torch.ones(3)},
    "another optimiser": lambda state: {**state, "optimiser": {}},
    "another tally": lambda state: {**state, "tally": {"loss": 0.0, "other": 1}},
    "no recipes": lambda state: {**state, "laws": None},
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FOREIGN)
def test_a_torch_file_that_is_no_checkpoint_of_the_run_is_one_sentence(
    tmp_path: Path, kind: str
) -> None:
    run = trainer(tmp_path)
    run.run(Stop(0))
    path = run.out / CHECKPOINT
    torch.save(FOREIGN[kind](torch.load(path, weights_only=True)), path)
    with pytest.raises(DataError, match=r"cannot read the checkpoint .*restore the checkpoint"):
        resume(run)


def test_a_full_disk_leaves_the_checkpoint_that_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tmp_path)
    run.run(Stop(0))
    before = (run.out / CHECKPOINT).read_bytes()

    def full(_: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("[enforce fail at inline_container.cc] unexpected pos 64 vs 0")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(DataError, match=r"cannot write .*checkpoint\.pt: is the disk full"):
        run.save()
    assert (run.out / CHECKPOINT).read_bytes() == before
    assert not [path for path in run.out.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_run_with_advice(tmp_path: Path) -> None:
    run = trainer(tmp_path)
    with torch.no_grad():
        next(iter(run.network.parameters())).fill_(float("nan"))
    with pytest.raises(DataError, match=r"the loss is nan at step 0; lower --learning-rate"):
        run.run(Stop(None))
    assert not (run.out / CHECKPOINT).exists()
