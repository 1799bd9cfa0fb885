"""Small data sets on disk in the layouts that the field uses."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.video.stream import VideoStream

from registry.contracts.types import DataOptions, DatasetRequest, VideoIndex

SIZE = 64


def touch(root: Path, *names: str) -> Path:
    """Make empty files below a folder."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def brief(index: VideoIndex) -> list[tuple[str, int, str]]:
    """Id, label and method of every video."""
    return [(each.id, each.label, each.method) for each in index.videos]


def landmarks() -> np.ndarray:
    """81 points on a circle in the middle of a 64 px crop."""
    angles = np.linspace(0, 2 * np.pi, 81, endpoint=False)
    return (32 + 14 * np.stack([np.cos(angles), np.sin(angles)], axis=1)).astype(np.float32)


def write_image(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), pixels)
    return path


def write_video(path: Path, frames: int = 12, codec: str = "libx264", **options: str) -> Path:
    """A video whose frame i is grey of 20 + 5 i, with noise in the left third to fill the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = SIZE, 48, "yuv420p", 12
        stream.bit_rate = 4_000_000
        for index in range(frames):
            image = np.full((48, SIZE, 3), 20 + 5 * index, np.uint8)
            noise = np.random.default_rng(index).integers(0, 256, (48, 20, 3), dtype=np.uint8)
            image[:, :20] = noise
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def number_of(image: np.ndarray) -> int:
    """The number of a frame of `write_video`."""
    return round((float(image[:, 30:].mean()) - 20) / 5)


def cut(path: Path, share: float) -> Path:
    """The file without its end."""
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    return path


def write_frames(root: Path, video: str, count: int, *, marks: bool = True) -> list[str]:
    """Frames under `root/video` (`.../frames/<name>`), landmarks beside; their paths below root."""
    paths = []
    for index in range(count):
        path = write_image(
            root / video / f"{index:03d}.png", seed=zlib.crc32(f"{video}{index}".encode())
        )
        paths.append(path.relative_to(root).as_posix())
        if marks:
            folder = path.parents[1].with_name("landmarks") / path.parent.name
            folder.mkdir(parents=True, exist_ok=True)
            np.save(folder / f"{index:03d}.npy", landmarks())
    return paths


def write_json(path: Path, groups: Mapping[str, Any], name: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({name or path.stem: groups}), encoding="utf-8")
    return path


def flat(label: str, videos: Mapping[str, Sequence[str]], split: str = "test") -> dict[str, Any]:
    """One group of a flat set, with empty splits beside the one that is filled."""
    filled = {key: {"label": label, "frames": list(frames)} for key, frames in videos.items()}
    return {each: filled if each == split else {} for each in ("train", "val", "test")}


def celeb_df(root: Path, videos: int = 2, frames: int = 3) -> Path:
    """Celeb-DF-v2 with its published, backslashed paths; returns the folder of the JSON."""
    groups = {}
    for label, folder in (
        ("CelebDFv2_real", "YouTube-real"),
        ("CelebDFv2_fake", "Celeb-synthesis"),
    ):
        listed = {}
        for number in range(videos):
            key = f"{number:05d}"
            written = write_frames(root, f"Celeb-DF-v2/{folder}/frames/{key}", frames)
            listed[key] = [path.replace("/", "\\") for path in written]
        groups[label] = flat(label, listed)
    return write_json(root / "dataset_json" / "Celeb-DF-v2.json", groups).parent


def faceforensics(root: Path, level: str = "c23", name: str = "FaceForensics++") -> Path:
    """One real video and the same name in two manipulations, with masks; returns the JSON."""
    base = "FaceForensics++"
    real = write_frames(root, f"{base}/original_sequences/youtube/{level}/frames/000", 2)
    groups: dict[str, Any] = {"FF-real": {"test": {level: {"000": {"label": "FF-real"}}}}}
    groups["FF-real"]["test"][level]["000"]["frames"] = real
    for label, folder in (("FF-DF", "Deepfakes"), ("FF-NT", "NeuralTextures")):
        video = f"{base}/manipulated_sequences/{folder}/{level}"
        listed = write_frames(root, f"{video}/frames/000_003", 2)
        masks = [f"{base}/manipulated_sequences/{folder}/masks/000_003/001.png"]
        write_image(root / masks[0])
        entry = {"label": label, "frames": listed, "masks": masks}
        groups[label] = {"train": {level: {}}, "test": {level: {"000_003": entry}}}
    return write_json(root / f"{name}.json", groups, base)


def request(name: str, split: str = "test", root: Path | None = None, **options: Any) -> Any:
    return DatasetRequest(name=name, root=root, split=split, options=DataOptions(**options))
