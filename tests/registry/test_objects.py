"""Objects of a store that fails now and then, as networks do."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from registry import objects
from registry.errors import ConfigError, DataError
from registry.objects import object_names, opened_copy, read_object, transfers


class Flaky(MemoryFileSystem):
    """In memory; `failures` are what reads end with, after three bytes each."""

    protocol = "flaky"
    failures: ClassVar[list[Exception]] = []
    opens = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("flaky://", "memory://")))

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        type(self).opens += mode == "rb"
        file = super()._open(path, mode, **options)
        return file if mode != "rb" else Broken(file.getvalue())


class Broken(io.BytesIO):
    """Gives three bytes, then what is first among the failures."""

    given = 0

    def read(self, size: int | None = -1) -> bytes:
        if Flaky.failures and self.given >= Broken.most:
            raise Flaky.failures.pop(0)
        data = super().read(Broken.most or 1 if Flaky.failures else size)
        self.given += len(data)
        return data

    most = 3


@pytest.fixture
def flaky(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Flaky]]:
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    monkeypatch.setattr(objects, "_PAUSE", 0.0)
    Flaky.failures, Flaky.opens, Flaky.store = [], 0, {}
    objects._counted.faults.clear()
    yield Flaky
    Flaky.failures, Flaky.store = [], {}
    objects._counted.faults.clear()


def put(url: str, data: bytes) -> str:
    with fsspec.open(url, "wb") as file:
        file.write(data)
    return url


def test_a_read_that_fails_goes_on_from_where_it_was(flaky: type[Flaky]) -> None:
    url = put("flaky://b/x", b"0123456789")
    flaky.failures = [OSError("reset"), TimeoutError("slow"), RuntimeError("of a client")]
    before = transfers()
    assert read_object(url) == b"0123456789"
    after = transfers()
    assert (after.objects - before.objects, after.bytes - before.bytes) == (1, 10)
    assert after.retries - before.retries == 3
    assert flaky.opens == 4


def test_a_store_that_is_away_is_asked_five_times_and_then_no_more(
    flaky: type[Flaky], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = put("flaky://b/x", b"0123456789")
    flaky.failures = [OSError(f"reset {at}") for at in range(20)]
    monkeypatch.setattr(Broken, "most", 0)  # not a byte comes
    with pytest.raises(DataError, match=r"cannot read flaky://b/x after 5 tries: OSError: reset"):
        read_object(url)
    opens = flaky.opens
    for _ in range(3):
        with pytest.raises(DataError, match="after 5 tries"), opened_copy(url):
            pass
    assert flaky.opens == opens


def _raising(*_: Any) -> bytes:
    raise OSError("reset")


def test_pauses_grow(flaky: type[Flaky], monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(objects, "_PAUSE", 0.5)
    monkeypatch.setattr(objects.time, "sleep", slept.append)
    monkeypatch.setattr(Flaky, "_open", _raising)
    with pytest.raises(DataError, match="after 5 tries"):
        read_object("flaky://b/none")
    assert slept == [0.5, 1.0, 2.0, 4.0]


def test_what_is_not_there_is_not_asked_for_again(flaky: type[Flaky]) -> None:
    before = transfers().retries
    with pytest.raises(FileNotFoundError):
        read_object("flaky://b/none")
    assert (flaky.opens, transfers().retries) == (1, before)


def test_a_copy_is_fetched_once_and_few_are_copies(flaky: type[Flaky]) -> None:
    urls = [put(f"flaky://b/{at}", bytes([at]) * 5) for at in range(9)]
    for url in urls:
        for _ in range(3):
            with opened_copy(url) as file:
                assert file.read() == bytes([int(url[-1])]) * 5
    assert flaky.opens == len(urls)
    assert len(list(objects._folder().iterdir())) == objects._MOST_COPIES


def test_names_of_a_pattern_come_in_order(flaky: type[Flaky]) -> None:
    for name in ("b-1.tar", "b-0.tar", "b-0.tar.index.json"):
        put(f"flaky://c/{name}", b"")
    assert object_names("flaky://c/*.tar") == ["flaky://c/b-0.tar", "flaky://c/b-1.tar"]


def test_a_store_without_its_package_is_told_with_what_to_install() -> None:
    with pytest.raises(ConfigError, match=r"nosuchstore://b/x cannot be read here: .*nosuchstore"):
        read_object("nosuchstore://b/x")


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ConfigError, match=r"pip install 'lesb-plugin\[remote\]'"):
        read_object("s3://b/x")
