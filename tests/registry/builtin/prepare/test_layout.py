"""The folder of a data set of crops: what a killed run has left of it is no obstacle."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from registry.builtin.prepare.layout import Record, Store, Target, save_record
from registry.errors import ConfigError, DataError
from registry.leftovers import unfinished_name


@pytest.mark.parametrize("whose", ["gone", "elsewhere"])
def test_a_run_killed_while_it_wrote_its_settings_is_started_again(
    tmp_path: Path, whose: str
) -> None:
    root = tmp_path / "crops"
    root.mkdir()
    own = unfinished_name("prepare.json")
    process = 4_194_304  # one more than Linux ever gives
    name = own.rpartition("-")[0].rpartition("-")[0] + f"-{process}-0.partial"
    if whose == "elsewhere":
        name = f".prepare.json.elsewhere-{process}-0.partial"
    (root / name).write_text("{")
    Store(tmp_path, "crops", {"size": 1}, overwrite=False)
    assert json.loads((root / "prepare.json").read_text()) == {"size": 1}
    assert (root / name).exists() == (whose == "elsewhere")


def test_a_record_that_a_killed_run_has_left_half_goes_though_its_group_is_finished(
    tmp_path: Path,
) -> None:
    Store(tmp_path, "crops", {"size": 1}, overwrite=False)
    own = unfinished_name("real_0.json")
    name = own.rpartition("-")[0].rpartition("-")[0] + "-4194304-0.partial"
    records = tmp_path / "crops" / "crops_real" / "records"
    records.mkdir(parents=True)
    (records / name).write_text("{")
    (records / "real_0.json").write_text("{}")
    Store(tmp_path, "crops", {"size": 1}, overwrite=False)
    assert [path.name for path in records.iterdir()] == ["real_0.json"]


def test_files_of_somebody_else_are_still_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="did not write"):
        Store(tmp_path, "crops", {}, overwrite=False)


@pytest.mark.parametrize("content", ["[]", "{", "[" * 100_000, '"size"'])
def test_settings_that_are_none_are_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "crops").mkdir()
    (tmp_path / "crops" / "prepare.json").write_text(content)
    with pytest.raises(DataError, match=r"prepare\.json"):
        Store(tmp_path, "crops", {"size": 1}, overwrite=False)


def test_the_list_of_failures_holds_no_formula(tmp_path: Path) -> None:
    store = Store(tmp_path, "crops", {}, overwrite=False)
    record = Record(
        settings="s", source="", input="=cmd.mp4", group="crops_real", key="real_0",
        splits=["test"], frames=1, crops=[], failures=[(0, "=1+1\n@")],
    )  # fmt: skip
    save_record(Target(root=store.root, group="crops_real", key="real_0"), record)
    store.write_index("s")
    with store.failures.open(newline="") as file:
        _, row = csv.reader(file)
    assert row == ["'=cmd.mp4", "crops_real/real_0", "0", "'=1+1\\n@"]
