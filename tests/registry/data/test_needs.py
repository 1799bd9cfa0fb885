"""Data that is not there is in the list of what a run lacks; nothing is read for that."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry.errors import BenchError
from registry.settings.tasks import EvalConfig, FitConfig
from registry.tasks.ready import check_ready


@pytest.fixture(autouse=True)
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))


def told(config: EvalConfig | FitConfig) -> list[str]:
    with pytest.raises(BenchError) as refused:
        check_ready(config)
    return str(refused.value).splitlines()


def lacking(*dataset: str, data_root: str | None = None) -> list[str]:
    """What `bench eval` on this data says where the weights are missing too."""
    return told(
        EvalConfig(detector="linear", backbone="sbi_effb4", dataset=dataset, data_root=data_root)
    )


def test_a_path_of_nothing_is_listed_and_a_data_set_that_may_be_there_is_not(
    tmp_path: Path,
) -> None:
    gone = str(tmp_path / "gone")
    lines = lacking(gone, "toy", "hf:a/b")
    assert lines[0] == "2 things are missing:"
    assert lines[2].startswith(f"  2. no such file or folder: {gone}; in {tmp_path}")
    assert lines[-1] == (
        "  bench eval --detector linear --backbone sbi_effb4 --weights FILE --dataset DATA"
        " --dataset toy --dataset hf:a/b"
    )
    assert lacking(f"folder:{gone}")[2] == f"  2. no such file or folder: {gone}"
    assert "no dataset named 'nowhere' and no such file or folder;" in lacking("nowhere")[2]


def test_what_stands_for_data_that_is_not_there_tells_real_faces_from_labelled_data() -> None:
    lines = told(EvalConfig(backbone="sbi_effb4", dataset=("no_data",), fit_on=("no_faces",)))
    assert lines[-1].endswith("--weights FILE --dataset DATA --fit-on FACES")


def test_a_registered_set_asks_for_its_folder(tmp_path: Path) -> None:
    lines = lacking("celeb_df_v2")
    assert lines[2].startswith("  2. data set 'celeb_df_v2' needs --data-root DIR: ")
    assert lines[-1].endswith("--dataset celeb_df_v2 --data-root DIR")
    gone = str(tmp_path / "gone")
    found = lacking("celeb_df_v2", data_root=gone)
    assert found[2] == f"  2. no folder {gone}; check --data-root DIR"
    assert len(lacking("celeb_df_v2", data_root=str(tmp_path))) == 1
    assert "did you mean 'celeb_df_v2'?" in lacking("celeb_df_v22")[2]


def test_a_fit_without_faces_asks_for_them_too() -> None:
    lines = told(FitConfig(backbone="xception"))
    assert lines[2].startswith("  2. no faces to fit on; pass --train DIR")
    assert lines[-1].endswith("--weights FILE --train FACES")
    assert len(told(FitConfig(backbone="xception", train=("toy",)))) == 1
