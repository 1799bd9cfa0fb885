"""The subcommand `bench explain`."""

from __future__ import annotations

import argparse
import re
import shlex
import time
import webbrowser
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesb_plugin.explain.config import ExplainConfig
from registry import (
    VerdictLines,
    check_inputs,
    check_ready,
    configure_for_files,
    find_media,
    given_flags,
    on_interrupt,
    owned_folder,
    resolve,
    say_above_bar,
    tell,
    unscored,
)

if TYPE_CHECKING:
    from lesb_plugin.explain.explained import Explained, Explaining
    from lesb_plugin.explain.report_index import IndexEntry
    from registry import Sample

__all__ = ["configure_explain", "plain_name", "run_explain", "write_files"]

_EXAMPLES = """\
examples:
  bench explain photo.jpg
  bench explain holiday/ clip.mp4 --out reports --reference MY_REAL_PHOTOS
  bench explain frames/ --clips                       frames/ID/000.png ...: a report for each clip
  bench explain photo.jpg --detector linear --explainer parts
  bench explain photo.jpg --explainer cam --set explain.method=layercam --style jet
  bench explain holiday/ --start-at holiday/7.jpg     go on with this file, as after Ctrl-C
  bench explain holiday/ --json | jq -r '[.path, .verdict.word, .files.report] | @tsv'

Writes one report per file, OUT/NAME.html, which needs no network and no other file, and beside it
NAME.json (every number), NAME.maps.npz (the raw maps) and the pictures. For several files it also
writes OUT/index.html, to sort and filter, and OUT/summary.csv. --open shows the page in the
browser.

Verdict, score and part are those of `bench predict`, whose help explains them. Scores are compared
with real faces of the val split that the detector was fitted with, or with those of --reference. A
report says how often the detector's parts were right when they were audited, or that they have not
been audited (`bench audit --keep`).

--json prints one object per file on a line, and nothing else on standard output: the fields of
`bench predict --json`, and file (size, codec, EXIF and so on), face_pixels, views (the faces that
were drawn, with their maps and pictures), map_scales, report_notes, seconds (by stage of the work)
and files (the paths of report, json and maps; pictures lie beside the report). NAME.json holds the
same without files.

A file without a score (no face, damaged, not an image) gets a report with the reason, and the other
files are still explained. The exit code is 0 if every file has a score, 1 if one has none, and 2 if
nothing was scored because the input or a setting must be changed first."""


def configure_explain(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `bench explain`: those of ExplainConfig and the chosen detector's own."""
    configure_for_files(parser, ExplainConfig, _EXAMPLES)


def run_explain(args: argparse.Namespace) -> int:
    """Write a report for each file and print a line; return 1 if one has no score."""
    config = resolve(ExplainConfig, args.config, args.set, given_flags(args, ExplainConfig))
    inputs = check_inputs(args.inputs, args.start_at, clips=config.clips)
    files = [] if args.start_at is None else [*find_media(args.inputs, clips=config.clips)]
    before = files[: len(files) - len(inputs)]
    reals = check_ready(config)
    scored: list[bool] = []  # of each file that has its report, whether it has a score
    with (
        on_interrupt(lambda: _finished(len(scored), inputs, config)),
        owned_folder(Path(config.out)) as out,
    ):
        _explain(config, reals, before, inputs, out, scored)
    return unscored(scored.count(False), len(scored))


def _explain(
    config: ExplainConfig,
    reals: Sequence[Sample] | None,
    before: Sequence[Path],
    inputs: Sequence[Path],
    out: Path,
    scored: list[bool],
) -> None:
    """Write the reports into `out` and print a line for each; append to `scored` after each.

    The index lists the reports of the files `before` them as well.
    """
    from lesb_plugin.explain.explained import Explaining  # loads torch: after what fails without it
    from lesb_plugin.explain.record import line_of

    started = time.perf_counter()
    explaining = Explaining(config, reals)
    ready = time.perf_counter() - started
    unread = explaining.predictor.notes_on(inputs, clips=config.clips)
    for note in (*unread, *explaining.notes, *explaining.verdict_notes):
        tell(f"note: {note}")
    names = _Names(out)
    lines = VerdictLines(find_media(inputs, clips=config.clips), ("report",))
    entries = _earlier(before, names, out, explaining.predictor.refuse_other)
    with closing(explaining(inputs, clips=config.clips)) as found:
        for each in found:
            name = names.of(each.prediction.path)
            entry, record = write_files(each, explaining, out, name)
            entries.append(entry)
            if config.json:
                say_above_bar(line_of(record, out, name))
            else:
                lines.say(each.prediction, str(out / f"{name}.html"))
            scored.append(each.prediction.score is not None)
    _finish(out, entries, config)
    tell(_times(ready, explaining.predictor.clock.spent, time.perf_counter() - started, config))


def _finished(done: int, inputs: Sequence[Path], config: ExplainConfig) -> str:
    """Say after Ctrl-C which files have their report, and how to go on."""
    if not done:
        return "no report was finished; the same line begins anew"
    files = [*find_media(inputs, clips=config.clips)]
    if done >= len(files):
        return f"every report is in {config.out}; the same line writes them anew"
    go_on = f"the same line with {shlex.join(['--start-at', str(files[done])])} goes on"
    return f"{done} of {len(files)} files have their report in {config.out}; {go_on}"


def _earlier(
    files: Sequence[Path],
    names: _Names,
    out: Path,
    refuse_other: Callable[[Mapping[str, Any], Path], None],
) -> list[IndexEntry]:
    """Return what the index keeps of files whose reports were written earlier."""
    from lesb_plugin.explain.record import record_of
    from lesb_plugin.explain.report_index import entry_of_record

    entries = []
    for path in files:
        name = names.of(path)
        record = record_of(out, name)
        if record:
            refuse_other(record, out)
        entries.append(entry_of_record(out, f"{name}.html", record) if record else None)
    found = [entry for entry in entries if entry is not None]
    if len(found) < len(files):
        count = f"{len(files) - len(found)} of the {len(files)} files before --start-at"
        tell(f"note: {count} have no report in {out}, and are not in the index")
    return found


def _finish(out: Path, entries: list[IndexEntry], config: ExplainConfig) -> None:
    """Write an index of several files, and open a page if requested."""
    from lesb_plugin.explain.report_index import write_index

    page = out / entries[-1].report
    if len(entries) > 1:
        page = write_index(out, entries)
        tell(f"all files: {page}, and as a table: {out / 'summary.csv'}")
    if config.open and not webbrowser.open(page.absolute().as_uri()):
        tell(f"note: no browser could be started; open {page}")


def write_files(
    found: Explained, by: Explaining, out: Path, name: str
) -> tuple[IndexEntry, dict[str, Any]]:
    """Write out/NAME.html and what lies beside it for one file; return its entry and its record."""
    from lesb_plugin.explain.record import (
        as_record,
        clear_pictures,
        draw,
        with_stages,
        write_json,
        write_pictures,
    )
    from lesb_plugin.explain.report import write_report
    from lesb_plugin.explain.report_index import entry_of

    with by.predictor.clock.measure("pictures"):
        drawn = [draw(found, view, by.config.style) for view in found.views]
        clear_pictures(out, name)
        write_pictures(out, name, drawn, found.views)
    stages = Counter(by.stages())
    record = with_stages(as_record(found, by, name, drawn), stages)
    with by.predictor.clock.measure("report"):
        write_report(out / f"{name}.html", found, by, drawn, record)
    stages.update(by.stages())
    record = with_stages(record, stages)
    write_json(out / f"{name}.json", record)
    return entry_of(found, drawn, f"{name}.html"), record


def _times(ready: float, spent: Mapping[str, float], total: float, config: ExplainConfig) -> str:
    """Return seconds by stage; several workers read frames during the forward pass."""
    cells = [f"{stage} {seconds:.2f}" for stage, seconds in spent.items()]
    readers = max(1, config.workers)
    return (
        f"seconds: model and real faces {ready:.2f}, {', '.join(cells)}; {total:.2f} in all"
        f" (frames are read by {readers} worker{'s' * (readers > 1)} during the forward pass)"
    )


class _Names:
    """Names of reports: the file's own without its suffix; if taken, its folder's before it.

    A name is taken by another file of this run, or of an earlier one whose report lies there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken = {"index"}  # of all reports

    def of(self, path: Path) -> str:
        plain = plain_name(path.stem)
        name, number = plain, 1
        if self._is_taken(name, path):
            name = plain = f"{plain_name(path.absolute().parent.name)}_{plain}"
        while self._is_taken(name, path):
            number += 1
            name = f"{plain}-{number}"
        self._taken.add(name.casefold())
        return name

    def _is_taken(self, name: str, path: Path) -> bool:
        from lesb_plugin.explain.record import report_of

        if name.casefold() in self._taken:
            return True
        return report_of(self._folder, name) not in {None, str(path)}


def plain_name(text: str) -> str:
    """Return a name of letters, digits, underscores, dots and dashes, at most 60."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._")[:60] or "input"
