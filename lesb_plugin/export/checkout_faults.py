"""Find what prevents a script of a DeepfakeBench checkout from running, before it is started.

Each fault is one sentence that says what to do. The checkout's files are read and never written.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesb_plugin.export.checkout_sources import Sources
from registry import BenchError, load_yaml, read_json

__all__ = ["EXTRA", "TEST_CONFIG", "find_faults", "out_of_scope"]

EXTRA = "lesb-plugin[deepfakebench]"
TEST_CONFIG = Path("training/config/test_config.yaml")
PREDICTOR = "shape_predictor_81_face_landmarks.dat"
PREDICTOR_AT = Path("preprocessing/dlib_tools", PREDICTOR)
_MAY_BE_MISSING = 0.01  # of the frames: the first is taken in their place, as it always is there
# Import names that the extra brings; imports under other names than their package's have both.
BROUGHT = frozenset(
    [
        *("clip", "efficientnet_pytorch", "einops", "filterpy", "fvcore", "imgaug", "iopath"),
        *("kornia", "lmdb", "loralib", "simplejson", "transformers", "yacs"),
    ]
)
PACKAGES = {"clip": "openai-clip", "cv2": "opencv-python-headless", "skimage": "scikit-image"}
COMPRESSED = frozenset(
    ["FF-DF", "FF-F2F", "FF-FS", "FF-NT", "FaceForensics++", "DeepFakeDetection", "FaceShifter"]
)


def out_of_scope(script: Path) -> str:
    """Say why this launcher cannot run a script; "" if it can."""
    if script.name != "train.py":
        return ""
    return (
        f"{script} trains, and LESB is not trained in a checkout: train its backbone with"
        " `bench train` and fit it with `bench fit`; only the checkout's test script is"
        " supported"
    )


def find_faults(sources: Sources, argv: Sequence[str]) -> list[str]:
    """Return sentences, in the script's working folder; none if it can run."""
    faults = [*_packages(sources.missing), *_predictor(sources)]
    config = _config(argv)
    if config is not None:
        faults += _lmdb(config)
        for name in config.datasets:
            faults += _dataset(config, name)
    return faults


def _packages(missing: Sequence[str]) -> Iterator[str]:
    if not missing:
        return
    others = [PACKAGES.get(name, name) for name in missing if name not in BROUGHT]
    wanted = [f"'{EXTRA}'"] * any(name in BROUGHT for name in missing) + others
    yield (
        f"the checkout imports packages that are missing: {', '.join(missing)}; pip"
        f" install {' '.join(wanted)}"
    )


def _predictor(sources: Sources) -> Iterator[str]:
    if sources.mention(PREDICTOR) and not PREDICTOR_AT.is_file():
        yield (
            f"no {PREDICTOR_AT}, which the checkout opens on import; its README links to the file"
        )


# --- configuration and data -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Config:
    """The detector's configuration with the test configuration over it."""

    values: Mapping[str, Any]
    datasets: Sequence[str]

    @property
    def labels(self) -> Mapping[str, Any]:
        labels = self.values.get("label_dict")
        return labels if isinstance(labels, Mapping) else {}

    @property
    def frames(self) -> int:
        number = self.values.get("frame_num")
        of_test = number.get("test") if isinstance(number, Mapping) else None
        return of_test if isinstance(of_test, int) else 1


def _config(argv: Sequence[str]) -> _Config | None:
    """Read the configuration; None if the script has none that can be read, which it reports
    itself.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--detector_path")
    parser.add_argument("--test_dataset", nargs="+", default=[])
    args, _ = parser.parse_known_args(argv)
    if args.detector_path is None or not TEST_CONFIG.is_file():
        return None
    try:
        read = [_mapping(Path(args.detector_path)), _mapping(TEST_CONFIG)]
    except BenchError:
        return None
    return _Config(values={**read[0], **read[1]}, datasets=args.test_dataset)


def _mapping(path: Path) -> dict[str, Any]:
    return load_yaml("", str(path.absolute()))


def _lmdb(config: _Config) -> Iterator[str]:
    folder = str(config.values.get("lmdb_dir", ""))
    if config.values.get("lmdb") and not Path(folder).is_dir():
        yield (
            f"{TEST_CONFIG} says `lmdb: True`, and there is no folder"
            f" {folder or 'lmdb_dir'}; set `lmdb: False` there to read image files"
        )


def _dataset(config: _Config, name: str) -> Iterator[str]:
    folder = Path(str(config.values.get("dataset_json_folder", "preprocessing/dataset_json")))
    path = folder / f"{name}.json"
    if not path.is_file():
        there = ", ".join(sorted(each.stem for each in folder.glob("*.json"))) or "none"
        yield f"no {path} for --test_dataset {name}; JSON files in that folder: {there}"
        return
    try:
        content = read_json(path)
    except BenchError as error:
        yield str(error)
        return
    try:
        videos = list(_videos(content, name, config))
        found = [*_labels(config, path, videos), *_frames(config, path, videos)]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        found = [f"{path} does not have DeepfakeBench's layout ({error!r})"]
    yield from found


def _videos(content: Any, name: str, config: _Config) -> Iterator[Mapping[str, Any]]:
    """Yield those of the test split, as the script will request them."""
    whole = name.removesuffix("_c40")
    for group in content[whole].values():
        videos = group["test"]
        if whole in COMPRESSED:
            videos = videos["c40" if name != whole else config.values["compression"]]
        yield from videos.values()


def _labels(config: _Config, path: Path, videos: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    unknown = sorted({str(each["label"]) for each in videos} - set(config.labels))
    if unknown:
        lines = ", ".join(f"{label}: {int('fake' in label.lower())}" for label in unknown)
        yield (
            f"labels of {path} are not in the label_dict of {TEST_CONFIG}; add to it: {lines}"
            " (0 real, 1 fake)"
        )


def _frames(config: _Config, path: Path, videos: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    listed = [text for each in videos for text in each["frames"]]
    there = [_looked_for(text, config).is_file() for text in listed]
    if not listed or (there[0] and there.count(False) <= _MAY_BE_MISSING * len(there)):
        return
    first = listed[there.index(False)]
    mend = (
        ""
        if first.startswith(".")
        else "; on Linux a listed path must start with ./ and is read from the checkout's folder"
    )
    yield (
        f"{there.count(False)} of {len(listed)} frames of {path} are not where the"
        f" checkout looks for them, first {_looked_for(first, config)}: it would use its"
        f" first frame in their place, or never end{mend}. `bench prepare --checkout .`"
        " writes frames where it finds them"
    )


def _looked_for(listed: str, config: _Config) -> Path:
    """Return where the checkout's loader looks for a frame."""
    if listed.startswith("."):
        return Path(listed)
    return Path(f"./{config.values.get('rgb_dir', '')}\\{listed}")
