"""Write LESB as one ONNX graph, and compare it with torch."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from lesb_plugin.export.network import LesbNetwork
from lesb_plugin.export.source import ExportSource
from registry import (
    ConfigError,
    DataError,
    package_versions,
    replacing,
)

__all__ = ["INPUT", "TOLERANCE", "metadata", "output_names", "write_onnx"]

INPUT = "images"
OPSET = 18
TOLERANCE = 1e-4
LARGEST = 2**31  # bytes of a protobuf message, and so of a graph in one file
EXTRA = "pip install 'lesb-plugin[onnx]'"


def write_onnx(source: ExportSource, path: Path) -> float | None:
    """Write the graph; return the largest distance of onnxruntime's outputs from torch's.

    None where onnxruntime is not installed. A difference above 1e-4 is an error, and then no file
    is left. The distance of embeddings is taken relative to their largest value, if above 1.
    """
    _check_installed()
    _check_size(source.network)
    with replacing(path) as unfinished:
        _export(source, unfinished)
        difference = _difference(source.network, unfinished)
        if difference is not None and not difference <= TOLERANCE:
            raise DataError(
                f"onnxruntime's outputs differ from torch's by up to {difference:.2g},"
                f" which is more than {TOLERANCE:g}, so {path} was not written; try other"
                " versions of torch, onnxscript or onnxruntime"
            )
    return difference


def output_names(network: LesbNetwork) -> list[str]:
    """Name the graph's outputs: the columns of predictions.parquet, and `embedding`."""
    parts = [f"p_{part}" for part in network.parts]
    return ["fake", *parts, *(["fake_head"] if _has_head(network) else []), "embedding"]


def metadata(source: ExportSource) -> dict[str, str]:
    """Return the graph's metadata_props; everything but plain names and hashes is JSON."""
    backbone, network = source.backbone, source.network
    packages = ("lesb-plugin", "torch", "timm", "onnx", "onnxscript")
    return {
        "detector": source.detector,
        "backbone": backbone.name,
        "weights": backbone.weights,
        "weights_sha256": backbone.weights_sha256,
        "weights_license": source.license,
        "trained_on": json.dumps([dataclasses.asdict(each) for each in backbone.trained_on]),
        "artefact_sha256": source.artefact_sha256,
        "parts": json.dumps(network.parts),
        "fusion": network.fusion,
        "crop": json.dumps(dataclasses.asdict(network.crop)),
        "input": f"(B, 3, {network.crop.size}, {network.crop.size}) RGB in [0, 1], float32",
        "versions": json.dumps(package_versions(packages)),
    }


class _Graph(nn.Module):
    """The network with its outputs in the order of `output_names`."""

    def __init__(self, network: LesbNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        scores = self.network(images)
        head = () if scores.head is None else (scores.head,)
        return (scores.fake, *scores.parts.unbind(dim=1), *head, scores.embedding)


def _export(source: ExportSource, path: Path) -> None:
    graph = _Graph(source.network).eval()
    images = _random_images(source.network, 2)  # 1 would be taken for a constant
    level = logging.getLogger("onnxscript").level
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():  # about the exporter's own code; the outputs are compared
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                graph,
                (images,),
                input_names=[INPUT],
                output_names=output_names(source.network),
                dynamic_shapes={INPUT: {0: torch.export.Dim("batch", min=1)}},
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.errors.OnnxExporterError as error:
        raise ConfigError(
            f"torch cannot export backbone {source.backbone.name!r} as an ONNX graph: {error}"
        ) from error
    finally:
        logging.getLogger("onnxscript").setLevel(level)
    if program is None:
        raise ConfigError(f"torch {torch.__version__} is too old to export; {EXTRA}")
    program.model.metadata_props.update(metadata(source))
    program.save(path, external_data=False)


def _difference(network: LesbNetwork, path: Path) -> float | None:
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return max(_distance(network, session, _random_images(network, batch)) for batch in (1, 3))


def _distance(network: LesbNetwork, session: Any, images: torch.Tensor) -> float:
    """Return the largest distance of any output, NaN if there is one."""
    found = session.run(output_names(network), {INPUT: images.numpy()})
    with torch.inference_mode():
        expected = [each.numpy() for each in _Graph(network)(images)]
    return float(
        np.max(
            [
                np.abs(one - other).max() / max(1.0, np.abs(other).max())
                for one, other in zip(found, expected, strict=True)
            ]
        )
    )


def _random_images(network: LesbNetwork, batch: int) -> torch.Tensor:
    """Return noise around a random level in every image and channel."""
    rng = torch.Generator().manual_seed(batch)
    level = torch.rand(batch, 3, 1, 1, generator=rng)
    size = network.crop.size
    noise = torch.randn(batch, 3, size, size, generator=rng)
    return (level + 0.2 * noise).clamp(0.0, 1.0)


def _has_head(network: LesbNetwork) -> bool:
    with torch.inference_mode():
        return network.score(network.centre[None]).head is not None


def _check_installed() -> None:
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"`bench export onnx` needs {' and '.join(missing)}, which the extra `onnx`"
            f" installs: {EXTRA}"
        )


def _check_size(network: LesbNetwork) -> None:
    size = sum(tensor.nbytes for tensor in network.state_dict().values())
    if size >= LARGEST:
        raise ConfigError(
            f"the weights take {size / 2**30:.1f} GiB, and a single ONNX file holds less"
            " than 2; choose a smaller backbone"
        )
