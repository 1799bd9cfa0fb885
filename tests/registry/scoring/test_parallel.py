"""Several batches at once: where, and on how many threads of torch each."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from registry.scoring import parallel
from registry.scoring.parallel import BatchStreams, streams_for


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def embedder(**changes: Any) -> Any:
    given = {"device": "cpu", "engine": None, "concurrent": True} | changes
    return SimpleNamespace(
        device=torch.device(given["device"]),
        engine=given["engine"],
        backbone=SimpleNamespace(concurrent=given["concurrent"]),
    )


def detector(*, concurrent: bool = True) -> Any:
    return SimpleNamespace(concurrent=concurrent)


@pytest.mark.parametrize(("threads", "count"), [(1, 1), (2, 2), (3, 3), (16, 4)])
def test_every_thread_of_torch_gets_a_batch_up_to_four(
    threads: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "has_one_arena", lambda: True)
    torch.set_num_threads(threads)
    assert streams_for(detector(), embedder()) == BatchStreams(count)


@pytest.mark.parametrize(
    ("changes", "concurrent", "one_arena"),
    [
        ({"device": "cuda"}, True, True),
        ({"engine": object()}, True, True),
        ({"concurrent": False}, True, True),
        ({}, False, True),
        ({}, True, False),
    ],
)
def test_one_batch_at_a_time_elsewhere(
    changes: dict[str, Any], concurrent: bool, one_arena: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parallel, "has_one_arena", lambda: one_arena)
    torch.set_num_threads(4)
    assert streams_for(detector(concurrent=concurrent), embedder(**changes)) == BatchStreams()


def test_what_does_not_say_that_it_is_concurrent_is_not_called_at_once() -> None:
    torch.set_num_threads(4)
    assert streams_for(SimpleNamespace(), embedder()) == BatchStreams()  # type: ignore[arg-type]
    silent = SimpleNamespace(device=torch.device("cpu"), engine=None, backbone=SimpleNamespace())
    assert streams_for(detector(), silent) == BatchStreams()  # type: ignore[arg-type]
    assert streams_for(detector(), None) == BatchStreams()


@pytest.mark.parametrize(("threads", "streams", "each"), [(4, 2, 2), (5, 4, 1), (2, 4, 1)])
def test_streams_share_the_threads_of_torch(threads: int, streams: int, each: int) -> None:
    torch.set_num_threads(threads)
    with BatchStreams(streams).open() as pool:
        found = [pool.submit(torch.get_num_threads) for _ in range(8)]
        assert {future.result() for future in found} == {each}
    assert torch.get_num_threads() == threads


def test_a_single_stream_is_the_thread_that_asks() -> None:
    import threading

    with BatchStreams().open() as pool:
        assert pool.submit(threading.get_ident).result() == threading.get_ident()
