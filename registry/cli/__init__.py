"""The command `bench` and the flags that commands share. No command of its own."""

from registry.cli.bench import main

__all__ = ["main"]
