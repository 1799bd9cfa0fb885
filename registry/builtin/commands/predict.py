"""The subcommand `predict`."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from registry.builtin.commands.line_file import earlier_lines, line_file
from registry.cli.file_record import file_record
from registry.cli.flags import given_flags
from registry.cli.processes import on_interrupt
from registry.cli.verdict_lines import VerdictLines
from registry.console import say_above_bar, tell
from registry.data.inputs import find_media
from registry.settings.load import resolve
from registry.settings.tasks import PredictConfig
from registry.tasks.file_commands import check_inputs, configure_for_files, unscored
from registry.tasks.ready import check_ready

if TYPE_CHECKING:
    from registry.contracts.types import Sample
    from registry.results.file_scores import Prediction
    from registry.tasks.predict import Predictor

__all__ = ["configure_predict", "run_predict"]

_EXAMPLES = """\
examples:
  bench predict photo.jpg
  bench predict holiday/ clip.mp4 --frames 64
  bench predict clip.mp4 --json | jq '.verdict.segments'
  bench predict frames/ --clips                       frames/ID/000.png ...: a line for each clip ID
  bench predict crops/ --crop-from frame --out scores.tsv
  bench predict holiday/ --start-at holiday/7.jpg     go on with this file, as after Ctrl-C

One line per file: its name, a verdict, the score, how many of 100 comparable real faces score
lower, the face part that stands out if one does, when a video looks changed, and notes. In a pipe
and with --out the lines are tab-separated values under a header. `bench explain` gives the same
answer as a report.

Scores are in [0, 1], and higher means more fake; they are not probabilities. The score of a frame
is that of its highest-scoring face, the score of a video the mean over its frames. The verdict
compares it with real faces of similar sharpness: MANIPULATED if at most 5 % of them score as high,
AUTHENTIC if more than 20 % do, UNDETERMINED in between. In a video, the verdict looks for runs of
frames that score above real faces, and corrects for the number of runs; a whole clip that scores
high may just be from another camera, and is called MANIPULATED at 1 % only.

Faces with less than half the area of the largest one are left out, and the line says so: --faces
all scores them too, as the forged face may be a small one. Every image and video in a folder is a
file of its own; with --clips, the images of a folder without sub-folders are the frames of one
clip, judged as a video is, and its line names the folder. A file without a score (no face, damaged,
not an image) gets a line with the reason, and the other files are still scored. The exit code is 0
if every file has a score, 1 if one has none, and 2 if nothing was scored because the input or a
setting must be changed first.

If a folder is a data set (a note says so), what lies in its folders mask and masks is left out.

--json: one object per line with schema, path, sha256 (null for a folder), verdict (word, p,
higher_than_of_100, reference, segments), score, parts (score, p, z, and the low and high ends of
what 90 % of real faces have), part (singled_out, why, readable), variants, faces, faces_left_out,
frames_used, sharpness, notes, error, frames (index, file of a folder's frame, seconds, score,
parts, variants, error, left_out, and faces with score, parts, variants and box, the rectangle that
was cropped, x0 y0 x1 y1 in pixels of the upright frame), audit (how well part scores show where a
face was changed) and origin (weights, artefact, crops and settings). Audit and origin are the same
on every line, so that each can be read alone, whichever lines are picked."""


def configure_predict(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench predict`: those of PredictConfig and the chosen detector's own."""
    configure_for_files(parser, PredictConfig, _EXAMPLES)


def run_predict(args: argparse.Namespace) -> int:
    """Print or write a line for each file; return 1 if one has no score."""
    config = resolve(PredictConfig, args.config, args.set, given_flags(args, PredictConfig))
    inputs = check_inputs(args.inputs, args.start_at, clips=config.clips)
    reals = check_ready(config)
    earlier = "" if args.start_at is None else _earlier(config, args.inputs, inputs)
    scored: list[bool] = []  # of each file that is finished, whether it has a score
    with on_interrupt(lambda: _finished(len(scored), inputs, config)):
        _predict(config, reals, inputs, earlier, scored)
    return unscored(scored.count(False), len(scored))


def _earlier(config: PredictConfig, every: Sequence[Path], inputs: Sequence[Path]) -> str:
    """Return the lines of --out that those of `inputs` come after."""
    if config.out is None:
        return ""
    files = [*find_media(every, clips=config.clips)]
    before = files[: len(files) - len(inputs)]
    return earlier_lines(Path(config.out), before, is_json=config.json)


def _predict(
    config: PredictConfig,
    reals: Sequence[Sample] | None,
    inputs: Sequence[Path],
    earlier: str,
    scored: list[bool],
) -> None:
    """Score the files and print or write their lines, after those that are written already; append
    to `scored` after each.
    """
    from registry.tasks.predict import Predictor  # loads torch: after what can go wrong without it

    predictor = Predictor(config, reals)
    if earlier and config.json:
        predictor.refuse_other(json.loads(earlier.splitlines()[-1]), Path(str(config.out)))
    for note in (*predictor.notes, *predictor.notes_on(inputs, clips=config.clips)):
        tell(f"note: {note}")
    with (
        _output(config.out, earlier) as write,
        closing(predictor(inputs, clips=config.clips)) as found,
    ):
        paths = find_media(inputs, clips=config.clips)
        lines = VerdictLines(paths, plain=config.out is not None, headed=bool(earlier))
        for prediction in found:
            write(_json_line(prediction, predictor) if config.json else lines.text(prediction))
            scored.append(prediction.score is not None)
    for note in predictor.verdict_notes if any(scored) else ():
        tell(f"note: {note}")


def _finished(done: int, inputs: Sequence[Path], config: PredictConfig) -> str:
    """Say after Ctrl-C which files have their line, and how to go on."""
    if not done:
        return "no file was finished; the same line begins anew"
    place = "" if config.out is None else f" in {config.out}"
    files = [*find_media(inputs, clips=config.clips)]
    if done >= len(files):
        return f"every file has its line{place}"
    go_on = f"the same line with {shlex.join(['--start-at', str(files[done])])} goes on"
    return f"{done} of {len(files)} files have their line{place}; {go_on}"


def _output(out: str | None, earlier: str) -> AbstractContextManager[Callable[[str], object]]:
    """Return what takes lines: standard output, or a file that holds those of earlier files."""
    return nullcontext(_print) if out is None else line_file(Path(out), earlier)


def _print(text: str) -> None:
    for line in text.split("\n"):
        say_above_bar(line)


def _json_line(found: Prediction, predictor: Predictor) -> str:
    audit = predictor.audit if found.parts else None
    record = file_record(found, audit=audit, origin=predictor.origin)
    return json.dumps(record, allow_nan=False)
