"""Terminal output: progress bars for work that may take over two seconds, tables, lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, Protocol, TextIO, TypeVar

from registry.streams import BAR_LINE, output, same_place, write
from registry.untrusted import one_line

T = TypeVar("T")
_STEPS: ContextVar[tuple[str, ...]] = ContextVar("steps", default=())  # of the work in progress

__all__ = [
    "Block",
    "ProgressBar",
    "byte_count",
    "fit_columns",
    "is_number",
    "numbered_steps",
    "print_plan",
    "print_records",
    "print_table",
    "progress",
    "progress_bar",
    "say",
    "say_above_bar",
    "say_block",
    "table_text",
    "tell",
    "terminal_width",
]

_GAP = 3  # between two columns
_SENTENCE, _WORD = 16, 40  # the least width of a long text, and from which a word is broken
Block = dict[int, int]  # width by column, in their order


def progress(
    items: Iterable[T],
    label: str,
    *,
    total: int | None = None,
    unit: str = "it",
    quiet: bool = False,
) -> Iterator[T]:
    """Yield from `items` under a bar on standard error; in a log file as a line every ten
    seconds.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress_bar(label, total=total, unit=unit, quiet=quiet) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def numbered_steps(what: str, labels: Sequence[str], *, quiet: bool = False) -> Iterator[None]:
    """Announce the steps of a long work; bars with these labels then say `2 of 4: LABEL`."""
    if not quiet:
        tell(f"{what} has {len(labels)} steps: {', '.join(labels)}")
    token = _STEPS.set(tuple(labels))
    try:
        yield
    finally:
        _STEPS.reset(token)


def _numbered(label: str) -> str:
    steps = _STEPS.get()
    return f"{steps.index(label) + 1} of {len(steps)}: {label}" if label in steps else label


class ProgressBar(Protocol):
    """Moves a progress bar."""

    def __call__(self, count: int, figures: str = "") -> None:
        """Advance it by `count` items; `figures` stay at its end from then on."""


@contextmanager
def progress_bar(
    label: str, *, total: int | None = None, done: int = 0, unit: str = "it", quiet: bool = False
) -> Iterator[ProgressBar]:
    """Show a bar; the context yields a function that advances it by a number of items.

    `done` of `total` were finished before; the rate and the time left do not count them. There
    is no bar for zero items.
    """
    from tqdm import tqdm

    interactive = sys.stderr.isatty()
    if not interactive:
        output().flush()  # lines that were printed before stand above the bar, if both go to a log
    with tqdm(
        desc=_numbered(label),
        total=total,
        initial=done,
        unit=unit,
        disable=quiet or total == 0,
        dynamic_ncols=interactive,
        mininterval=0.1 if interactive else 10.0,
        file=sys.stderr if interactive else BAR_LINE,
    ) as bar:

        def advance(count: int, figures: str = "") -> None:
            if figures:
                bar.set_postfix_str(figures, refresh=False)
            bar.update(count)

        yield advance


def say(text: str = "") -> None:
    """Print one line on standard output; a newline in it, which a name may have, is escaped."""
    say_block(text.replace("\n", "\\n"))


def say_block(text: str) -> None:
    """Print lines on standard output."""
    write(text + "\n", output())


def say_above_bar(text: str) -> None:
    """Print one line on standard output at once, without running into a bar on a terminal or in a
    pipe that both share.
    """
    if output().isatty() and sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm.external_write_mode(sys.stderr):  # where bars are
            say(text)
    else:
        if same_place(output(), sys.stderr):
            BAR_LINE.end()
        say(text)
    output().flush()


def byte_count(count: int) -> str:
    """Format a number of bytes in the largest unit of which there is one: `1.5 GB`."""
    size, units = float(count), iter(("kB", "MB", "GB", "TB"))
    unit = "bytes"
    while size >= 1000 and (larger := next(units, None)):
        size, unit = size / 1000, larger
    return f"{count} bytes" if unit == "bytes" else f"{size:.1f} {unit}"


def tell(text: str) -> None:
    """Print one line on standard error, which pipes do not carry; below a bar in a log."""
    BAR_LINE.end()
    write(text + "\n", sys.stderr)


def print_plan(plan: Sequence[tuple[str, str]], *, as_json: bool = False) -> None:
    """Print what a command would do, as `--dry-run` does once every check has passed.

    As JSON: `{"dry_run": true, "plan": [{"name": NAME, "value": VALUE}, ...]}`, in the same order.
    """
    if as_json:
        import json

        rows = [{"name": name, "value": value} for name, value in plan]
        say_block(json.dumps({"dry_run": True, "plan": rows}, indent=1))
        return
    title = "every check passed; nothing was run"
    print_table(title, ("what would be done", ""), plan)


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on standard output: fitted to a terminal, never cut in a file or a pipe."""
    say_block(table_text(title, header, rows, width=terminal_width()))


def terminal_width(stream: TextIO | None = None) -> int | None:
    """Return the columns of the terminal that a stream, standard output by default, leads to.

    None where it leads to a file or a pipe.
    """
    from shutil import get_terminal_size

    stream = output() if stream is None else stream
    return get_terminal_size().columns if stream.isatty() else None


def print_records(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on a terminal; in a file or a pipe, tab-separated values under a header."""
    if output().isatty():
        print_table("", header, rows)
        return
    say_block("\n".join("\t".join(map(one_line, row)) for row in (header, *rows)))


def table_text(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None
) -> str:
    """Format a table; columns of numbers are aligned right. With `width` None no line wraps.

    With a `width` it is fitted into that as `fit_columns` says. A cell is one line, whatever the
    names in it hold.
    """
    rows = [[one_line(cell) for cell in row] for row in rows]
    blocks = [None] if width is None else fit_columns(header, rows, width)
    lines = ["\n".join(_block(header, rows, block)) for block in blocks]
    lines[0] = f"{title}\n{lines[0]}" if title else lines[0]
    return "\n\n".join(lines)


def _block(
    header: Sequence[str], rows: Sequence[Sequence[str]], widths: Mapping[int, int] | None
) -> list[str]:
    """Return the lines of all columns, or of those that have one of `widths`."""
    import io

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    columns = range(len(header)) if widths is None else tuple(widths)
    for index in columns:
        numbers = all(is_number(row[index]) for row in rows)
        justify: Literal["left", "right"] = "right" if numbers else "left"
        table.add_column(
            header[index],
            justify=justify,
            overflow="fold",  # of a word that is too long nothing is cut
            width=None if widths is None else widths[index],
            no_wrap=widths is None and (numbers or index == 0),
        )
    for row in rows:
        table.add_row(*(row[index] for index in columns))
    buffer = io.StringIO()
    console = Console(file=buffer, width=10_000, markup=False, highlight=False, emoji=False)
    console.print(table)
    return [line.rstrip() for line in buffer.getvalue().splitlines()]


def fit_columns(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[Block]:
    """Divide columns into blocks of at most `width`, to be printed below each other.

    Texts and headings wrap, the widest first; numbers do not. If that is not enough, the table
    continues below with its first column repeated, so that nothing is cut.
    """
    columns = list(zip(header, *rows, strict=True))
    natural = [max(map(_length, column)) for column in columns]
    least = [_least(column, whole) for column, whole in zip(columns, natural, strict=True)]
    blocks: list[list[int]] = [[]]
    for index in range(len(columns)):
        block = blocks[-1]
        if len(block) > 1 and _total(least[at] for at in (*block, index)) > width:
            blocks.append(block := [0])
        block.append(index)
    return [_squeezed(block, natural, least, width) for block in blocks]


def is_number(cell: str) -> bool:
    """Say whether a cell is a number, an interval, or empty, to be aligned right."""
    return (
        cell in {"", "-"} or cell[0] in "0123456789.+" or (cell[0] == "-" and cell[1:2].isdigit())
    )


def _least(column: Sequence[str], natural: int) -> int:
    """Return how narrow a column may be; its first cell is the heading."""
    heading, cells = column[0], column[1:]
    longest = max((_length(word) for cell in column for word in cell.split()), default=1)
    if all(map(is_number, cells)):
        return max(longest, *map(_length, cells), 1)
    return min(natural, max(_SENTENCE, _length(heading.split(" ")[0]), min(longest, _WORD)))


def _squeezed(
    block: Sequence[int], natural: Sequence[int], least: Sequence[int], width: int
) -> Block:
    """Return widths of the columns of a block: the widest that can shrink does, until all fit."""
    widths = {index: natural[index] for index in block}
    for floors in (least, [1] * len(least)):  # the second where not even two columns fit
        while _total(widths.values()) > width:
            able = [index for index in block if widths[index] > floors[index]]
            if not able:
                break
            widths[max(able, key=widths.__getitem__)] -= 1
    return widths


def _total(widths: Iterable[int]) -> int:
    given = list(widths)
    return sum(given) + _GAP * (len(given) - 1)


def _length(text: str) -> int:
    """Count terminal columns: some letters take two."""
    from rich.cells import cell_len

    return cell_len(text)
