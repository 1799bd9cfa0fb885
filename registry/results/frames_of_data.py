"""Rows as a pandas DataFrame, if pandas is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from registry.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["data_frame"]


def data_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Make a DataFrame of `rows`; a ConfigError if pandas is not installed."""
    try:
        import pandas as pd
    except ImportError:
        raise ConfigError(
            "a DataFrame needs pandas, which is not installed: pip install pandas"
        ) from None
    return pd.DataFrame(list(rows))
