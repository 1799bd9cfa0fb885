"""Shards deal out every chunk once; a part says what it is and is no run to be read."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from registry.errors import ConfigError, DataError
from registry.results.parts import Part, Shard
from registry.results.predictions import read_predictions
from registry.results.result import Result

PARTIAL = Part(
    shard=Shard(2, 3),
    frames=7,
    maker="a" * 64,
    data_fingerprint="b" * 64,
    finished=True,
    frames_scored=2,
    seconds={"score": 0.5},
)


@pytest.mark.parametrize(
    ("total", "count"), [(0, 1), (1, 3), (7, 1), (7, 3), (8, 4), (100, 3), (257, 8)]
)
def test_every_chunk_is_in_one_shard(total: int, count: int) -> None:
    shards = [Shard(number, count).chunks(total) for number in range(1, count + 1)]
    assert sorted(index for shard in shards for index in shard) == list(range(total))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_a_shard_is_some_blocks_of_neighbours_from_all_over_the_data() -> None:
    """So that few archives hold them, and all shards have of every data set."""
    chunks = Shard(2, 4).chunks(1000)
    blocks = sum(later != earlier + 1 for earlier, later in pairwise(chunks))
    assert blocks + 1 <= 8 + 2  # the last 8 chunks of all are dealt out one by one
    assert min(chunks) < 100
    assert max(chunks) > 900


def test_a_shard_is_written_as_it_is_read() -> None:
    assert Shard.parse("2/8") == Shard(2, 8)
    assert str(Shard.parse("2/8")) == "2/8"


@pytest.mark.parametrize("text", ["", "2", "2/0", "a/b", "-1/4", "1/2/3", " 1/2", "1.5/2"])
def test_what_is_no_shard_is_told_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match="such as 1/8"):
        Shard.parse(text)


@pytest.mark.parametrize("text", ["0/4", "5/4"])
def test_a_number_outside_of_the_shards_is_told_with_the_first_and_last(text: str) -> None:
    with pytest.raises(ConfigError, match=f"shard is {text}.*is 1/4 and the last 4/4"):
        Shard.parse(text)


def test_a_part_comes_back_as_it_was(tmp_path: Path) -> None:
    PARTIAL.save(tmp_path)
    assert Part.load(tmp_path) == PARTIAL


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', '{"schema": 1, "shard": 3}'])
def test_a_damaged_part_is_a_data_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "part.json").write_text(text)
    with pytest.raises(DataError, match=r"part\.json"):
        Part.load(tmp_path)


def test_a_part_of_a_later_version_is_told(tmp_path: Path) -> None:
    (tmp_path / "part.json").write_text(json.dumps({**json.loads(PARTIAL.to_text()), "schema": 2}))
    with pytest.raises(DataError, match="schema 2, and this version of bench reads 1"):
        Part.load(tmp_path)


def test_a_folder_without_a_part_is_told_with_what_writes_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="bench eval --shard I/N"):
        Part.load(tmp_path)


def test_who_reads_a_part_as_a_run_is_told_to_merge(tmp_path: Path) -> None:
    PARTIAL.save(tmp_path)
    for read in (Result.load, read_predictions):
        with pytest.raises(DataError, match=r"is part 2/3 of an evaluation.*bench merge"):
            read(tmp_path)
