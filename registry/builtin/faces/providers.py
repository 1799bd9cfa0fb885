"""On what onnxruntime runs a face detector."""

from __future__ import annotations

import os

from registry.errors import ConfigError, did_you_mean
from registry.settings.shared import separated

__all__ = ["CPU", "onnx_providers"]

CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def onnx_providers(variable: str) -> list[str]:
    """Return the providers that an environment variable names, else CUDA if there, and the CPU.

    A ConfigError for a name that onnxruntime does not have.
    """
    import onnxruntime

    there = onnxruntime.get_available_providers()
    asked = list(separated([os.environ.get(variable, "")]))
    for name in asked:
        if name not in there:
            raise ConfigError(
                f"{variable} names {name!r};{did_you_mean(name, there)} onnxruntime has:"
                f" {', '.join(there)}"
            )
    return asked or [name for name in (_CUDA, CPU) if name in there]
