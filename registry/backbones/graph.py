"""A backbone as one ONNX graph, from bytes of crops to embeddings and maps; kept in the cache."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from registry.contracts.backbone import Backbone, FineBackbone
from registry.contracts.embedder import encoder_fingerprint
from registry.errors import ConfigError
from registry.files import cache_or_scratch, replacing
from registry.fingerprints import fingerprint

__all__ = ["INPUT", "OUTPUTS", "ForwardPass", "onnx_graph"]

INPUT, OUTPUTS = "images", ["embedding", "map"]
_OPSET = 18
_FOREIGN = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_VERSIONED = ("torch", "timm", "onnx", "onnxscript")
_INSTEAD = "; use --backend torch"


class ForwardPass(nn.Module):
    """uint8 RGB crops (B, S, S, 3) to the embedding (B, d) and the finest map (B, C, h, w)."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.features_of = (
            backbone.fine_features if isinstance(backbone, FineBackbone) else backbone.features
        )

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.features_of(images.permute(0, 3, 1, 2).float() / 255)
        finest = features.map if features.fine is None else features.fine
        return self.backbone.embed(features), finest


def onnx_graph(backbone: Backbone) -> Path:
    """Return the graph's file, written unless an earlier run has done so.

    A ConfigError where the exporter's packages are missing or the backbone cannot be written.
    """
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"this backend needs {' and '.join(missing)}: pip install 'lesb-plugin[onnx]'{_INSTEAD}"
        )
    versions = [importlib.metadata.version(name) for name in _VERSIONED]
    key = fingerprint([encoder_fingerprint(backbone, "float32"), versions])
    path = cache_or_scratch() / "graphs" / f"{key}.onnx"
    if not path.is_file():
        with replacing(path) as file:
            _write(backbone, file)
    return path


def _write(backbone: Backbone, path: Path) -> None:
    size = backbone.crop.size
    images = torch.zeros(2, size, size, 3, dtype=torch.uint8)  # 1 would be taken for a constant
    logger = logging.getLogger("onnxscript")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():  # about the exporter's own code
            warnings.simplefilter("ignore")
            program: Any = torch.onnx.export(
                ForwardPass(backbone).eval(),
                (images,),
                input_names=[INPUT],
                output_names=OUTPUTS,
                dynamic_shapes={INPUT: {0: torch.export.Dim("batch", min=1)}},
                opset_version=_OPSET,
                dynamo=True,
                verbose=False,
            )
            program.save(str(path), external_data=False)
    except (*_FOREIGN, torch.onnx.errors.OnnxExporterError) as error:
        raise ConfigError(
            f"torch cannot write backbone {backbone.name!r} as an ONNX graph"
            f" ({type(error).__name__}: {str(error).partition(chr(10))[0]}){_INSTEAD}"
        ) from error
    finally:
        logger.setLevel(level)
