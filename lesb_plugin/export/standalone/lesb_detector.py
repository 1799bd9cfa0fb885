"""LESB for a DeepfakeBench checkout, in one file: no package of its own is needed beside it.

Written by `bench export deepfakebench --standalone`, together with lesb.yaml and lesb.pth. Put it
into training/detectors/ and add one line to training/detectors/__init__.py:

    from .lesb_detector import LesbDetector

It runs under Python 3.7, torch 1.12 and numpy 1.21 and later. For testing alone.
"""

from __future__ import annotations

import json

import numpy as np
import torch
from detectors.base_detector import AbstractDetector
from metrics.registry import DETECTOR
from torch import nn
from torch.nn import functional

# What the network computes, step by step, and the tensors of lesb.pth by name and shape.
NETWORK = json.loads("{}")

SMALLEST = 1e-6  # scores below it count as this much where a zero would decide alone


@DETECTOR.register_module(module_name="lesb")
class LesbDetector(AbstractDetector):
    """Backbone, local subspaces and heads; `forward` gives cls, prob, feat and p_<part>.

    Takes images (B, 3, S, S), normalised with the configuration's mean and std.
    """

    def __init__(self, config):
        super().__init__()
        size = NETWORK["size"]
        if config["resolution"] != size:
            raise ValueError(
                "resolution is %s and must be %s, in the YAML file" % (config["resolution"], size)
            )
        self.config = config
        self.network = self.build_backbone(config)
        self.loss = self.build_loss(config)
        for name in ("mean", "std"):
            values = torch.tensor(config[name], dtype=torch.float32).reshape(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)
        self.scored = []  # (B, 2) of every batch with labels: score, and 1 for fake

    def build_backbone(self, config):
        """Modules without weights, to be loaded from lesb.pth, strictly."""
        return Network()

    def build_loss(self, config):
        return nn.CrossEntropyLoss()

    def features(self, data_dict):
        """Embeddings (B, d); what the loader has normalised is undone."""
        return self.network.embed(data_dict["image"] * self.std + self.mean)

    def classifier(self, features):
        """Logits (B, 2) of embeddings (B, d)."""
        return two_logits(fuse(self.network.parts(features)))

    def forward(self, data_dict, inference=False):
        embedding = self.features(data_dict)
        parts = self.network.parts(embedding)  # (B, K)
        prob = fuse(parts)
        if inference and data_dict.get("label") is not None:
            self.scored.append(torch.stack([prob.detach(), is_fake(data_dict).to(prob)], 1).cpu())
        found = {"cls": two_logits(prob), "prob": prob, "feat": embedding}
        for index, name in enumerate(NETWORK["parts"]):
            found["p_" + name] = parts[:, index]
        return found

    def get_losses(self, data_dict, pred_dict):
        return {"overall": self.loss(pred_dict["cls"], is_fake(data_dict).long())}

    def get_train_metrics(self, data_dict, pred_dict):
        return measure(pred_dict["prob"].detach().cpu().numpy(), is_fake(data_dict).cpu().numpy())

    def get_test_metrics(self):
        """Of all batches since the last call."""
        table = np.concatenate([rows.numpy() for rows in self.scored])
        self.scored = []
        prob, label = table[:, 0], table[:, 1].astype(np.int64)
        found = measure(prob, label)
        found.update({"pred": prob, "label": label})
        return found


class Network(nn.Module):
    """The steps of NETWORK, on tensors that have the names of lesb.pth."""

    def __init__(self):
        super().__init__()
        for name, shape in NETWORK["tensors"].items():
            *above, leaf = name.split(".")
            module = self
            for part in above:
                if part not in module._modules:
                    module.add_module(part, nn.Module())
                module = module._modules[part]
            kind = torch.int64 if leaf == "num_batches_tracked" else torch.float32
            module.register_buffer(leaf, torch.zeros(shape, dtype=kind))
        for name in ("mean", "std"):
            values = torch.tensor(NETWORK[name], dtype=torch.float32).reshape(1, 3, 1, 1)
            self.register_buffer("own_" + name, values, persistent=False)

    def get(self, name):
        """A tensor by its name; None where the network has none of it (a bias)."""
        module = self
        *above, leaf = name.split(".")
        for part in above:
            module = module._modules[part]
        return module._buffers.get(leaf)

    def embed(self, images):
        """(B, d) of images (B, 3, S, S) in [0, 1]."""
        return self.run(NETWORK["steps"], (images - self.own_mean) / self.own_std).mean((2, 3))

    def parts(self, embedding):
        """(B, K) scores in [0, 1] of embeddings (B, d)."""
        centred = embedding - self.get("centre")
        return torch.stack([self.part(centred, name) for name in NETWORK["parts"]], 1).sigmoid()

    def part(self, centred, name):
        """Logits (B,) of one part: its subspace, then a perceptron with one hidden layer."""
        own = {key: self.get("heads.p_%s.%s" % (name, key)) for key in HEAD}
        local = (centred @ own["basis"] - own["mean"]) / own["scale"]  # (B, r)
        hidden = (local @ own["weight1"] + own["bias1"]).relu()  # (B, h)
        return hidden @ own["weight2"] + own["bias2"]

    # --- steps -----------------------------------------------------------------------------------

    def run(self, steps, x):
        for step in steps:
            x = getattr(self, "step_" + step[0])(x, *step[1:])
        return x

    def step_conv(self, x, name, stride, padding, groups):
        weight = self.get(name + ".weight")
        if padding == "same":
            padding = same_padding(x.shape[2:], weight.shape[2:], stride)
        x = functional.pad(x, padding)
        return functional.conv2d(x, weight, self.get(name + ".bias"), stride, 0, 1, groups)

    def step_norm(self, x, name, eps):
        keys = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(x, *[self.get(name + "." + key) for key in keys], eps=eps)

    def step_relu(self, x):
        return functional.relu(x)

    def step_relu6(self, x):
        return functional.relu6(x)

    def step_silu(self, x):
        return functional.silu(x)

    def step_sigmoid(self, x):
        return torch.sigmoid(x)

    def step_maxpool(self, x, size, stride, padding):
        return functional.max_pool2d(x, size, stride, padding)

    def step_gate(self, x, steps):
        """Every channel times a number that is made of the channels' means."""
        return x * self.run(steps, x.mean((2, 3), keepdim=True))

    def step_residual(self, x, steps, beside):
        return self.run(steps, x) + self.run(beside, x)


HEAD = ("basis", "mean", "scale", "weight1", "bias1", "weight2", "bias2")


def is_fake(data_dict):
    """(B,) of labels, some of which number the kinds of fakes."""
    return data_dict["label"].reshape(-1) != 0


def same_padding(sides, kernel, stride):
    """Left, right, top, bottom, as TensorFlow pads: as little as it takes, the odd one last."""
    found = []
    for axis in (1, 0):
        side, step = int(sides[axis]), stride[axis]
        whole = max(0, (-(-side // step) - 1) * step + int(kernel[axis]) - side)
        found += [whole // 2, whole - whole // 2]
    return found


def two_logits(prob):
    """(B, 2) whose softmax is (1 - prob, prob)."""
    inside = prob.clamp(1e-7, 1 - 1e-7)
    logit = inside.log() - (1 - inside).log()
    return torch.stack([torch.zeros_like(logit), logit], 1)


def fuse(parts):
    """(B,) of part scores (B, K)."""
    return FUSIONS[NETWORK["fusion"]](parts)


def median(parts):
    ordered = parts.sort(dim=1)[0]
    last = parts.shape[1] - 1
    return (ordered[:, last // 2] + ordered[:, (last + 1) // 2]) / 2


def vote(parts):
    balance = 2 * (parts > 0.5).sum(dim=1) - parts.shape[1]
    tie = parts.mean(dim=1) >= 0.5
    return torch.where(balance == 0, tie, balance > 0).to(parts.dtype)


FUSIONS = {
    "mean": lambda parts: parts.mean(dim=1),
    "max": lambda parts: parts.max(dim=1)[0],
    "min": lambda parts: parts.min(dim=1)[0],
    "median": median,
    "geometric": lambda parts: parts.clamp(SMALLEST, 1.0).log().mean(dim=1).exp(),
    "harmonic": lambda parts: 1.0 / (1.0 / parts.clamp(SMALLEST, 1.0)).mean(dim=1),
    "vote": vote,
}


def measure(prob, label):
    """acc, auc, eer and ap as DeepfakeBench defines them; NaN where there is one class alone."""
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    acc = float(((prob > 0.5) == (label == 1)).mean())
    if len(np.unique(label)) < 2:
        return {"acc": acc, "auc": np.nan, "eer": np.nan, "ap": np.nan}
    fpr, tpr, _ = roc_curve(label, prob)
    return {
        "acc": acc,
        "auc": float(roc_auc_score(label, prob)),
        "eer": float(fpr[np.argmin(np.abs(1 - tpr - fpr))]),
        "ap": float(average_precision_score(label, prob)),
    }
