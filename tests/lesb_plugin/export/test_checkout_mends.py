"""Mends for packages of another age, tried with those packages where they are installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lesb_plugin.export.checkout_mends import MENDS, apply_mends
from lesb_plugin.export.checkout_sources import Sources, read_sources

_IMGAUG = """
from lesb_plugin.export.checkout_mends import apply_mends
from lesb_plugin.export.checkout_sources import Sources
from pathlib import Path
import numpy
list(apply_mends(Sources({Path("a.py"): "import imgaug"}, ())))
import imgaug.augmenters
image = numpy.full((8, 8, 3), 100, numpy.uint8)
print(imgaug.augmenters.AddToHueAndSaturation(0)(image=image).mean())
"""


def sources(text: str) -> Sources:
    return Sources({Path("some.py"): text}, ())


def test_a_checkout_that_asks_for_nothing_is_left_alone() -> None:
    assert list(apply_mends(sources("import numpy, torch, albumentations"))) == []


def test_a_mend_is_applied_once_and_the_second_time_nothing_is_amiss(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from albumentations.core.transforms_interface import BasicTransform, DualTransform

    monkeypatch.setattr(BasicTransform, "__init__", BasicTransform.__init__)

    class Old(DualTransform):
        def __init__(self, always_apply: bool = False, p: float = 0.25) -> None:
            super().__init__(always_apply, p)

    assert Old().p == 0  # the package takes the first for p: the transform never happens
    assert len(list(apply_mends(sources("always_apply")))) == 1
    assert Old().p == 0.25
    assert DualTransform(p=0.75).p == 0.75


def test_the_table_of_types_is_numpys_own_of_version_1(monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    mend = next(each for each in MENDS if each.word == "imgaug")
    if mend.is_there():
        pytest.skip("numpy 1 has the table itself")
    monkeypatch.setattr(np, "sctypes", None, raising=False)
    mend.apply()
    table = vars(np)["sctypes"]
    kinds = {kind: {np.dtype(each).kind for each in types} for kind, types in table.items()}
    assert kinds == {
        "int": {"i"}, "uint": {"u"}, "float": {"f"}, "complex": {"c"}, "others": set("bOSUV"),
    }  # fmt: skip


@pytest.mark.slow
def test_imgaug_itself_is_imported_and_works_with_the_mend() -> None:
    pytest.importorskip("six")
    if not _installed("imgaug"):
        pytest.skip("imgaug is not installed")
    command = [sys.executable, "-W", "ignore", "-c", _IMGAUG]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "100.0\n"), done.stderr


def _installed(name: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(name) is not None


def test_imports_are_followed_and_what_a_file_can_do_without_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/__init__.py").write_text("from . import one\nfrom .two import thing\n")
    (tmp_path / "sub/one.py").write_text("import os, no_such_package_a.inner\n")
    (tmp_path / "sub/two.py").write_text(
        "try:\n    import no_such_package_b\nexcept ImportError:\n    pass\n"
        "def late():\n    import no_such_package_c\n"
    )
    (tmp_path / "unused.py").write_text("import no_such_package_d\n")
    script = tmp_path / "test.py"
    script.write_text("import sub.one as one\nif one:\n    from no_such_package_e import x\n")
    found = read_sources(script, [tmp_path])
    assert {path.relative_to(tmp_path).as_posix() for path in found.texts} == {
        "test.py", "sub/__init__.py", "sub/one.py", "sub/two.py",
    }  # fmt: skip
    assert found.missing == ("no_such_package_a", "no_such_package_e")


def test_a_file_that_is_no_python_hides_nothing_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("print 'of another age'\n")
    script = tmp_path / "test.py"
    script.write_text("import broken\nimport no_such_package_f\n")
    assert read_sources(script, [tmp_path]).missing == ("no_such_package_f",)
