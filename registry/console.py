"""What the terminal sees: progress bars for what may take over two seconds, tables, lines."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from typing import Literal, TypeVar

T = TypeVar("T")

__all__ = [
    "print_table",
    "progress",
    "progress_bar",
    "say",
    "say_above_bar",
    "table_text",
    "tell",
]


def progress(
    items: Iterable[T],
    label: str,
    *,
    total: int | None = None,
    unit: str = "it",
    quiet: bool = False,
) -> Iterator[T]:
    """Yield from `items` under a bar on standard error; in a log file a line every ten seconds."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress_bar(label, total=total, unit=unit, quiet=quiet) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def progress_bar(
    label: str, *, total: int | None = None, done: int = 0, unit: str = "it", quiet: bool = False
) -> Iterator[Callable[[int], object]]:
    """A bar that is moved by hand, by calling what the context gives with a number of items.

    `done` of `total` were finished before; the rate and the time left do not count them. Of nothing
    there is no bar.
    """
    from tqdm import tqdm

    interactive = sys.stderr.isatty()
    with tqdm(
        desc=label,
        total=total,
        initial=done,
        unit=unit,
        disable=quiet or total == 0,
        dynamic_ncols=interactive,
        mininterval=0.1 if interactive else 10.0,
        file=sys.stderr,
    ) as shown:
        yield shown.update


def say(text: str = "") -> None:
    """One line on standard output."""
    sys.stdout.write(text + "\n")


def say_above_bar(text: str) -> None:
    """One line on standard output at once, which on a terminal does not run into a bar."""
    if sys.stdout.isatty() and sys.stderr.isatty():
        from tqdm import tqdm

        tqdm.write(text, file=sys.stdout)
    else:
        say(text)
    sys.stdout.flush()


def tell(text: str) -> None:
    """One line on standard error, where it gets into no pipe."""
    sys.stderr.write(text + "\n")


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard output: fitted to a terminal, never cut in a file or a pipe."""
    from shutil import get_terminal_size

    width = get_terminal_size().columns if sys.stdout.isatty() else None
    say(table_text(title, header, rows, width=width))


def table_text(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int | None = None
) -> str:
    """A table as text; columns of numbers are aligned right, `width` None lets no line wrap.

    With a `width` it is fitted into that as `fit_columns` says.
    """
    from registry.table_fit import fit_columns

    blocks = [None] if width is None else fit_columns(header, rows, width)
    lines = ["\n".join(_block(header, rows, block)) for block in blocks]
    lines[0] = f"{title}\n{lines[0]}" if title else lines[0]
    return "\n\n".join(lines)


def _block(
    header: Sequence[str], rows: Sequence[Sequence[str]], widths: Mapping[int, int] | None
) -> list[str]:
    """The lines of all columns, or of those that have one of `widths`."""
    import io

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from registry.table_fit import is_number

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    shown = range(len(header)) if widths is None else tuple(widths)
    for index in shown:
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
        table.add_row(*(row[index] for index in shown))
    buffer = io.StringIO()
    console = Console(file=buffer, width=10_000, markup=False, highlight=False, emoji=False)
    console.print(table)
    return [line.rstrip() for line in buffer.getvalue().splitlines()]
