"""Number formats that a device computes only by detours."""

from __future__ import annotations

import functools

from registry.console import tell

__all__ = ["emulates_bfloat16", "warn_if_emulated"]


def emulates_bfloat16() -> bool:
    """Whether torch's CPU kernels for bfloat16 are the slow ones that run anywhere.

    torch hands a bfloat16 convolution to oneDNN where this very check allows it: AVX-512 or better
    on x86, the BF16 extension on ARM. Everywhere else it takes a plain loop.
    """
    import torch

    # Asked of a build without oneDNN (it has no such operator), torch answers with AttributeError.
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return supported is None or not supported()


@functools.cache  # one line, however many networks a run builds
def warn_if_emulated(device: str, precision: str) -> None:
    """Say before a run begins that it would be many times as fast in float32."""
    if device == "cpu" and precision == "bfloat16" and emulates_bfloat16():
        tell(
            "warning: this CPU has no fast bfloat16; expect the backbone to take many times as long"
            " as with --precision float32"
        )
