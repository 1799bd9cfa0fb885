"""Crops in tar shards: what WebDataset reads of them, equal bytes, and what is written again."""

from __future__ import annotations

import json
import shlex
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from webdataset.tariterators import group_by_keys, tar_file_expander

from registry.archives import INDEX
from registry.builtin.prepare.shards import check_writer, shards_folder, write_shards
from registry.cli import main
from registry.errors import ConfigError
from registry.faces.landmark_files import read_landmarks
from registry.results.predictions import read_predictions
from tests.shared.crop_store import drawn_store
from tests.shared.still_backbone import write_data


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_webdataset_reads_what_was_prepared(tmp_path: Path) -> None:
    store, records = drawn_store(tmp_path / "out", masks=True)
    (shard,) = [each for each in write_shards(store, records, 1) if "-test-" in each.name]
    with shard.open("rb") as stream:
        members = tar_file_expander([{"url": str(shard), "stream": stream}])
        found = list(group_by_keys(members))
    assert len(found) == 12
    assert [each["__key__"] for each in found] == sorted(each["__key__"] for each in found)
    for sample in found:
        group, key, name = sample["__key__"].split("/")
        folder = store.root / group
        values = json.loads(sample["json"])
        assert sample["png"] == (folder / "frames" / key / f"{name}.png").read_bytes()
        points = read_landmarks(folder / "landmarks" / key / f"{name}.npy")
        np.testing.assert_array_equal(np.float32(values["landmarks"]), points)
        fake = group == "set_swap_fake"
        assert (values["label"], values["method"]) == (int(fake), group if fake else "")
        assert (values["video"], values["split"]) == (f"{group}/{key}", "test")
        assert values["frame"] == int(name) // 7
        mask = folder / "masks" / key / f"{name}.png"
        assert sample.get("mask.png") == (mask.read_bytes() if fake else None)


def test_equal_crops_give_equal_bytes_wherever_and_whenever(tmp_path: Path) -> None:
    folders = []
    for place in ("one", "other"):
        store, records = drawn_store(tmp_path / place)
        write_shards(store, records[:2] if place == "one" else records[::-1], 1)
        write_shards(store, records, 1)
        folders.append(shards_folder(store))
    assert bytes_of(folders[0]) == bytes_of(folders[1])
    assert len(bytes_of(folders[0])) == 4  # test and val, each with its index


def test_a_shard_has_at_most_the_size_asked_for(tmp_path: Path) -> None:
    store, records = drawn_store(tmp_path / "out", videos=6, frames=30)
    shards = [each for each in write_shards(store, records, 1) if "-test-" in each.name]
    assert [each.name for each in shards] == [f"set-test-{at:06d}.tar" for at in range(len(shards))]
    sizes = [each.stat().st_size for each in shards]
    assert len(sizes) > 2
    assert max(sizes) <= 1_000_000 + tarfile.RECORDSIZE
    assert min(sizes[:-1]) > 880_000


def test_what_is_finished_is_not_written_again(tmp_path: Path) -> None:
    store, records = drawn_store(tmp_path / "out", videos=6, frames=30)
    shards = write_shards(store, records, 1)
    before = bytes_of(shards_folder(store))
    times = {each: each.stat().st_mtime_ns for each in shards}
    Path(f"{shards[1]}{INDEX}").unlink()  # as if killed between the two
    shards[2].write_bytes(b"cut")
    assert write_shards(store, records, 1) == shards
    again = [each.stat().st_mtime_ns != times[each] for each in shards]
    assert again == [at in {1, 2} for at in range(len(shards))]
    assert bytes_of(shards_folder(store)) == before


def test_a_crop_that_was_made_anew_is_packed_anew(tmp_path: Path) -> None:
    store, records = drawn_store(tmp_path / "out")
    shards = write_shards(store, records, 1)
    first = shards[0].read_bytes()
    crop = next(store.root.glob("set_real/frames/*/*.png"))
    crop.write_bytes(next(store.root.glob("set_swap_fake/frames/*/*.png")).read_bytes())
    write_shards(store, records, 1)
    assert shards[0].read_bytes() != first


def test_shards_that_are_none_any_more_are_deleted_and_other_files_stay(tmp_path: Path) -> None:
    store, records = drawn_store(tmp_path / "out", videos=6, frames=30)
    many = write_shards(store, records, 1)
    own = shards_folder(store) / "set-own.tar"
    own.touch()
    few = write_shards(store, records, 100)
    assert len(few) < len(many)
    there = {each.name for each in shards_folder(store).glob("*.tar")}
    assert there == {*(each.name for each in few), "set-own.tar"}


@pytest.mark.slow
def test_the_command_names_the_line_that_scores_its_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where it was stopped before, and whatever else is in the folder."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    data, out = write_data(tmp_path / "data"), tmp_path / "crops"
    line = ["prepare", str(data), "--out", str(out), "--crop-from", "landmarks", "--size", "64"]
    line += ["--workers", "1", "--quiet", "--shards"]
    assert main(line) == 0
    before = bytes_of(out / "crops_shards")
    (out / "crops_shards/crops-test-000000.tar").unlink()
    assert main(line) == 0
    assert bytes_of(out / "crops_shards") == before
    told = capsys.readouterr().out
    assert f"shards: 1 in {out / 'crops_shards'}" in told
    scoring = shlex.split(told.rpartition("score: bench ")[2].splitlines()[0])
    assert f"wds:{out / 'crops_shards'}" in scoring
    more = ["--detector", "random", "--draws", "0", "--quiet", "--out", str(tmp_path / "run")]
    assert main([*scoring, *more]) == 0
    assert read_predictions(tmp_path / "run")[0]["status"].to_pylist() == ["ok"] * 12


def test_without_the_package_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "webdataset", None)
    assert main(["prepare", "toy", "--out", str(tmp_path / "out"), "--shards"]) == 2
    assert "pip install 'lesb-plugin[wds]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="webdataset"):
        check_writer()
