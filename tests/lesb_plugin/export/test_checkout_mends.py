"""Mends for packages of another age, tried with those packages where they are installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lesb_plugin.export.checkout_mends import MENDS, apply_mends
from lesb_plugin.export.checkout_sources import Sources, read_sources

_OF_THEIR_AGE = ("imgaug==0.4.0", "six==1.16.0", "albumentations==1.1.0", "qudida==0.0.4")
_APPLY = """
import json, sys
from pathlib import Path
{path}
from lesb_plugin.export.checkout_mends import apply_mends
from lesb_plugin.export.checkout_sources import Sources
told = list(apply_mends(Sources({{Path("a.py"): "import imgaug; always_apply"}}, ())))
import numpy as np
"""
_IMGAUG = (
    _APPLY
    + """
import imgaug.augmenters
image = np.full((8, 8, 3), 100, np.uint8)
mean = imgaug.augmenters.AddToHueAndSaturation(0)(image=image).mean()
print(json.dumps([imgaug.__version__, mean]))
"""
)
# A transform as DeepfakeBench's code has them, under whichever albumentations comes first.
_TRANSFORM = (
    _APPLY
    + """
import albumentations
class Cut(albumentations.DualTransform):
    def __init__(self, rows, always_apply=False, p=1):
        super().__init__(always_apply, p)
        self.rows = rows
    def apply(self, img, **params):
        return img[: self.rows]
chain = albumentations.Compose([albumentations.OneOf([Cut(3), Cut(3)], p=1)])
shape = chain(image=np.zeros((8, 8, 3), np.uint8))["image"].shape
print(json.dumps([albumentations.__version__, len(told), shape, Cut(2, p=0.25).p, Cut(2).p]))
"""
)


@pytest.fixture(scope="module")
def of_their_age(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of DeepfakeBench's own environment, fetched for this test."""
    folder = tmp_path_factory.mktemp("packages")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--retries", "0", "--target", str(folder), *_OF_THEIR_AGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("no package index answers")
    if done.returncode:
        pytest.skip(f"pip fetches no {_OF_THEIR_AGE[0]}: {done.stderr.strip()[-200:]}")
    return folder


def run(program: str, path: str) -> list[Any]:
    command = [sys.executable, "-W", "ignore", "-c", program.format(path=path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


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
def test_imgaug_itself_is_imported_and_works_with_the_mend(of_their_age: Path) -> None:
    assert run(_IMGAUG, f"sys.path.append({str(of_their_age)!r})") == ["0.4.0", 100.0]


@pytest.mark.slow
def test_a_transform_of_theirs_does_the_same_under_both_albumentations(of_their_age: Path) -> None:
    """Version 1.1 needs numpy's table alone: it asks for imgaug when it is imported."""
    old = run(_TRANSFORM, f"sys.path.insert(0, {str(of_their_age)!r})")
    new = run(_TRANSFORM, f"sys.path.append({str(of_their_age)!r})")
    assert (old[0], new[0].partition(".")[0]) == ("1.1.0", "2")
    assert (old[1], new[1]) == (1, 2)  # mends
    assert old[2:] == new[2:] == [[3, 8, 3], 0.25, 1]


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
