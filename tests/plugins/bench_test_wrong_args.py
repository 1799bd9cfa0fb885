"""A plugin whose hook wants an argument that no hook has."""

from registry import hookimpl


@hookimpl
def bench_detectors(config):
    return []
