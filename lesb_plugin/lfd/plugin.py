"""Register LFD."""

from __future__ import annotations

from collections.abc import Iterable

from registry import WrapperSpec, hookimpl, lazy


@hookimpl
def bench_wrappers() -> Iterable[WrapperSpec]:
    return [
        WrapperSpec(
            name="lfd",
            summary="local embeddings of face parts from any backbone (Local Feature Discovery)",
            wrap=lazy("lesb_plugin.lfd.wrapper:wrap"),
        )
    ]
