"""A plugin whose hook is misspelt."""

from registry import hookimpl


@hookimpl
def bench_detectrs():
    return []
