"""The subcommand `predict`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from registry.cli.file_commands import check_inputs, configure_for_files, unscored
from registry.cli.flags import given_flags
from registry.console import say_above_bar, tell
from registry.files import replacing
from registry.settings.load import resolve
from registry.settings.tasks import PredictConfig
from registry.untrusted import one_line

if TYPE_CHECKING:
    from registry.results.file_scores import Prediction
    from registry.tasks.predict import Predictor

__all__ = ["SCHEMA", "configure_predict", "run_predict"]

SCHEMA = 1  # of a JSON line; another number means that a field has changed or gone

_EXAMPLES = """\
examples:
  bench predict photo.jpg
  bench predict holiday/ clip.mp4 --frames 64
  bench predict clip.mp4 --json | jq '.frames[] | {index, score}'
  bench predict crops/ --crop-from frame --out scores.txt

One line per file: its name, the score, the scores of face parts, how many faces were scored in how
many frames. Scores lie in [0, 1], higher meaning more fake; they are no probabilities and no
verdict. A frame's score is that of its highest face, a video's is the mean of its frames. Faces of
less than half the largest one's area are left out, which the line says: --faces all scores them
too, as the forged face may be a small one. In a folder every image and video is a file of
its own.

A file without a score (no face, damaged, no image) has a line with the reason, and the others go
on. The exit code is 0 when every file has a score, 1 when one has none, and 2 when nothing was
scored because something is to be changed first.

--json: one object per line with schema, path, sha256, score, parts, variants, faces,
faces_left_out, frames_used, error, frames (index, score, parts, variants, error, left_out, and
faces with score, parts, variants and box, the rectangle that was cropped, x0 y0 x1 y1 in pixels of
the upright frame), audit (how well the scores of parts say where a face was changed, in words and
figures; null without such scores) and origin (weights, artefact, crops and settings)."""


def configure_predict(parser: argparse.ArgumentParser) -> None:
    """Flags of `bench predict`: those of PredictConfig and the chosen detector's own."""
    configure_for_files(parser, PredictConfig, _EXAMPLES)


def run_predict(args: argparse.Namespace) -> int:
    """Print or write a line for each file; 1 where one has no score."""
    config = resolve(PredictConfig, args.config, args.set, given_flags(args, PredictConfig))
    check_inputs(args.inputs)
    from registry.tasks.predict import Predictor  # loads torch: after what can go wrong without it

    predictor = Predictor(config)
    for note in (*predictor.notes, *predictor.notes_on(args.inputs)):
        tell(f"note: {note}")
    count = failed = 0
    of_parts = False
    with (
        _output(config.out) as write,
        closing(predictor(args.inputs)) as found,
    ):
        for prediction in found:
            write(_json_line(prediction, predictor) if config.json else _text_line(prediction))
            count += 1
            failed += prediction.score is None
            of_parts |= bool(prediction.parts)
    if of_parts:
        tell(f"note: {predictor.audit.words}")
    return unscored(failed, count)


@contextmanager
def _output(out: str | None) -> Iterator[Callable[[str], object]]:
    """What takes a line: standard output, or a file that is there whole or not at all."""
    if out is None:
        yield say_above_bar
        return
    with replacing(Path(out)) as temporary, temporary.open("w", encoding="utf-8") as file:
        yield lambda line: file.write(line + "\n")


def _text_line(found: Prediction) -> str:
    """Cells between tabs, each with its name, the file first."""
    name = one_line(str(found.path).encode(errors="backslashreplace").decode())
    if found.score is None:
        return f"{name}\terror: {one_line(str(found.error))}"
    scores = {"score": found.score, **found.parts}
    cells = [f"{key} {value:.4f}" for key, value in scores.items()]
    lost = "; ".join(f"{n} x {text}" for text, n in found.frame_errors.most_common())
    used = f"frames {found.frames_used}" + (f" of {len(found.frames)} ({lost})" if lost else "")
    cells += [f"faces {found.faces}", used, *filter(None, [found.left_out_note])]
    return "\t".join([name, *cells])


def _json_line(found: Prediction, predictor: Predictor) -> str:
    values = asdict(found)
    record = {
        "schema": SCHEMA,
        "path": str(values.pop("path")),
        "sha256": found.sha256,
        "score": values.pop("score"),
        "faces": found.faces,
        "faces_left_out": found.faces_left_out,
        "frames_used": found.frames_used,
        **values,
        "audit": predictor.audit.to_json() if found.parts else None,
        "origin": predictor.origin,
    }
    return json.dumps(record, allow_nan=False)
