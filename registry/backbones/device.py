"""Devices: which are available, and which formats one only emulates."""

from __future__ import annotations

import functools

import torch

from registry.console import tell
from registry.errors import ConfigError, did_you_mean
from registry.ranks import this_rank

__all__ = [
    "available_devices",
    "emulates_bfloat16",
    "resolve_device",
    "warn_if_emulated",
]

DEVICES = ("auto", "cpu", "cuda", "mps")


def resolve_device(name: str) -> str:
    """Return the device that `name` stands for; ConfigError if this machine does not have it.

    `auto` is the first available of cuda, mps and cpu; `cuda:1` picks one of several. Processes
    that torchrun starts on a machine get a GPU each, with `auto` and with `cuda`.
    """
    kind, _, index = name.partition(":")
    if kind not in DEVICES or (index and (kind != "cuda" or not index.isdigit())):
        raise ConfigError(
            f"device is {name!r};{did_you_mean(kind, DEVICES)} known:"
            f" {', '.join(DEVICES)}, and cuda:N for one of several"
        )
    there = available_devices()
    if kind == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if device in there)
    rank = this_rank()
    if name == "cuda" and rank.count > 1:
        name = f"cuda:{rank.local}"
    if name not in there:
        raise ConfigError(
            f"device {name!r} is not available to torch {torch.__version__} on this"
            f" machine; available: {', '.join(there)} (`auto` chooses one)"
        )
    return name


def available_devices() -> list[str]:
    """Return the devices that torch can compute on here; `cuda:N` for each of several."""
    devices = ["cpu"]
    if torch.cuda.is_available():
        devices += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return devices


def emulates_bfloat16() -> bool:
    """Say whether torch computes bfloat16 on this CPU with its slow, generic kernels.

    torch hands a bfloat16 convolution to oneDNN where this very check allows it: AVX-512 or better
    on x86, the BF16 extension on ARM. Everywhere else it takes a plain loop.
    """
    # Asked of a build without oneDNN (it has no such operator), torch answers with AttributeError.
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return supported is None or not supported()


@functools.cache  # one line, however many networks a run builds
def warn_if_emulated(device: str, precision: str) -> None:
    """Warn before a run that it would be many times as fast in float32."""
    if device == "cpu" and precision == "bfloat16" and emulates_bfloat16():
        tell(
            "warning: this CPU has no fast bfloat16; expect the backbone to take many"
            " times as long as with --precision float32"
        )
