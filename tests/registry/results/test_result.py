"""results.json: everything comes back exactly, and the predictions alone give it again."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import registry
from registry.contracts.training import Training
from registry.contracts.types import CropPolicy
from registry.errors import DataError
from registry.results import provenance as provenance_module
from registry.results.method_groups import MethodGroup
from registry.results.predictions import PREDICTIONS
from registry.results.provenance import BackboneRecord, Provenance, git_hash, versions
from registry.results.result import RESULTS, Result, recompute
from tests.shared.synthetic_run import (
    METRICS,
    drawn_rows,
    failed,
    provenance,
    row,
    run_folder,
    settings,
)


def test_a_result_comes_back_exactly(tmp_path: Path) -> None:
    result = run_folder(tmp_path, notes=("A note with ünïcode and <angles>.",))
    assert Result.load(tmp_path) == result
    assert Result.load(tmp_path / RESULTS) == result


def test_every_float_survives_to_the_last_bit(tmp_path: Path) -> None:
    result = run_folder(tmp_path)
    values = np.random.default_rng(0).random(len(result.measurements))
    odd = tuple(
        replace(each, value=float(np.nextafter(value, 1)))
        for each, value in zip(result.measurements, values, strict=True)
    )
    replace(result, measurements=odd).save(tmp_path)
    assert Result.load(tmp_path).measurements == odd


def test_what_is_undefined_is_null_with_a_reason(tmp_path: Path) -> None:
    run_folder(tmp_path, [row(video=str(n)) for n in range(3)])
    record = json.loads((tmp_path / RESULTS).read_text("utf-8"))
    auc = next(each for each in record["measurements"] if each["metric"] == "auc")
    assert (auc["value"], auc["low"], auc["high"]) == (None, None, None)
    assert auc["reason"] == "a single class: 3 real, no fake"
    assert record["schema"] == 1


@pytest.mark.parametrize("frames", [1, 3])
def test_the_predictions_alone_give_every_number_again(tmp_path: Path, frames: int) -> None:
    rows = drawn_rows("a", frames=frames) + drawn_rows("b", people=5, frames=1)
    result = run_folder(tmp_path, rows, seed=3)
    again = recompute(tmp_path, METRICS)
    assert again == result
    assert again.differences(result) == ()
    (tmp_path / RESULTS).unlink()
    alone = recompute(tmp_path, METRICS)
    assert alone.measurements == result.measurements
    assert alone.counts == result.counts
    assert alone.settings == result.settings


def test_without_results_json_the_note_says_what_is_not_known(tmp_path: Path) -> None:
    run_folder(tmp_path)
    (tmp_path / RESULTS).write_text("{ not json")
    (note,) = recompute(tmp_path, METRICS).notes
    assert note.startswith("Weights, data and configuration of this run are not known: ")
    assert recompute(tmp_path, METRICS).provenance == Provenance()


def test_recompute_needs_predictions(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"holds nothing; .* {PREDICTIONS}"):
        recompute(tmp_path, METRICS)


def test_differences_name_the_row_and_both_values(tmp_path: Path) -> None:
    result = run_folder(tmp_path)
    first = result.measurements[0]
    changed = replace(
        result,
        measurements=(replace(first, value=0.25), *result.measurements[1:]),
        counts=result.counts[:-1],
    )
    lines = result.differences(changed)
    assert len(lines) == 2
    assert lines[0].startswith("drawn/all/lesb/video/auc: value ")
    assert "and value 0.25," in lines[0]
    assert lines[1].startswith("drawn/warp: ")
    assert lines[1].endswith(" and nothing")


GROUPS = (MethodGroup(name="both", patterns=("swap", "w*")),)


def test_a_result_with_groups_comes_back_and_its_file_names_the_methods(tmp_path: Path) -> None:
    result = run_folder(tmp_path, groups=GROUPS)
    assert Result.load(tmp_path) == result
    assert recompute(tmp_path, METRICS) == result
    record = json.loads((tmp_path / RESULTS).read_text("utf-8"))
    assert record["groups"] == [{"dataset": "drawn", "name": "both", "methods": ["swap", "warp"]}]
    rows = [each["method"] for each in record["counts"]]
    assert rows == ["all", "swap", "warp", "both"]
    assert result.pooled_in("drawn", "both") == ("swap", "warp")
    assert result.pooled_in("drawn", "swap") == result.pooled_in("other", "both") == ()


def test_differences_name_a_group_of_other_methods(tmp_path: Path) -> None:
    result = run_folder(tmp_path, groups=GROUPS)
    (group,) = result.groups
    changed = replace(result, groups=(replace(group, methods=("swap",)),))
    assert result.differences(changed) == (
        "drawn/both: methods ('swap', 'warp') and methods ('swap',)",
    )


def test_a_run_of_a_version_without_groups_is_read(tmp_path: Path) -> None:
    result = run_folder(tmp_path)
    path = tmp_path / RESULTS
    record = json.loads(path.read_text("utf-8"))
    del record["groups"], record["settings"]["groups"]
    path.write_text(json.dumps(record), encoding="utf-8")
    file = tmp_path / PREDICTIONS
    table = pq.read_table(file)
    kept = json.loads(table.schema.metadata[b"bench"])
    del kept["settings"]["groups"]
    pq.write_table(table.replace_schema_metadata({b"bench": json.dumps(kept)}), file)
    assert Result.load(tmp_path) == result
    assert recompute(tmp_path, METRICS) == result


def test_a_profile_without_rows_of_methods_says_so_of_groups(tmp_path: Path) -> None:
    rows = [each | {"listed": f"f/{each['video']}/0.png"} for each in drawn_rows()]
    result = run_folder(tmp_path, rows, groups=GROUPS, profile="deepfakebench")
    assert {each.method for each in result.measurements} == {"all"}
    assert any(
        "groups of methods (both); `bench report --profile strict`" in n for n in result.notes
    )
    strict = recompute(tmp_path, METRICS, "strict")
    assert strict.select(method="both", metric="auc", variant="lesb")
    without = run_folder(tmp_path, rows, profile="deepfakebench")
    assert not any("group" in note for note in without.notes)


def test_select_and_variants(tmp_path: Path) -> None:
    result = run_folder(tmp_path)
    assert result.variants[0] == "lesb"
    (found,) = result.select(variant="head", method="swap", level="frame", metric="eer")
    assert (found.variant, found.method, found.level, found.metric) == (
        "head",
        "swap",
        "frame",
        "eer",
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1}', '{"schema": 1, "settings": {}}'])
def test_a_damaged_file_is_a_data_error_with_a_way_out(tmp_path: Path, text: str) -> None:
    (tmp_path / RESULTS).write_text(text)
    with pytest.raises(DataError, match=r"not a result of `bench eval`.*bench report --write"):
        Result.load(tmp_path)


def test_a_missing_file_and_another_schema_are_data_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"it holds nothing; name the folder that holds {RESULTS}"):
        Result.load(tmp_path)
    (tmp_path / RESULTS).write_text('{"schema": 99}')
    with pytest.raises(DataError, match="has schema 99, and this version of bench reads 1"):
        Result.load(tmp_path)


def test_an_unwritable_folder_is_a_data_error(tmp_path: Path) -> None:
    result = run_folder(tmp_path)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot write"):
        result.save(tmp_path / "file")


def test_provenance_is_made_plain() -> None:
    made = provenance(config={"out": Path("runs/x"), "names": frozenset({"b", "a"}), "n": (1,)})
    assert made.config == {"out": "runs/x", "names": ["a", "b"], "n": [1]}
    assert made.fitted == {"lesb": {"seed": 0, "loss": "NaN"}}
    assert Provenance.from_json(json.loads(json.dumps(made.to_json()))) == made
    dataclass_config = provenance(config=settings()).config
    assert dataclass_config["metrics"][0] == "auc"
    with pytest.raises(TypeError, match="cannot be written to a configuration"):
        provenance(config={"bad": object()})


def test_a_backbone_is_recorded_with_weights_crop_and_training() -> None:
    class Net:
        name = "net"
        weights = "file"
        weights_sha256 = "00"
        crop = CropPolicy(size=99)
        trained_on = (Training(dataset="d", task="unknown"),)
        dim = 8

    record = BackboneRecord.of(Net())  # type: ignore[arg-type]
    assert (record.name, record.crop.size, record.trained_on[0].dataset) == ("net", 99, "d")


def test_versions_come_from_metadata_and_name_what_is_missing() -> None:
    found = versions(["pluggy", "no-such-distribution"])
    assert found["numpy"] == np.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["pluggy"] is not None
    assert found["no-such-distribution"] is None
    assert {"torch", "timm", "opencv", "lesb-plugin"} <= found.keys()


def test_the_commit_is_that_of_the_checkout_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Path(registry.__file__).parents[1]
    found = git_hash()
    if (root / ".git").exists() and found is not None:
        head = subprocess.run(
            ["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        )
        assert found.removesuffix("-dirty") == head.stdout.strip()
    installed = tmp_path / "site-packages" / "registry" / "results" / "provenance.py"
    monkeypatch.setattr(provenance_module, "__file__", str(installed))
    assert git_hash() is None


def test_a_run_in_which_everything_failed_is_still_a_result(tmp_path: Path) -> None:
    result = run_folder(tmp_path, [failed("unreadable", video=str(n)) for n in range(3)])
    assert Result.load(tmp_path) == result
    assert recompute(tmp_path, METRICS) == result


def test_reading_a_result_loads_neither_torch_nor_opencv() -> None:
    code = (
        "import registry.results.result, sys; print({'torch', 'cv2', 'timm'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
