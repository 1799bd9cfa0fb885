"""The subcommand `prepare`: videos and images to face crops that DeepfakeBench reads too.

What a policy stores, and how it is scored afterwards:

`sbi` stores what SBI's networks see: every face of at least half the largest one's area, the
detector's box grown by 12.5 % of its width and height on each side (truncated to integers, one
pixel more on the far edges, clipped to the frame) and resized to 380x380, aspect not kept. Such a
crop must reach the network as it is: one that is cut out of it again shows less of the head. A
further face of a frame is listed as a frame of its own, so that a video's score is the mean over
its faces, where the score of the video file itself takes the highest face of each frame.

`deepfakebench` stores what DeepfakeBench's preprocessing does: the largest face, moved onto
ArcFace's template by a similarity, with 0.3 of the template's side around it, 256x256; with
`--face-detector dlib` the detector is called as there, at twice the size (`dlib_x2`). Backbones
with the same policy find the same crop again from the landmarks beside it.
"""

from __future__ import annotations

import argparse
import shlex
from collections import defaultdict
from typing import TYPE_CHECKING

from registry.builtin.prepare.options import PrepareConfig
from registry.cli.flags import add_config_flags, given_flags
from registry.console import print_table, say
from registry.owner import owned_folder
from registry.plugins.discovery import load_plugins
from registry.ranks import first_goes_first
from registry.settings.load import resolve

if TYPE_CHECKING:
    from registry.builtin.prepare.crops import Summary
    from registry.builtin.prepare.layout import Record

__all__ = ["configure_prepare", "run_prepare"]

_EXAMPLES = """\
examples:
  bench prepare clips/ --label fake --out crops/mine
  bench prepare a.mp4 b.jpg --labels labels.csv --policy deepfakebench --out crops/mine
  bench prepare Celeb-DF-v2/ --workers 8 --out crops/celeb_df      a data set has its own labels
  bench prepare clips/ --labels labels.csv --policy deepfakebench --face-detector dlib \
    --landmarks shape_predictor_81_face_landmarks.dat --checkout DeepfakeBench/ --name mine
  bench prepare dfdc --data-root /data/rgb --split train --out crops/dfdc
  bench prepare clips/ --label fake --out crops/mine --shards      tar files too, for object stores

Writes crops, landmarks and the JSON that lists them in DeepfakeBench's layout; with --checkout the
test script of that checkout can read them. Run again with the same --out, it continues where it
stopped, and adds new inputs and splits. Policy sbi: the face box enlarged by 12.5 %, 380 px;
deepfakebench: eyes, nose and mouth aligned to ArcFace's template, 256 px. The exit code is 1 if no
frame gave a crop."""

_LISTED = 10


def configure_prepare(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench prepare`."""
    parser.usage = f"{parser.prog} INPUT ... --out DIR [options]"
    parser.epilog = _EXAMPLES
    parser.add_argument(
        "input",
        nargs="+",
        help="a video, an image, a folder of them, or a data set as `bench eval` takes it",
    )
    add_config_flags(parser, PrepareConfig)


def run_prepare(args: argparse.Namespace) -> int:
    """Prepare, print what was made and what failed, and give the command that scores it."""
    config = resolve(PrepareConfig, args.config, args.set, given_flags(args, PrepareConfig))
    place = config.place
    if config.shards:
        from registry.builtin.prepare.shards import check_writer

        check_writer()
    from registry.builtin.prepare.crops import prepare  # numpy: after what goes wrong without it
    from registry.builtin.prepare.inputs import find_inputs

    plugins = load_plugins()
    with first_goes_first():
        videos = find_inputs(args.input, config, plugins)
    with owned_folder(place / config.name_in(place)):
        summary = prepare(videos, config, place, plugins)
        if summary is None:
            return 0
        _print(summary, config)
        if config.shards:
            _pack(summary, config)
    return int(not summary.has_crops)


def _print(summary: Summary, config: PrepareConfig) -> None:
    store = summary.store
    groups: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in summary.records:
        for split in record.splits:
            groups[record.group, split].append(record)
    header = ("label group", "split", "videos", "without crops", "frames", "crops", "failed frames")
    rows = [(*which, *_counts(records)) for which, records in sorted(groups.items())]
    print_table(f"{store.name}: policy {config.policy}, {config.crop.size} px", header, rows)
    if summary.reasons:
        say()
        reasons = summary.reasons.most_common(_LISTED)
        print_table("failures", ("frames", "reason"), [(str(n), text) for text, n in reasons])
        if len(summary.reasons) > _LISTED:
            say(f"and {len(summary.reasons) - _LISTED} more reasons")
        say(f"each one: {store.failures}")
    say()
    say(f"videos prepared now: {summary.prepared}, finished before: {summary.skipped}")
    say(f"index: {store.index}")
    if summary.has_crops:
        line = ["--dataset", f"deepfakebench:{store.name}", "--data-root", str(store.out)]
        line += ["--split", config.split, "--crop-from", "frame"]
        say(f"score: bench eval {shlex.join(line)}")
    _print_checkout_settings(summary, config)


def _pack(summary: Summary, config: PrepareConfig) -> None:
    """Write the shards, and give the command that scores them."""
    from registry.builtin.prepare.shards import shards_folder, write_shards

    store = summary.store
    shards = write_shards(store, summary.records, config.shard_size, quiet=config.quiet)
    if shards:
        line = ["--dataset", f"wds:{shards_folder(store)}", "--split", config.split]
        say()
        say(f"shards: {len(shards)} in {shards_folder(store)}")
        say(f"score: bench eval {shlex.join([*line, '--crop-from', 'frame'])}")


def _print_checkout_settings(summary: Summary, config: PrepareConfig) -> None:
    store = summary.store
    say()
    say("for DeepfakeBench, under `label_dict:` in training/config/test_config.yaml:")
    for name, label in store.labels(summary.records).items():
        say(f"  {name}: {label}")
    say(f"(also in {store.fragment})")
    if store.listing is not None:
        say(f"its JSON: {store.listing}; the data set is --test_dataset {store.name}")
    if config.policy == "deepfakebench" and config.landmarks is None:
        say(
            "note: DeepfakeBench's own crops are based on the 81-point predictor"
            " (--landmarks shape_predictor_81_face_landmarks.dat); these use other"
            " landmarks"
        )


def _counts(records: list[Record]) -> tuple[str, ...]:
    numbers = (
        len(records),
        sum(not record.crops for record in records),
        sum(record.frames for record in records),
        sum(len(record.crops) for record in records),
        sum(len(record.failures) for record in records),
    )
    return tuple(map(str, numbers))
