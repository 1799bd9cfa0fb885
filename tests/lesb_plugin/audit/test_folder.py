"""The folder of an audit without --out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lesb_plugin.audit.conditions import plan_audits
from lesb_plugin.audit.folder import audit_folder
from lesb_plugin.audit.options import EXTENDED_ROWS, ROWS, AuditConfig

USUAL: dict[str, Any] = {"detector": "lesb", "backbone": "sbi_efflite0", "dataset": ("a/faces",)}


def folder(**settings: Any) -> str:
    return str(audit_folder(AuditConfig(**(USUAL | settings))))


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({}, "lesb_sbi_efflite0_faces_test"),
        ({"dataset": ("a/faces/manifest.csv", "manifest:b")}, "lesb_sbi_efflite0_faces_b_test"),
        ({"split": "dev"}, "lesb_sbi_efflite0_faces_dev"),
        ({"faces": 40}, "lesb_sbi_efflite0_faces_test_faces-40"),
        ({"make_edits": True, "edits": 2}, "lesb_sbi_efflite0_faces_test_make-edits_edits-2"),
        ({"only": ("cost,restore",)}, "lesb_sbi_efflite0_faces_test_only-cost-restore"),
        ({"extended": True, "extended_faces": 8},
         "lesb_sbi_efflite0_faces_test_extended_extended-faces-8"),
        ({"corrupt": ("resize:2+jpeg:3",)}, "lesb_sbi_efflite0_faces_test_resize-2+jpeg-3"),
        ({"regions": "mine/halves.yaml"}, "lesb_sbi_efflite0_faces_test_regions-halves"),
        ({"explainer": "cam", "explain": {"method": "layercam"}},
         "lesb_cam_method-layercam_sbi_efflite0_faces_test"),
        ({"keep": True, "workers": 4, "quiet": True}, "lesb_sbi_efflite0_faces_test"),
    ],
)  # fmt: skip
def test_settings_that_change_the_figures_are_in_its_name(
    settings: dict[str, Any], name: str
) -> None:
    assert folder(**settings) == f"runs/audit_{name}"


def test_a_folder_that_is_named_is_taken() -> None:
    assert folder(out="mine", faces=40) == "mine"


def test_all_rows_are_too_long_for_a_name_but_other_rows_get_another() -> None:
    every = (*ROWS, *EXTENDED_ROWS)
    names = {folder(only=every), folder(only=every[:-1]), folder(only=every, faces=40)}
    assert len(names) == 3
    assert max(len(Path(name).name) for name in names) <= 255


def test_several_conditions_lie_in_the_folder_of_undamaged_frames() -> None:
    plans = plan_audits(AuditConfig(**USUAL, corrupt=("h264:2,jpeg:4",)))
    clean = folder()
    assert [str(plan.folder) for plan in plans] == [
        clean,
        f"{clean}/corrupted/h264-2",
        f"{clean}/corrupted/jpeg-4",
    ]
