"""How a table is fitted to a terminal: which columns stand side by side, and how wide each is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

__all__ = ["Block", "fit_columns", "is_number"]

_GAP = 3  # between two columns
_SENTENCE, _WORD = 16, 40  # the least width of a long text, and from which a word is broken

Block = dict[int, int]  # width by column, in their order


def fit_columns(header: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[Block]:
    """Blocks of columns that are each at most `width` wide, to be printed below each other.

    Texts and headings wrap, the widest first, and numbers do not. Where that is not enough the
    table goes on below with its first column again, so that nothing is cut.
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
    """Whether a cell is a number, an interval, or nothing, to be aligned right."""
    return (
        cell in {"", "-"} or cell[0] in "0123456789.+" or (cell[0] == "-" and cell[1:2].isdigit())
    )


def _least(column: Sequence[str], natural: int) -> int:
    """How narrow a column may be; its first cell is the heading."""
    heading, cells = column[0], column[1:]
    longest = max((_length(word) for cell in column for word in cell.split()), default=1)
    if all(map(is_number, cells)):
        return max(longest, *map(_length, cells), 1)
    return min(natural, max(_SENTENCE, _length(heading.split(" ")[0]), min(longest, _WORD)))


def _squeezed(
    block: Sequence[int], natural: Sequence[int], least: Sequence[int], width: int
) -> Block:
    """Widths of the columns of a block: the widest that can give way does, until all fit."""
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
    """Columns of the terminal: some letters take two."""
    from rich.cells import cell_len

    return cell_len(text)
