"""`python -m registry COMMAND ...` is `bench COMMAND ...`: also where PATH lacks it."""

from __future__ import annotations

import sys

from registry.cli.bench import main

if __name__ == "__main__":  # workers that a command spawns import this module too
    sys.exit(main())
