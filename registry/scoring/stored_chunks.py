"""Keep finished chunks in their files, by index: embeddings of millions of faces would fill
memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from registry.scoring.chunks import Chunk, ChunkStore, Unit

__all__ = ["StoredChunks"]


class StoredChunks(Mapping[int, Chunk]):
    """Chunks in the order of their indices; each is read and checked when requested.

    `pieces` are the frames of every chunk of the evaluation.
    """

    def __init__(self, pieces: Sequence[Sequence[Unit]]) -> None:
        self._pieces = pieces
        self._stores: dict[int, ChunkStore] = {}

    def add(self, index: int, store: ChunkStore) -> None:
        """Record that a chunk is finished, and in which store it is."""
        self._stores[index] = store

    def __getitem__(self, index: int) -> Chunk:
        return self._stores[index].again(index, self._pieces[index])

    def __contains__(self, index: object) -> bool:
        return index in self._stores

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self._stores))

    def __len__(self) -> int:
        return len(self._stores)
