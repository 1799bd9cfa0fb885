"""LESB with DeepfakeBench's interface for detectors: dictionaries in, dictionaries out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from lesb_plugin.export.network import LesbNetwork, LesbScores
from lesb_plugin.export.source import load_source
from registry import ConfigError

__all__ = ["SECTION", "LesbModel"]

SECTION = "lesb"  # the key of the configuration under which LESB is described

Batch = dict[str, Any]
Predictions = dict[str, torch.Tensor]


class LesbModel(nn.Module):
    """LESB with the methods of DeepfakeBench's AbstractDetector, for testing alone.

    Built from a configuration that `bench export deepfakebench` wrote. `forward` takes
    `data_dict["image"]` (B, 3, S, S), normalised with the configuration's mean and std, and gives
    `cls` (B, 2), logits whose softmax has `prob` second; `prob` (B,); `feat` (B, d), the
    embedding; and `p_<part>` and `fake_head`, (B,) each.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, config: Mapping[str, Any]) -> None:
        super().__init__()
        self.network = cast(LesbNetwork, self.build_backbone(config))
        self.loss = self.build_loss(config)
        for name in ("mean", "std"):
            values = torch.tensor(config[name], dtype=torch.float32).reshape(1, 3, 1, 1)
            self.register_buffer(name, values, persistent=False)
        self.eval()
        self._prob: list[NDArray[np.float32]] = []
        self._label: list[NDArray[np.int64]] = []

    def build_backbone(self, config: Mapping[str, Any]) -> nn.Module:
        """Return the whole network of the files that the section `lesb` names."""
        section = config.get(SECTION)
        if not isinstance(section, Mapping):
            raise ConfigError(
                f"the configuration has no section {SECTION!r}; write one with `bench"
                " export deepfakebench --out lesb.yaml` and pass it as --detector_path"
            )
        network = load_source(**section).network
        if config["resolution"] != network.crop.size:
            raise ConfigError(
                f"resolution is {config['resolution']}, and backbone"
                f" {section['backbone']!r} takes images of {network.crop.size} px; set"
                f" `resolution: {network.crop.size}`"
            )
        return network

    def build_loss(self, config: Mapping[str, Any]) -> nn.Module:  # noqa: ARG002 - their signature
        return nn.CrossEntropyLoss()

    def train(self, mode: bool = True) -> LesbModel:
        """Raise a ConfigError if training is asked for."""
        if mode:
            raise ConfigError(
                "DeepfakeBench's trainer cannot train LESB: train its backbone with"
                " `bench train`, fit it with `bench fit`, and export it again"
            )
        return super().train(mode)

    # --- scores --------------------------------------------------------------------------------

    def features(self, data_dict: Batch) -> torch.Tensor:
        """Return embeddings (B, d)."""
        return self.network.embed(data_dict["image"] * self.std + self.mean)

    def classifier(self, features: torch.Tensor) -> torch.Tensor:
        """Return logits (B, 2), real and fake, of embeddings (B, d)."""
        return _two_logits(self.network.score(features).fake)

    def forward(self, data_dict: Batch, inference: bool = False) -> Predictions:
        scores = self.network.score(self.features(data_dict))
        if inference and data_dict.get("label") is not None:
            self._prob.append(scores.fake.detach().cpu().numpy())
            self._label.append(_labels(data_dict).cpu().numpy())
        return self._predictions(scores)

    def _predictions(self, scores: LesbScores) -> Predictions:
        parts = zip(self.network.parts, scores.parts.unbind(dim=1), strict=True)
        found = {"cls": _two_logits(scores.fake), "prob": scores.fake, "feat": scores.embedding}
        found |= {f"p_{part}": values for part, values in parts}
        return found if scores.head is None else {**found, "fake_head": scores.head}

    # --- losses and metrics --------------------------------------------------------------------

    def get_losses(self, data_dict: Batch, pred_dict: Predictions) -> Predictions:
        return {"overall": self.loss(pred_dict["cls"], _labels(data_dict))}

    def get_train_metrics(self, data_dict: Batch, pred_dict: Predictions) -> dict[str, Any]:
        """Compute acc, auc, eer and ap of one batch."""
        prob = pred_dict["prob"].detach().cpu().numpy()
        return _metrics(prob, _labels(data_dict).cpu().numpy())

    def get_test_metrics(self) -> dict[str, Any]:
        """Compute acc, auc, eer, ap, `pred` and `label` (n,) of all batches since the last call."""
        if not self._prob:
            raise ConfigError("no metrics: nothing was scored with inference=True and labels")
        prob, label = np.concatenate(self._prob), np.concatenate(self._label)
        self._prob, self._label = [], []
        return {**_metrics(prob, label), "pred": prob, "label": label}


def _labels(data_dict: Batch) -> torch.Tensor:
    """Return (B,) 0 for real, 1 for fake; some of their data sets number the kinds of fakes."""
    labels: torch.Tensor = data_dict["label"]
    return (labels.reshape(-1) != 0).long()


def _two_logits(fake: torch.Tensor) -> torch.Tensor:
    """Return (B, 2) whose softmax is (1 - fake, fake), but for fake beyond float32's last
    digits.
    """
    logit = torch.logit(fake, eps=1e-7)
    return torch.stack([torch.zeros_like(logit), logit], dim=1)


def _metrics(prob: NDArray[np.float32], label: NDArray[np.int64]) -> dict[str, Any]:
    """Compute metrics as DeepfakeBench defines them; NaN for auc, eer and ap of a single class."""
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    found = {"acc": float(((prob > 0.5) == label).mean())}
    if len(np.unique(label)) < 2:
        return {**found, "auc": np.nan, "eer": np.nan, "ap": np.nan}
    fpr, tpr, _ = roc_curve(label, prob)
    return {
        **found,
        "auc": float(roc_auc_score(label, prob)),
        "eer": float(fpr[np.argmin(np.abs(1 - tpr - fpr))]),
        "ap": float(average_precision_score(label, prob)),
    }
