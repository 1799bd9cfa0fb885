"""Pages in Chromium, without a window and without any network of its own."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

__all__ = ["chromium", "dom_after", "needs_chromium", "with_script"]

_CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(_CHROMIUM is None, reason="no chromium on the PATH")
_QUIET = (
    "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync",
    "disable-background-networking", "disable-component-update", "enable-logging=stderr",
)  # fmt: skip


def chromium(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Chromium with a new profile in `folder`; the page's console is in its `stderr`."""
    profile = folder / "profile"
    shutil.rmtree(profile, ignore_errors=True)
    profile.mkdir()
    flags = (f"--{flag}" for flag in (*_QUIET, f"user-data-dir={profile}"))
    command = [str(_CHROMIUM), *flags, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def with_script(page: str, script: str) -> str:
    """The page with one more script, and without its own policy, which would not let it run."""
    free = re.sub(r"<meta http-equiv[^>]*>", "", page)
    start = free.rindex("</body>")
    return f"{free[:start]}<script>{script}</script>{free[start:]}"


def dom_after(script: str, page: str, folder: Path, *flags: str) -> str:
    """The page's document once Chromium has run a script in it."""
    file = folder / "page.html"
    file.write_text(with_script(page, script), "utf-8")
    return chromium(folder, *flags, "--dump-dom", f"file://{file}").stdout
