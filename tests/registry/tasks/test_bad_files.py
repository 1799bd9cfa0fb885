"""One bad file is one row with its reason; the run goes on, and `data check` knew it before."""

from __future__ import annotations

import csv
import os
import socket
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from registry import evaluate
from registry.builtin.commands.data_check import check_data
from registry.builtin.commands.data_options import CheckConfig
from registry.faces import reader
from registry.plugins.discovery import load_plugins
from registry.results.predictions import read_predictions

LONG = "x" * 300


def text_as_npy(path: Path) -> None:
    np.save(path, np.array(["a token", "of text"]))


def giant_npy(path: Path) -> None:
    """Half a gigabyte by its header, of which nothing is there."""
    np.save(path, np.zeros((68, 2), np.float32))
    content = path.read_bytes().replace(b"(68, 2)", b"(99999999, 2)")
    path.write_bytes(content.ljust(2 << 20, b"\0"))


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(path.parent)  # an address of a socket is a short one
    server.bind(path.name)
    os.chdir(here)
    server.close()


def zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


def itself(path: Path) -> None:
    path.symlink_to(path)


LANDMARKS = {
    "text": text_as_npy, "giant": giant_npy, "pipe": pipe, "socket": listening, "zero": zero,
    "itself": itself, "object": lambda path: np.save(path, np.array([{}]), allow_pickle=True),
    "nothing": lambda path: path.write_bytes(b""), "folder": Path.mkdir,
    "structured": lambda path: np.save(path, np.zeros(68, [("x", "f4"), ("y", "f4")])),
    "complex": lambda path: np.save(path, np.zeros((68, 2), complex)),
}  # fmt: skip
IMAGES = {
    "pipe": pipe, "socket": listening, "zero": zero, "itself": itself, "folder": Path.mkdir,
    "nothing": lambda path: path.write_bytes(b""), "text": lambda path: path.write_text("no"),
}  # fmt: skip


def data(folder: Path) -> list[list[str]]:
    """Rows of a manifest of four images with landmarks; of 4.png there is none."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    angles = np.linspace(0, 2 * np.pi, 68, endpoint=False)
    points = 32 + 14 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    np.save(folder / "good.npy", points.astype(np.float32))
    rows = []
    for at in range(5):
        cv2.imwrite(str(folder / f"{at}.png"), rng.integers(0, 255, (64, 64, 3)).astype(np.uint8))
        rows.append([f"{at}.png", str(at % 2), "good.npy"])
    return rows[:4]


def write(folder: Path, rows: list[list[str]]) -> None:
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "landmarks"], *rows])


def failed_rows(folder: Path) -> dict[str, str]:
    """Path and reason of every row without a score, and `data check` agrees about their number."""
    out = folder.parent / "run"
    evaluate(
        detector="random", dataset=(str(folder),), out=str(out), draws=0, metrics=("auc",),
        reporters=(), max_errors=0.9, quiet=True, workers=1,
    )  # fmt: skip
    rows = read_predictions(out)[0].to_pylist()
    assert len(rows) == 5
    found = {row["path"]: row["status"] for row in rows if row["status"] != "ok"}
    report = check_data(str(folder), CheckConfig(quiet=True, workers=1), load_plugins())
    problems = (*report.missing, *report.empty, *report.unreadable)
    assert len(problems) == len(found)
    assert report.wrong
    return found


@pytest.mark.parametrize("kind", LANDMARKS)
def test_landmarks_of_any_content_are_a_row_with_a_reason(tmp_path: Path, kind: str) -> None:
    rows = data(tmp_path / "data")
    LANDMARKS[kind](tmp_path / "data" / "bad.npy")
    write(tmp_path / "data", [*rows, ["4.png", "0", "bad.npy"]])
    (reason,) = failed_rows(tmp_path / "data").values()
    assert "FILE" in reason
    assert "bad.npy" not in reason


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_of_any_content_is_a_row_with_a_reason(tmp_path: Path, kind: str) -> None:
    rows = data(tmp_path / "data")
    IMAGES[kind](tmp_path / "data" / "bad.png")
    write(tmp_path / "data", [*rows, ["bad.png", "0", "good.npy"]])
    (path,) = failed_rows(tmp_path / "data")
    assert path.endswith("bad.png")


@pytest.mark.parametrize("name", [f"{LONG}.png", f"{LONG}/0.png", "a\0b.png", f"{LONG}.mp4"])
@pytest.mark.parametrize("column", ["path", "landmarks"])
def test_a_name_that_no_file_can_have_is_a_row_with_a_reason(
    tmp_path: Path, name: str, column: str
) -> None:
    rows = data(tmp_path / "data")
    bad = [name, "0", ""] if column == "path" else ["4.png", "0", name]
    write(tmp_path / "data", [*rows, bad])
    assert len(failed_rows(tmp_path / "data")) == 1


@pytest.mark.parametrize(
    "error",
    [
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "tags"),
        AttributeError("no decoder"),
        MemoryError(),
    ],
)
def test_whatever_a_reader_raises_is_the_frame_s_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    whole = reader.read_image

    def failing(path: Path, *most: int) -> Any:
        if path.name == "bad.png":
            raise error
        return whole(path, *most)

    for module in ("registry.faces.reader", "registry.builtin.commands.data_check"):
        monkeypatch.setattr(f"{module}.read_image", failing)
    rows = data(tmp_path / "data")
    (tmp_path / "data" / "bad.png").write_bytes(b"anything")
    write(tmp_path / "data", [*rows, ["bad.png", "0", "good.npy"]])
    (reason,) = failed_rows(tmp_path / "data").values()
    assert reason.startswith(f"cannot read FILE: {type(error).__name__}")


def test_a_video_that_cannot_be_opened_ends_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> int:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "tags")

    monkeypatch.setattr("registry.data.index.find_frames", failing)
    rows = data(tmp_path / "data")
    (tmp_path / "data" / "bad.mp4").write_bytes(b"anything")
    write(tmp_path / "data", [*rows, ["bad.mp4", "0", ""]])
    (path,) = failed_rows(tmp_path / "data")
    assert path.endswith("bad.mp4")
