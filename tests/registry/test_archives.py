"""Files inside archives: paths, and archives that are not what their index says."""

from __future__ import annotations

import os
import tarfile
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest

from registry.archives import INDEX, absolute_name, archive_index, index_text, inside, scanned
from registry.errors import DataError
from registry.files import check_regular, file_sha256, file_size, is_there, read_file
from registry.scoring.chunks import content_stamp


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two members, and an index with the checksum of the first."""
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name, data in (("x/1.png", b"one"), ("x/2.png", b"three")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, BytesIO(data))
    return path


def with_index(archive: Path) -> Path:
    index = scanned(str(archive))
    entries = {
        name: replace(each, sha256=sha256(data).hexdigest())
        for (name, each), data in zip(index.entries.items(), (b"one", b"three"), strict=True)
    }
    Path(f"{archive}{INDEX}").write_text(index_text(replace(index, entries=entries)))
    return archive


def test_a_member_is_read_as_a_file_is(archive: Path) -> None:
    member, missing = archive / "x/2.png", archive / "x/3.png"
    for _ in range(2):
        assert read_file(member) == b"three"
        assert file_size(member) == 5
        assert file_sha256(member) == file_sha256(_beside(archive, b"three"))
        assert content_stamp(member) == (5, file_sha256(member))
        with_index(archive)
    assert (is_there(member), is_there(missing)) == (True, False)
    check_regular(member, "image")
    with pytest.raises(DataError, match=r"no image file .*a\.tar/x/3\.png"):
        check_regular(missing, "image")
    with pytest.raises(FileNotFoundError):
        file_size(missing)
    assert content_stamp(missing) == ()


def _beside(archive: Path, data: bytes) -> Path:
    path = archive.with_name("plain")
    path.write_bytes(data)
    return path


def test_a_folder_whose_name_ends_in_tar_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "frames.tar").mkdir()
    file = tmp_path / "frames.tar/1.png"
    file.write_bytes(b"1")
    assert inside(file) is None
    assert read_file(file) == b"1"


def test_a_url_is_the_same_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_name(Path("s3://b/a.tar/1.png")) == "s3://b/a.tar/1.png"
    assert absolute_name(Path("a.tar/1.png")) == str(tmp_path / "a.tar/1.png")


def test_a_changed_member_is_told_by_its_checksum(archive: Path) -> None:
    member = with_index(archive) / "x/1.png"
    data = archive.read_bytes()
    archive.write_bytes(data.replace(b"one", b"two"))
    with pytest.raises(DataError, match=r"cannot read .* not what the index of its archive says"):
        read_file(member)
    archive.write_bytes(data)
    assert read_file(member) == b"one"


def test_an_archive_of_another_size_than_its_index_says_is_told(archive: Path) -> None:
    with_index(archive)
    archive.write_bytes(archive.read_bytes()[:-512])
    with pytest.raises(DataError, match=r"of another run, or was not copied whole"):
        archive_index(str(archive))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2}', '{"format": 1, "size": "x"}'])
def test_an_index_that_is_none_is_told_with_what_to_do(archive: Path, text: str) -> None:
    Path(f"{archive}{INDEX}").write_text(text)
    with pytest.raises(DataError, match=r"a\.tar\.index\.json: .*; delete it, or write the shards"):
        archive_index(str(archive))


def test_a_missing_archive_is_told_with_the_member(archive: Path) -> None:
    with_index(archive)
    archive.unlink()
    with pytest.raises(DataError, match=r"cannot read .*1\.png: .*there is no such archive"):
        read_file(archive / "x/1.png")


@pytest.mark.parametrize("end", ["", INDEX])
def test_a_pipe_is_not_waited_for(tmp_path: Path, end: str) -> None:
    os.mkfifo(tmp_path / f"a.tar{end}")
    with pytest.raises(DataError, match=r"a\.tar.* is not a file but a device, a pipe"):
        archive_index(str(tmp_path / "a.tar"))
