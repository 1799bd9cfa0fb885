"""Checkpoints: read without running code, recognised, renamed to timm's names, loaded strictly."""

from __future__ import annotations

import hashlib
import math
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from registry.errors import DataError

__all__ = [
    "State",
    "cadene_xception_to_timm",
    "effnet_pytorch_to_timm",
    "load_state",
    "load_strict",
    "looks_like",
    "state_sha256",
]

State = dict[str, torch.Tensor]

CONTAINERS = ("state_dict", "model_state_dict", "model", "net")
PREFIXES = ("module.", "_orig_mod.", "net.", "model.")

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
TAR_MAGIC = slice(257, 262)  # `ustar` stands here in a real tar archive


def load_state(path: Path | str) -> tuple[State, str]:
    """The tensors of a checkpoint by name, and the sha256 of the file.

    Reads safetensors and torch files (the content decides, not the suffix), the latter with
    `weights_only=True`. A container such as `{"model": ...}` is opened and prefixes such as
    `module.` or `net.` that every name has are taken off. DataError for all else.
    """
    path = Path(path)
    head = _first_bytes(path)
    held = _read_safetensors(path) if head[8:9] == b"{" else _read_torch(path, head)
    return _without_prefixes(_open_container(held, path)), _file_sha256(path)


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise DataError(f"{path} is a folder; pass the weights file itself")
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except FileNotFoundError:
        raise DataError(f"no weights file at {path}") from None
    except OSError as error:
        raise DataError(f"cannot read the weights file {path}: {error.strerror}") from error
    if not head:
        raise DataError(f"the weights file {path} is empty (0 bytes); fetch it again")
    return head


def _read_safetensors(path: Path) -> State:
    try:
        return dict(load_file(path))
    except SafetensorError as error:
        raise DataError(
            f"{path} is not a whole safetensors file ({error}); it is damaged or was cut short"
            " while it was copied, fetch it again"
        ) from error


def _read_torch(path: Path, head: bytes) -> Any:
    """The object in a torch file; every failure says what kind of file it is instead."""
    for magic, kind in MAGIC:
        if head.lstrip().startswith(magic):
            raise DataError(f"{path} is no checkpoint but {kind}")
    if head[TAR_MAGIC] == b"ustar":
        raise DataError(f"{path} is a tar archive; unpack it and pass the weights file in it")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise DataError(_refused_pickle(path, str(error))) from error
    except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
        raise DataError(_unreadable(path, str(error))) from error


def _refused_pickle(path: Path, reason: str) -> str:
    found = re.search(r"(?:GLOBAL|[Uu]nsupported (?:global|class|operand))[: ]+([\w.]+)", reason)
    if found is None:
        return _unreadable(path, reason)
    return (
        f"{path} holds Python objects ({found[1]}), and reading those runs code from the file, which"
        " is not done; where it was written, save the tensors alone:"
        " torch.save(model.state_dict(), 'weights.pt') or safetensors.torch.save_file(...)"
    )


def _unreadable(path: Path, reason: str) -> str:
    if "TorchScript" in reason:
        return (
            f"{path} is a TorchScript program, not a state dict; save the tensors alone with"
            " torch.save(torch.jit.load(path).state_dict(), 'weights.pt')"
        )
    first = reason.strip().splitlines()[0].split(". ")[0] if reason.strip() else "unexpected end"
    return (
        f"{path} is neither a torch nor a safetensors file, or it is damaged or was cut short"
        f" ({first}); fetch it again"
    )


def _open_container(held: Any, path: Path) -> State:
    """The state dict inside `held`: itself, or the value of one of CONTAINERS."""
    if isinstance(held, Mapping):
        for key in CONTAINERS:
            if isinstance(held.get(key), Mapping):
                return _open_container(held[key], path)
        if held and all(isinstance(value, torch.Tensor) for value in held.values()):
            return {str(name): tensor for name, tensor in held.items()}
        what = f"a dict with the keys {_few(map(str, held))}"
    else:
        what = f"a {type(held).__name__}"
    raise DataError(
        f"{path} holds no state dict but {what}; a state dict maps names to tensors and stands at"
        f" the top or under one of {', '.join(CONTAINERS)}"
    )


def _without_prefixes(state: State) -> State:
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in state):
            return _without_prefixes({n.removeprefix(prefix): t for n, t in state.items()})
    return state


# --- identity ----------------------------------------------------------------------------------


def _file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def state_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """sha256 over names, types, shapes and bytes, whatever the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


# --- other libraries' names --------------------------------------------------------------------

# Blocks per stage of EfficientNet B0 (also lite0); B1 to B7 deepen each stage by one factor.
B0_REPEATS = (1, 2, 2, 3, 3, 4, 1)
DEPTHS = (1.0, 1.1, 1.4, 1.8, 2.2, 2.6, 3.1)
REPEATS = {
    sum(repeats): repeats
    for repeats in (tuple(math.ceil(depth * n) for n in B0_REPEATS) for depth in DEPTHS)
}
EFFNET_TOP = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
# The first stage's blocks do not expand: their depthwise convolution comes first.
EFFNET_FIRST_STAGE = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}
EFFNET_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def effnet_pytorch_to_timm(state: State) -> State:
    """A state dict with the names of `efficientnet_pytorch`, under timm's `tf_efficientnet_*` names.

    A state dict that has no such names comes back as it is.
    """
    if "_conv_stem.weight" not in state:
        return state
    count = 1 + max(
        (int(name.split(".")[1]) for name in state if name.startswith("_blocks.")), default=-1
    )
    if count not in REPEATS:
        raise DataError(
            f"an efficientnet_pytorch network of {count} blocks is not known; B0 to B7 and lite0"
            f" have {', '.join(map(str, sorted(REPEATS)))}"
        )
    places = [(s, b) for s, blocks in enumerate(REPEATS[count]) for b in range(blocks)]
    return {_timm_effnet_name(name, places): tensor for name, tensor in state.items()}


def _timm_effnet_name(name: str, places: list[tuple[int, int]]) -> str:
    if not name.startswith("_blocks."):
        layer, _, tensor = name.partition(".")
        return f"{EFFNET_TOP.get(layer, layer)}.{tensor}"
    _, number, layer, tensor = name.split(".", 3)
    stage, block = places[int(number)]
    layers = EFFNET_BLOCK if stage else EFFNET_FIRST_STAGE
    return f"blocks.{stage}.{block}.{layers.get(layer, layer)}.{tensor}"


def cadene_xception_to_timm(state: State) -> State:
    """A Cadene or DeepfakeBench Xception under the names of timm's `legacy_xception`.

    A state dict that has no such names comes back as it is.
    """
    state = {name.removeprefix("backbone."): tensor for name, tensor in state.items()}
    if not any(name.startswith("last_linear.") for name in state):
        return state
    renamed = {}
    for name, tensor in state.items():
        if name.startswith("adjust_channel."):
            continue
        pointwise = name.endswith("pointwise.weight") and tensor.ndim == 2
        name = re.sub(r"^last_linear\.(?:1\.)?", "fc.", name)
        renamed[name] = tensor[:, :, None, None] if pointwise else tensor
    return renamed


# --- loading -----------------------------------------------------------------------------------

# (a name that tells the family, what to call it)
FAMILIES: tuple[tuple[str, str], ...] = (
    (
        r"^backbone\.efficientnet\.",
        "a DeepfakeBench efficientnetb4 (its padding is another network's)",
    ),
    (r"^_conv_stem\.weight$", "an efficientnet_pytorch EfficientNet"),
    (r"^conv_stem\.weight$", "a timm EfficientNet or MobileNet"),
    (r"^(backbone\.)?block1\.rep\.", "an Xception"),
    (r"^layer1\.0\.conv1\.weight$", "a ResNet"),
    (r"relative_position_bias_table$", "a Swin transformer"),
    (r"^(visual|vision_model|image_encoder)\.", "a CLIP model"),
    (r"^blocks\.0\.attn\.", "a vision transformer"),
    (r"^stages\.0\.(blocks\.)?0\.", "a ConvNeXt-like network"),
    (r"^basis/|^mlp/", "a fitted artefact of `bench fit` (pass it as --artefact)"),
)
HEADS = re.compile(r"(^|\.)(classifier|_fc|fc|head|last_linear(\.1)?|last_layer|head\.fc)\.weight$")


def looks_like(state: Mapping[str, torch.Tensor]) -> str:
    """What a state dict seems to be, for error texts."""
    kind = next((k for p, k in FAMILIES if any(re.search(p, name) for name in state)), None)
    heads = [tensor for name, tensor in state.items() if HEADS.search(name) and tensor.ndim >= 2]
    classes = f" with {heads[-1].shape[0]} classes" if heads else ""
    return f"{kind or 'a network this program does not know'}{classes} ({len(state)} tensors: {_few(state)})"


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
