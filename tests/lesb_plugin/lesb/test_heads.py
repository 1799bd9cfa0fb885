from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from lesb_plugin.lesb.heads import FoldedHeads, HeadRecipe, Heads, Labelled, auc, fold, train_heads

RECIPE = HeadRecipe(hidden=16, epochs=12, batch=64)
PARTS, RANK = 3, 8


def planted(n: int, seed: int, signal: float = 2.0) -> Labelled:
    """Local embeddings whose part k tells fakes by its component k."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 2)
    local = rng.standard_normal((PARTS, n, RANK)) * 3 + 5
    for k in range(PARTS):
        local[k, :, k] += 3 * signal * labels
    return Labelled(local.astype(np.float32), labels)


def reference(heads: Heads, local: np.ndarray, part: int) -> np.ndarray:
    """The same head written with torch.nn, in float32."""
    hidden = heads.weight1.shape[2]
    module = torch.nn.Sequential(
        torch.nn.Linear(RANK, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1)
    )
    with torch.no_grad():
        module[0].weight.copy_(torch.from_numpy(heads.weight1[part].T))
        module[0].bias.copy_(torch.from_numpy(heads.bias1[part]))
        module[2].weight.copy_(torch.from_numpy(heads.weight2[part][None]))
        module[2].bias.copy_(torch.from_numpy(heads.bias2[part : part + 1]))
        z = (torch.from_numpy(local[part]) - torch.from_numpy(heads.mean[part])) / torch.from_numpy(
            heads.scale[part]
        )
        return torch.sigmoid(module(z)[:, 0]).numpy()


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logits))


def test_heads_learn_a_planted_signal_of_every_part() -> None:
    trained = train_heads(planted(2000, 0), planted(1000, 1), RECIPE, seed=0)
    best = sigmoid_bound(2.0)
    assert (trained.auc > best - 0.03).all()
    assert trained.auc.shape == trained.epoch.shape == (PARTS,)


def sigmoid_bound(signal: float) -> float:
    """The AUC of the signal itself: two unit normals `signal` apart."""
    from scipy.stats import norm

    return float(norm.cdf(signal / np.sqrt(2)))


def test_shuffled_labels_leave_heads_at_chance() -> None:
    train, val, test = planted(2000, 0), planted(1000, 1), planted(4000, 2)
    shuffled = Labelled(train.local, np.random.default_rng(3).permutation(train.labels))
    blind = Labelled(val.local, np.random.default_rng(4).permutation(val.labels))
    heads = train_heads(shuffled, blind, RECIPE, seed=0).heads
    other = np.random.default_rng(5).permutation(test.labels)
    for logits in heads.logits(test.local):
        assert abs(auc(other, logits) - 0.5) < 0.04


def test_the_numpy_path_agrees_with_torch() -> None:
    val = planted(500, 1)
    heads = train_heads(planted(500, 0), val, RECIPE, seed=0).heads
    found = sigmoid(heads.logits(val.local))
    for part in range(PARTS):
        np.testing.assert_allclose(found[part], reference(heads, val.local, part), atol=1e-6)


def test_heads_folded_into_the_embedding_agree_with_projecting_first() -> None:
    rng = np.random.default_rng(0)
    heads = train_heads(planted(500, 0), planted(500, 1), RECIPE, seed=0).heads
    bases = np.stack([np.linalg.qr(rng.standard_normal((40, RANK)))[0] for _ in range(PARTS)])
    centre, embeddings = rng.standard_normal(40), rng.standard_normal((70, 40)) * 4
    folded = fold(heads, bases, centre)
    assert isinstance(folded, FoldedHeads)
    local = np.stack([(embeddings - centre) @ basis for basis in bases])
    np.testing.assert_allclose(folded.logits(embeddings), heads.logits(local), atol=1e-9)


def test_the_standardiser_is_scikit_learns() -> None:
    train = planted(300, 0)
    heads = train_heads(train, planted(100, 1), replace(RECIPE, epochs=1), seed=0).heads
    for part in range(PARTS):
        scaler = StandardScaler().fit(train.local[part].astype(np.float64))
        np.testing.assert_allclose(heads.mean[part], scaler.mean_, rtol=1e-6)
        np.testing.assert_allclose(heads.scale[part], scaler.scale_, rtol=1e-6)


def test_a_constant_input_is_left_unscaled() -> None:
    train, val = planted(200, 0), planted(100, 1)
    train.local[1, :, 4] = val.local[1, :, 4] = 7.0
    heads = train_heads(train, val, replace(RECIPE, epochs=2), seed=0).heads
    assert heads.scale[1, 4] == 1
    assert np.isfinite(heads.logits(val.local)).all()


def test_the_same_seed_gives_the_same_heads_and_another_gives_others() -> None:
    train, val = planted(300, 0), planted(200, 1)
    one, again, other = (train_heads(train, val, RECIPE, seed).heads for seed in (0, 0, 1))
    for name, array in one.tensors().items():
        np.testing.assert_array_equal(array, again.tensors()[name])
    assert (one.weight1 != other.weight1).any()


def test_the_global_generators_are_neither_read_nor_moved() -> None:
    train, val = planted(200, 0), planted(100, 1)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002 - the global generator is what is tested
    before = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    one = train_heads(train, val, RECIPE, seed=0)
    assert torch.equal(torch.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    torch.manual_seed(2)
    np.testing.assert_array_equal(
        train_heads(train, val, RECIPE, seed=0).heads.weight1, one.heads.weight1
    )


def test_training_changes_no_input() -> None:
    train, val = planted(200, 0), planted(100, 1)
    for array in (train.local, train.labels, val.local, val.labels):
        array.flags.writeable = False
    train_heads(train, val, replace(RECIPE, epochs=2), seed=0)


def test_a_head_keeps_its_best_epoch_and_stops_after_its_patience() -> None:
    train, val = planted(300, 0, signal=1.0), planted(300, 1, signal=1.0)
    long = replace(RECIPE, epochs=60, patience=3, learning_rate=0.01)
    trained = train_heads(train, val, long, seed=0)
    assert trained.epoch.max() < 59
    for part in range(PARTS):
        logits = trained.heads.logits(val.local)[part]
        assert auc(val.labels, logits) == pytest.approx(trained.auc[part], abs=1e-6)
        until_best = replace(long, epochs=int(trained.epoch[part]) + 1)
        again = train_heads(train, val, until_best, seed=0)
        assert again.epoch[part] == trained.epoch[part]
        np.testing.assert_array_equal(again.heads.weight1[part], trained.heads.weight1[part])


def test_a_part_is_trained_alike_whatever_the_other_parts_hold() -> None:
    train, val = planted(300, 0), planted(200, 1)
    noise = np.random.default_rng(9).standard_normal
    others = [
        Labelled(
            np.concatenate([split.local[:2], noise((1, *split.local.shape[1:])).astype("f4")]),
            split.labels,
        )
        for split in (train, val)
    ]
    one, two = train_heads(train, val, RECIPE, 0), train_heads(*others, RECIPE, 0)
    np.testing.assert_allclose(one.heads.weight1[:2], two.heads.weight1[:2], atol=1e-5)
    np.testing.assert_array_equal(one.epoch[:2], two.epoch[:2])


def test_heads_go_through_tensors_and_back() -> None:
    heads = train_heads(planted(200, 0), planted(100, 1), replace(RECIPE, epochs=1), seed=0).heads
    again = Heads.from_tensors(heads.tensors())
    for name, array in heads.tensors().items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, again.tensors()[name])
    incomplete = heads.tensors()
    del incomplete["bias2"]
    with pytest.raises(KeyError, match="bias2"):
        Heads.from_tensors(incomplete)


def test_heads_over_random_subspaces_of_a_whole_face_signal_keep_its_auc() -> None:
    """Why the random control must stand beside every AUC: it does not say what is local."""
    rng = np.random.default_rng(0)
    labels = np.arange(1500) % 2
    embeddings = rng.standard_normal((1500, 30)) + labels[:, None] * 0.5
    found = PCA(10).fit(embeddings).components_.T
    drawn = np.linalg.qr(rng.standard_normal((30, 10)))[0]
    local = np.stack([embeddings @ found, embeddings @ drawn]).astype(np.float32)
    train, val = Labelled(local[:, :1000], labels[:1000]), Labelled(local[:, 1000:], labels[1000:])
    assert (train_heads(train, val, RECIPE, 0).auc > 0.75).all()
