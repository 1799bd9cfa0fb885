"""Weights downloaded on request: `pretrained` and `hf-hub:OWNER/NAME` for timm's models."""

from __future__ import annotations

from pathlib import Path

import timm

from registry.errors import ConfigError, DataError
from registry.plugins.needs import HUB, PRETRAINED

__all__ = ["hub_file", "hub_name"]

# As timm and its hub name them, the first choice first.
_FILES = ("model.safetensors", "pytorch_model.bin")


def hub_name(arch: str, weights: str) -> str | None:
    """Return where weights come from, as hf-hub:OWNER/NAME; None for weights that are a file or
    random.

    For `pretrained` those that timm has for `arch`; a ConfigError where it has none.
    """
    if weights.startswith(HUB):
        return weights
    if weights != PRETRAINED:
        return None
    own = timm.get_pretrained_cfg(arch)
    if own is None or not own.hf_hub_id:
        raise ConfigError(
            f"timm has no pretrained weights of {arch!r} on its hub; pass a file as --weights"
        )
    return f"{HUB}{own.hf_hub_id}"


def hub_file(name: str) -> Path:
    """Return the file of hf-hub:OWNER/NAME, fetched unless it is in the cache of the package.

    A DataError says why there is none.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError

    repository, _, revision = name.removeprefix(HUB).partition("@")
    reason: object = "it has no weights file in a format that bench reads"
    for file in _FILES:
        try:
            return Path(hf_hub_download(repository, file, revision=revision or None))
        except LocalEntryNotFoundError as error:
            reason = f"it is not in the cache and cannot be downloaded ({_first_line(error)})"
        except EntryNotFoundError:
            continue
        except (HfHubHTTPError, OSError, ValueError) as error:
            reason = _first_line(error)
            break
    raise DataError(
        f"no weights from {name}: {reason}; see https://huggingface.co/{repository}, or"
        " pass a file as --weights"
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
