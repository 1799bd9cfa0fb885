"""How scripts that are run by hand begin and end: an error that the user can fix is a line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from registry.errors import BenchError


def run_script(main: Callable[[], int | None]) -> NoReturn:
    """Run `main` and exit with what it returns; with 2 and a message after a BenchError."""
    try:
        code = main()
    except BenchError as error:
        sys.stderr.write(f"error: {error}\n")
        code = 2
    sys.exit(code)


def printed_json(command: Sequence[str]) -> Any:
    """What another process prints, read as JSON; if it fails, this one exits with its code."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout)
