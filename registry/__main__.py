"""Run `bench COMMAND ...` as `python -m registry COMMAND ...`, also without `bench` on PATH."""

from __future__ import annotations

import sys

from registry.cli.bench import main

if __name__ == "__main__":  # workers that a command spawns import this module too
    sys.exit(main())
