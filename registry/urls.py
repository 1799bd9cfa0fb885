"""Recognise URLs, and refuse them where only files on this machine are read."""

from __future__ import annotations

import re
from pathlib import Path

from registry.errors import DataError

__all__ = ["refuse_url", "url_of"]

# Of two letters at least: `C:/` is a drive. A Path makes `s3:/bucket` of `s3://bucket`. Schemes are
# case-insensitive (RFC 3986, 3.1).
_URL = re.compile(r"((?:[a-z0-9+.-]+::)*[a-z][a-z0-9+.-]+):/+", re.IGNORECASE)
_FETCH = {
    "http": "`curl -LO '{}'`",
    "https": "`curl -LO '{}'`",
    "s3": "`aws s3 cp '{}' .`",
    "gs": "`gcloud storage cp '{}' .`",
}


def url_of(path: Path | str) -> str:
    """Return the URL that a path or a text stands for, its scheme in small letters; "" for a local
    one.
    """
    text = path if isinstance(path, str) else path.as_posix()
    found = _URL.match(text)
    return f"{found[1].lower()}://{text[found.end() :]}" if found else ""


def refuse_url(path: Path | str, *, dataset: bool = False) -> None:
    """Raise a DataError for a URL where only what lies here is read; it says how to fetch it."""
    url = url_of(path)
    if not url:
        return
    scheme, _, rest = url.partition("://")
    if scheme == "file":
        raise DataError(f"{url} is a URL; write the path itself: /{rest}")
    fetch = f", for example {_FETCH[scheme].format(url)}" if scheme in _FETCH else ""
    shards = "; of data sets, only tar shards are read from URLs, as wds:URL" if dataset else ""
    raise DataError(f"{url} is a URL; download it first{fetch}, and name the copy{shards}")
