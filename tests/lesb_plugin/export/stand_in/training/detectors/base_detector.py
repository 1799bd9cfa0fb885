"""What a detector must have there."""

from __future__ import annotations

import abc
from typing import Any

from torch import nn


class AbstractDetector(nn.Module, abc.ABC):
    def __init__(self, config: Any = None, load_param: Any = False) -> None:
        super().__init__()

    @abc.abstractmethod
    def build_backbone(self, config: Any) -> Any: ...

    @abc.abstractmethod
    def build_loss(self, config: Any) -> Any: ...

    @abc.abstractmethod
    def features(self, data_dict: Any) -> Any: ...

    @abc.abstractmethod
    def classifier(self, features: Any) -> Any: ...

    @abc.abstractmethod
    def forward(self, data_dict: Any, inference: bool = False) -> Any: ...

    @abc.abstractmethod
    def get_losses(self, data_dict: Any, pred_dict: Any) -> Any: ...

    @abc.abstractmethod
    def get_train_metrics(self, data_dict: Any, pred_dict: Any) -> Any: ...

    @abc.abstractmethod
    def get_test_metrics(self) -> Any: ...
