"""A checkout's files are foreign: whatever they hold, faults are sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lesb_plugin.export.checkout_faults import TEST_CONFIG, find_faults
from lesb_plugin.export.checkout_sources import Sources

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    TEST_CONFIG.parent.mkdir(parents=True)
    TEST_CONFIG.write_text("dataset_json_folder: .\nlabel_dict: {Real: 0}\n")
    Path("lesb.yaml").write_text("model_name: lesb\n")
    return tmp_path


def faults() -> list[str]:
    line = ["--detector_path", "lesb.yaml", "--test_dataset", "mine"]
    return find_faults(Sources(texts={}, missing=()), line)


def said_of(content: Any) -> list[str]:
    Path("mine.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return faults()


@pytest.mark.parametrize("text", [BOMB, "[" * 5000, "a: [*a]", "\x00", "- 1", "? [a]\n: 1", ""])
def test_a_configuration_of_any_content_costs_nothing(checkout: Path, text: str) -> None:
    TEST_CONFIG.write_text(text)
    assert all("mine" in fault for fault in faults())


@pytest.mark.parametrize("key", ["label_dict", "frame_num", "lmdb_dir", "rgb_dir", "compression"])
@pytest.mark.parametrize("value", ["3", "[1, 2]", "{test: x}", "null", "2020-01-01"])
def test_a_configuration_of_other_types_is_no_traceback(
    checkout: Path, key: str, value: str
) -> None:
    TEST_CONFIG.write_text(f"dataset_json_folder: .\n{key}: {value}\n")
    assert said_of({"mine": {"a": {"test": {"v": {"label": "Real", "frames": ["./0.png"]}}}}})


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000, "{", "[]", "3", {"mine": []}, {"mine": {"a": {"test": [1]}}},
        {"mine": {"a": {"test": {"v": {"label": ["x"], "frames": [1]}}}}},
        {"mine": {"a": {"test": {"v": {"label": "Real", "frames": {"a": None}}}}}},
        {"mine": {"a": {"test": {"v": {"label": "Real"}}}}},
    ],
)  # fmt: skip
def test_an_index_of_any_content_is_one_sentence(checkout: Path, content: Any) -> None:
    found = [fault for fault in said_of(content) if "mine.json" in fault]
    assert found
    assert not any("Error(" in fault and "layout" not in fault for fault in found)
