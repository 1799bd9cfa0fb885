"""Who may import whom, read from the sources."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median
from typing import Any

import pytest

import registry

ROOT = Path(__file__).parents[1]
# The paper's mathematics: numbers in, numbers out.
MATHEMATICS = (
    "lesb_plugin/audit/measures/agreement.py",
    "lesb_plugin/audit/measures/discrimination.py",
    "lesb_plugin/audit/measures/localisation.py",
    "lesb_plugin/audit/measures/naming.py",
    "lesb_plugin/explainers/cam.py",
    "lesb_plugin/explainers/log_odds.py",
    "lesb_plugin/gep/subspace.py",
    "lesb_plugin/lesb/fusion.py",
    "lesb_plugin/lfd/subspace.py",
    "lesb_plugin/roi/heads.py",
)
OF_NUMBERS = {"numpy", "scipy", "torch"}
# And what can be read, tested and used without the host, pictures included.
ALONE = (
    *MATHEMATICS,
    "lesb_plugin/lesb/heads.py",
    "lesb_plugin/lesb/probe.py",
    "lesb_plugin/lesb/threshold.py",
    "lesb_plugin/lfd/part_grid.py",
    "lesb_plugin/lfd/regions.py",
    "lesb_plugin/pseudo_fakes/blend.py",
    "lesb_plugin/roi/calibration.py",
)
HEAVY = {"torch", "torchvision", "timm", "cv2", "numpy", "pandas", "scipy", "sklearn", "pyarrow"}


def imports(path: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(module, names) of every import statement of a file, wherever it stands."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or "", tuple(alias.name for alias in node.names)


def sources(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def test_the_layers_hold() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_the_host_imports_no_guest_and_its_builtin_only_inside_that_folder() -> None:
    for path in sources("registry"):
        for module, names in imports(path):
            assert module.partition(".")[0] != "lesb_plugin", path
            inside = path.is_relative_to(ROOT / "registry" / "builtin")
            builtin = module.startswith("registry.builtin")
            assert inside or not (builtin or (module == "registry" and "builtin" in names)), path


def test_the_guest_imports_only_the_public_names_of_the_host() -> None:
    for path in [*sources("lesb_plugin"), *sources("tests/sample_plugin/bench_sample")]:
        for module, names in imports(path):
            if module.partition(".")[0] == "registry":
                assert module == "registry", f"{path}: {module}"
                assert set(names) <= set(registry.__all__), f"{path}: {names}"


def behind(name: str) -> set[str]:
    """Packages that a file of the guest imports, itself or through others of the guest."""
    waiting, seen, found = [ROOT / name], set(), set()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        for module, _ in imports(path):
            found.add(module.partition(".")[0])
            own = ROOT / (module.replace(".", "/") + ".py")
            if module.startswith("lesb_plugin") and own not in seen and own.is_file():
                waiting.append(own)
    return found


@pytest.mark.parametrize("name", ALONE)
def test_what_stands_alone_needs_nothing_of_the_host(name: str) -> None:
    assert "registry" not in behind(name)


@pytest.mark.parametrize("name", MATHEMATICS)
def test_the_mathematics_needs_numbers_only(name: str) -> None:
    assert behind(name) - {"lesb_plugin"} - sys.stdlib_module_names <= OF_NUMBERS


def test_nothing_of_the_host_imports_its_public_face() -> None:
    for path in sources("registry"):
        assert all(module != "registry" for module, _ in imports(path)), path


def test_a_class_name_stands_once() -> None:
    copied = ROOT / "lesb_plugin" / "export" / "standalone"  # into another program's tree
    where: dict[str, list[Path]] = {}
    for path in [*sources("registry"), *sources("lesb_plugin")]:
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and not path.is_relative_to(copied):
                where.setdefault(node.name, []).append(path.relative_to(ROOT))
    assert not {name: paths for name, paths in where.items() if len(paths) > 1}


@pytest.mark.slow
def test_identifiers_say_what_a_value_is_not_what_happened_to_it() -> None:
    literature = {"apart", "held", "kept", "made", "said", "shown", "told"}
    of_users = {("recipe.py", "apart")}  # a key of the files that --style takes
    found = {
        (path.name, name)
        for path in [*sources("registry"), *sources("lesb_plugin")]
        for name in identifiers(path)
        if name.strip("_").lower() in literature
    }
    assert found <= of_users


def identifiers(path: Path) -> Iterator[str]:
    """Names of variables, parameters, functions and classes that a file defines, and its own."""
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


@pytest.mark.slow
def test_files_and_functions_stay_small() -> None:
    lines = {
        path.relative_to(ROOT).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in [*sources("registry"), *sources("lesb_plugin")]
    }
    assert max(lines.values()) <= 330, max(lines, key=lines.__getitem__)
    assert median(lines.values()) <= 130
    assert median(each.end_lineno - each.lineno + 1 for each in functions()) <= 8


def functions() -> Iterator[Any]:
    for path in [*sources("registry"), *sources("lesb_plugin")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                yield node


@pytest.mark.slow
def test_the_host_s_folders_know_few_others_and_no_file_imports_itself_in_a_circle() -> None:
    between = {
        (one.split(".")[1], other.split(".")[1])
        for one, others in imported("registry").items()
        for other in others
    }
    folders = {path.parent.name for path in (ROOT / "registry").glob("*/__init__.py")}
    assert len([pair for pair in between if pair[0] != pair[1] and {*pair} <= folders]) <= 100
    for package in ("registry", "lesb_plugin"):
        TopologicalSorter(imported(package)).prepare()  # a CycleError names the circle


def imported(package: str) -> dict[str, set[str]]:
    """The modules of a package by name, without `__init__`s, and those that each imports."""
    names = {
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path
        for path in sources(package)
        if path.name != "__init__.py"
    }
    return {
        name: {
            each
            for module, given in imports(path)
            for each in (module, *(f"{module}.{own}" for own in given))
            if each in names and each != name
        }
        for name, path in names.items()
    }


def test_every_folder_says_what_lives_there() -> None:
    for folder in {
        path.parent for package in ("registry", "lesb_plugin") for path in sources(package)
    }:
        text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8")))
        assert text, folder


def test_reading_results_loads_no_torch() -> None:
    folder = ROOT / "registry" / "results"
    names = ", ".join(f"registry.results.{path.stem}" for path in sorted(folder.glob("[a-z]*.py")))
    code = f"import sys, {names}; print(*sorted({{'torch', 'timm'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_public_name_exists() -> None:
    for name in registry.__all__:
        assert getattr(registry, name) is not None, name


def test_importing_the_host_or_any_plugin_loads_nothing_heavy() -> None:
    plugins = [
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for folder in ("registry", "lesb_plugin")
        for path in (ROOT / folder).rglob("*.py")
        if path.name in {"plugin.py", "options.py"}
    ]
    light = [
        "registry",
        "registry.cli.bench",
        "registry.settings.tasks",
        "registry.settings.load",
        "registry.cli.flags",
        *plugins,
    ]
    code = f"import sys, {', '.join(light)}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
