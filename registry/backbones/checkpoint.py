"""Checkpoints: read without running code, recognised, loaded strictly."""

from __future__ import annotations

import hashlib
import pickle
import re
import struct
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from registry.backbones.zoo import member_of
from registry.errors import DataError, reading
from registry.files import expanded, file_sha256
from registry.special_files import refuse_special
from registry.urls import refuse_url

__all__ = [
    "State",
    "kind_of",
    "load_state",
    "load_strict",
    "looks_like",
    "state_sha256",
]

State = dict[str, torch.Tensor]

CONTAINERS = ("state_dict", "model_state_dict", "model", "net")
PREFIXES = ("module.", "_orig_mod.", "net.", "model.")

AVERAGED = "n_averaged"  # how many states torch's AveragedModel is the mean of

# --- reading -----------------------------------------------------------------------------------

# What stands at the start of files that are passed as weights by mistake.
MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"<!DOCTYPE", "an HTML page (a download that needed a login?)"),
    (b"<html", "an HTML page (a download that needed a login?)"),
    (b"version https://git-lfs", "a Git LFS pointer; `git lfs pull` fetches the file itself"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8", "a JPEG image"),
    (b"\x89HDF", "an HDF5 (Keras) file"),
    (b"\x93NUMPY", "a NumPy array"),
)
# What torch.load raises on bytes that are no pickle, or half of one.
MALFORMED = (
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    OSError,
    AssertionError,
    struct.error,
)
_GROWTH, _SMALL = 20, 1 << 20  # how many times its size a file may become, and what is always let
TAR_MAGIC = slice(257, 262)  # `ustar` stands here in a real tar archive


def load_state(path: Path | str) -> tuple[State, str]:
    """Return the tensors of a checkpoint by name, and the sha256 of the file.

    Reads safetensors and torch files (the content decides, not the suffix), the latter with
    `weights_only=True`. Containers such as `{"model": ...}` are opened, and prefixes such as
    `module.` or `net.` that every name has are removed. DataError for everything else.
    """
    path = expanded(path)
    head = _first_bytes(path)
    with reading(path, "pass another weights file"):
        content = _read_safetensors(path) if head[8:9] == b"{" else _read_torch(path, head)
        state = _without_prefixes(_open_container(content, path))
        _refuse_grown(sum(each.numel() * each.element_size() for each in state.values()), path)
        return state, file_sha256(path)


def _refuse_grown(size: int, path: Path) -> None:
    """Raise a DataError if `size` bytes are far more than those of the file they came from."""
    if size > _GROWTH * path.stat().st_size + _SMALL:
        raise DataError(
            f"{path} would take {size:,} bytes in memory, far more than its own size; it"
            " is damaged, or was made to exhaust the memory"
        )


def _first_bytes(path: Path) -> bytes:
    refuse_special(path)
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder; pass the weights file itself")
        with path.open("rb") as stream:
            head = stream.read(512)
    except FileNotFoundError:
        refuse_url(path)
        raise DataError(f"no weights file at {path}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot read the weights file {path}: {reason}") from error
    if not head:
        raise DataError(f"the weights file {path} is empty (0 bytes); download it again")
    return head


def _read_safetensors(path: Path) -> State:
    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise DataError(
            f"{path} is not a complete safetensors file ({error}); it is damaged or was"
            " cut short in copying, so download it again"
        ) from error


def _read_torch(path: Path, head: bytes) -> Any:
    """Return the object in a torch file; every failure says what kind of file it is instead."""
    for magic, kind in MAGIC:
        if head.lstrip().startswith(magic):
            raise DataError(f"{path} is not a checkpoint but {kind}")
    if head[TAR_MAGIC] == b"ustar":
        raise DataError(f"{path} is a tar archive; unpack it and pass the weights file in it")
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            _refuse_grown(sum(each.file_size for each in archive.infolist()), path)
    try:
        with warnings.catch_warnings():  # torch remarks on what is judged here anyway
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(_refused_pickle(path, str(error))) from error
    except MALFORMED as error:
        raise DataError(_unreadable(path, str(error))) from error


def _refused_pickle(path: Path, reason: str) -> str:
    found = re.search(r"[Uu]nsupported (?:global: )?GLOBAL ([\w.]+)", reason)
    if found is None:
        return _unreadable(path, reason)
    return (
        f"{path} holds Python objects ({found[1]}), and reading those would run code from"
        " the file, which bench does not do; where it was written, save only the tensors:"
        " torch.save(model.state_dict(), 'weights.pt') or"
        " safetensors.torch.save_file(...)"
    )


def _unreadable(path: Path, reason: str) -> str:
    if "TorchScript" in reason:
        return (
            f"{path} is a TorchScript program, not a state dict; save only the tensors"
            " with torch.save(torch.jit.load(path).state_dict(), 'weights.pt')"
        )
    return (
        f"{path} is neither a torch nor a safetensors file, or it is damaged or was cut"
        " short in copying; download it again"
    )


def _open_container(content: Any, path: Path) -> State:
    """Return the state dict in `held`: itself, or the value under one of CONTAINERS."""
    if isinstance(content, Mapping):
        for key in CONTAINERS:
            if isinstance(content.get(key), Mapping):
                return _open_container(content[key], path)
        if content and all(isinstance(value, torch.Tensor) for value in content.values()):
            return {str(name): tensor for name, tensor in content.items()}
        what = f"a dict with the keys {_few(map(str, content))}"
    else:
        what = f"a {type(content).__name__}"
    raise DataError(
        f"{path} holds {what} and no state dict; a state dict maps names to tensors, at"
        f" the top level or under one of {', '.join(CONTAINERS)}"
    )


def _without_prefixes(state: State) -> State:
    """Remove prefixes such as `module.` if every name has them, and the counter of SWA."""
    state = {name: tensor for name, tensor in state.items() if name != AVERAGED}
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in state):
            return _without_prefixes({n.removeprefix(prefix): t for n, t in state.items()})
    return state


# --- identity ----------------------------------------------------------------------------------


def state_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """Hash names, types, shapes and bytes (sha256), whatever the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


# --- loading -----------------------------------------------------------------------------------

# (a name that tells the family, what to call it)
FAMILIES: tuple[tuple[str, str], ...] = (
    (
        r"^(backbone\.)?efficientnet\._",
        "a DeepfakeBench efficientnetb4 or SBI, which differ only in their input",
    ),
    (r"^_conv_stem\.weight$", "an efficientnet_pytorch EfficientNet"),
    (r"^conv_stem\.weight$", "a timm EfficientNet or MobileNet"),
    (r"\.self_attn\.\w+\.weight_main$", "an Effort detector (CLIP ViT with a residual by SVD)"),
    (r"^feature_extractor\.vision_model\.", "a GenD detector (CLIP ViT)"),
    (r"(^|\.)embeddings\.class_embedding$", "a CLIP vision tower from Hugging Face"),
    (r"^(backbone\.)?resnet\.0\.weight$", "a DeepfakeBench resnet34 (CNN-Aug)"),
    (r"^backbone\.block1\.rep\.", "an Xception of DeepfakeBench (or its CORE, FWA, RFM)"),
    (r"^block1\.rep\.", "an Xception"),
    (r"^layer1\.0\.conv1\.weight$", "a ResNet"),
    (r"relative_position_bias_table$", "a Swin transformer"),
    (r"^(visual|vision_model|image_encoder)\.", "a CLIP model"),
    (r"^blocks\.0\.attn\.", "a vision transformer"),
    (r"^stages\.0\.(blocks\.)?0\.", "a ConvNeXt-like network"),
    (r"^basis/|^mlp/", "a fitted artefact of `bench fit` (pass it as --artefact)"),
)
HEADS = re.compile(
    r"(^|\.)(classifier|_fc|fc|head|last_linear(\.1)?|last_layer|head\.fc|head_sha\.mlp\.2"
    r"|binary_classifier\.4)\.weight$"
)


def looks_like(state: Mapping[str, torch.Tensor]) -> str:
    """Describe what a state dict seems to be, for error texts."""
    heads = [tensor for name, tensor in state.items() if HEADS.search(name) and tensor.ndim >= 2]
    classes = f" with {heads[-1].shape[0]} classes" if heads else ""
    tensors = f"{len(state)} tensors: {_few(state)}"
    return f"{kind_of(state)}{classes} ({tensors})"


def kind_of(state: Mapping[str, torch.Tensor]) -> str:
    """Return the network that the names of a state dict belong to."""
    member = member_of(state)
    if member is not None:
        return member.kind
    kinds = (k for pattern, k in FAMILIES if any(re.search(pattern, name) for name in state))
    return next(kinds, "a network that this program does not know")


def load_strict(model: torch.nn.Module, state: State, what: str) -> None:
    """Load `state` into `model`; DataError unless every name and every shape agrees.

    `what` names the file and its purpose in the error.
    """
    own = model.state_dict()
    # Files older than torch 0.4.1 lack this counter, which nothing reads in eval mode.
    missing = [n for n in own if n not in state and not n.endswith("num_batches_tracked")]
    unexpected = [n for n in state if n not in own]
    misshaped = [
        f"{n} {tuple(t.shape)} for {tuple(own[n].shape)}"
        for n, t in state.items()
        if n in own and t.shape != own[n].shape
    ]
    faults = [
        f"{len(names)} {fault} ({_few(names)})"
        for fault, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", misshaped),
        )
        if names
    ]
    if faults:
        raise DataError(
            f"{what} does not fit: {'; '.join(faults)}; the file looks like {looks_like(state)}"
        )
    model.load_state_dict(state, strict=True)


def _few(names: Iterable[str], count: int = 3) -> str:
    listed = list(names)
    more = f", ... {len(listed) - count} more" if len(listed) > count else ""
    return ", ".join(listed[:count]) + more or "none"
