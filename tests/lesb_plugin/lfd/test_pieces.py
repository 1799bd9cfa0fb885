"""Finished faces in files: found again whole, made again where anything is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray

from lesb_plugin.lfd.pieces import PIECE, Pieces, piece_folder
from lesb_plugin.lfd.variants import Skipped
from registry import Rank, read_sealed
from registry.scoring.sealed import write_sealed

FACES = 2 * PIECE + 5


@dataclass(frozen=True, slots=True)
class Drawn:
    name: str
    pixels: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Item:
    values: NDArray[np.float32]
    names: tuple[str, ...]
    example: Drawn | None


class Work:
    """Makes items by place; which ones, in `done`. `broken` places give nothing.

    `batches` are the places of each call that made something.
    """

    def __init__(self, broken: Sequence[int] = ()) -> None:
        self.done: list[int] = []
        self.batches: list[list[int]] = []
        self.broken = broken

    def __call__(self, places: Sequence[int]) -> Iterator[Item | Skipped]:
        if places:
            self.batches.append(list(places))
        for place in places:
            self.done.append(place)
            example = Drawn(f"é{place}", np.full((2, 2, 3), place, np.uint8))
            item = Item(
                values=np.random.default_rng(place).normal(size=(3, 4)).astype(np.float32),
                names=("", f"family {place}"),
                example=example if place < 3 else None,
            )
            yield Skipped(str(place), "broken") if place in self.broken else item


def run(folder: Path | None, work: Work, stop: int = FACES) -> list[Item | Skipped]:
    """Items of the first `stop` places of FACES, and then the process dies."""
    items = Pieces(folder, Item, Drawn).each(FACES, work)
    return [next(items) for _ in range(stop)] if stop < FACES else list(items)


def assert_equal(found: Sequence[Item | Skipped], expected: Sequence[Item | Skipped]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if isinstance(one, Skipped) or isinstance(other, Skipped):
            assert one == other
            continue
        np.testing.assert_array_equal(one.values, other.values)
        assert one.values.dtype == other.values.dtype
        assert (one.names, one.example is None) == (other.names, other.example is None)
        if one.example is not None and other.example is not None:
            assert one.example.name == other.example.name
            np.testing.assert_array_equal(one.example.pixels, other.example.pixels)


EXPECTED = run(None, Work())


def test_what_a_killed_run_has_finished_is_not_made_again(tmp_path: Path) -> None:
    run(tmp_path, Work(), stop=PIECE + 7)
    again = Work()
    assert_equal(run(tmp_path, again), EXPECTED)
    assert again.done == list(range(PIECE, FACES))
    third = Work()
    assert_equal(run(tmp_path, third), EXPECTED)
    assert third.done == []


def test_a_damaged_file_is_made_again_and_no_other(tmp_path: Path) -> None:
    run(tmp_path, Work())
    path = tmp_path / "000001.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    again = Work()
    assert_equal(run(tmp_path, again), EXPECTED)
    assert again.batches == [list(range(PIECE, 2 * PIECE))]  # workers start once for a file


def test_a_file_that_another_run_deletes_meanwhile_is_made_again(tmp_path: Path) -> None:
    run(tmp_path, Work())
    again = Work()
    items = Pieces(tmp_path, Item, Drawn).each(FACES, again)
    first = [next(items) for _ in range(PIECE)]
    for path in tmp_path.iterdir():
        path.unlink()
    assert_equal([*first, *items], EXPECTED)
    assert again.done == list(range(PIECE, FACES))


def test_faces_that_could_not_be_used_are_tried_again(tmp_path: Path) -> None:
    broken = (2, PIECE)
    found = run(tmp_path, Work(broken))
    assert [each.key for each in found if isinstance(each, Skipped)] == ["2", str(PIECE)]
    again = Work()
    assert_equal(run(tmp_path, again), EXPECTED)
    assert again.done == list(broken)


def test_every_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, Work(broken=(2, PIECE, 2 * PIECE)))
    run(tmp_path, Work())  # its file holds places from between those of the others
    paths = sorted(tmp_path.glob("*.npz"))
    damaged = paths[1].read_bytes()
    paths[1].write_bytes(damaged[: len(damaged) // 2])
    read = Mock(wraps=read_sealed)
    monkeypatch.setattr("lesb_plugin.lfd.pieces.read_sealed", read)
    assert_equal(run(tmp_path, Work()), EXPECTED)
    # of a file that was cut short not even the names are known
    assert [call.args[0] for call in read.call_args_list] == [paths[0], paths[3], paths[2]]


def test_a_file_that_another_run_replaces_meanwhile_gives_what_it_has(tmp_path: Path) -> None:
    run(tmp_path, Work())
    again = Work()
    items = Pieces(tmp_path, Item, Drawn).each(FACES, again)
    first = [next(items) for _ in range(PIECE)]
    path = tmp_path / "000001.npz"
    arrays = read_sealed(path) or {}
    lost = [f"{PIECE + 3}.", f"{PIECE + 4}."]
    write_sealed(path, {name: arrays[name] for name in arrays if name[:3] not in lost})
    assert_equal([*first, *items], EXPECTED)
    assert again.batches == [[PIECE + 3, PIECE + 4]]


def test_pieces_of_other_content_or_another_rank_are_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [piece_folder(tmp_path, "a", [1, 2]), piece_folder(tmp_path, "a", [1, 3])]
    for rank in (Rank(0, 2), Rank(1, 2), replace(Rank(1, 2), restarts=1)):
        monkeypatch.setattr("lesb_plugin.lfd.pieces.this_rank", lambda rank=rank: rank)
        folders.append(piece_folder(tmp_path, "a", [1, 2]))
    assert len(set(folders)) == 4
    assert folders[-1] == folders[-2]
    assert piece_folder(None, "a") is None
