"""Make report.png: the report of a drawn face whose mouth was swapped. Needs Chromium on the PATH.

    python docs/assets/make_report.py

The face comes from `toy`: the person does not exist, so the picture may be passed on.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from registry import DatasetRequest
from registry.builtin.datasets.toy.videos import toy_videos

FACE = "068_swap_mouth"
WIDTH, HEIGHT = 1100, 700  # CSS pixels: down to what is folded
TARGET = Path(__file__).with_name("report.png")


def main() -> None:
    """Explain the face, photograph the page, keep the picture in a palette of 256 colours."""
    videos = toy_videos(DatasetRequest(name="toy", root=None, split="test"))
    (frame, *_) = next(video.frames for video in videos if video.id == FACE)
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / f"{FACE}.png"
        shutil.copy(frame.path, photo)
        bench = Path(sys.executable).with_name("bench")
        command = [bench, "explain", str(photo), "--out", folder]
        subprocess.run(command, check=True)  # noqa: S603
        shot = Path(folder) / "shot.png"
        photograph(photo.with_suffix(".html"), shot)
        Image.open(shot).convert("RGB").quantize(256).save(TARGET, optimize=True)


def photograph(page: Path, shot: Path) -> None:
    """Save what a browser shows of a page."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no chromium on the PATH; install it, then run this again")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    size = f"--window-size={WIDTH},{HEIGHT}"
    command = [browser, *flags, size, f"--screenshot={shot}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603


if __name__ == "__main__":
    main()
