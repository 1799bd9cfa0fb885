"""One list of scripts and plugins, the same in every kind of install; YAML in all of them."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from configparser import ConfigParser
from email import message_from_bytes
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from registry.settings.load import config_dir

ROOT = Path(__file__).parents[1]
LISTED = tomllib.loads((ROOT / "entry_points.toml").read_text("utf-8"))
CONFIGS = {
    path.relative_to(ROOT / "configs").as_posix(): path.read_bytes()
    for path in (ROOT / "configs").rglob("*.yaml")
}


def hatchling(*arguments: str, folder: Path) -> None:
    """Run the build backend itself: no network, no isolated environment."""
    command = [sys.executable, "-m", "hatchling", "build", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def python(code: str, path: Path, folder: Path) -> str:
    """What a fresh interpreter prints that looks for packages in `path` first."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    hatchling("-t", "sdist", "-d", str(folder), folder=ROOT)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    hatchling("-t", "wheel", "-d", str(folder), folder=ROOT)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def wheel_of_sdist(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel_of_sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    hatchling("-t", "wheel", "-d", str(folder / "out"), folder=source)
    (path,) = (folder / "out").iterdir()
    return path


def entry_points(wheel: Path) -> dict[str, dict[str, str]]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        text = archive.read(name).decode()
    parser = ConfigParser(delimiters=("=",))
    parser.read_string(text)
    return {section: dict(parser[section]) for section in parser.sections()}


def contents(wheel: Path, prefix: str) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.startswith(prefix)]
        return {name.removeprefix(prefix): archive.read(name) for name in names}


def test_installed_metadata_equals_the_file() -> None:
    points = importlib.metadata.distribution("lesb-plugin").entry_points
    installed: dict[str, dict[str, str]] = {}
    for point in points:
        installed.setdefault(point.group, {})[point.name] = point.value
    assert installed == LISTED, "run `pip install -e .` again after a change of entry_points.toml"


@pytest.mark.slow
def test_the_wheel_has_the_entry_points_of_the_file(wheel: Path) -> None:
    assert entry_points(wheel) == LISTED


def test_the_wheel_holds_the_yaml_and_not_the_build_hook(wheel: Path) -> None:
    assert contents(wheel, "registry/configs/") == CONFIGS
    names = contents(wheel, "").keys()
    assert "registry/_build.py" not in names
    assert {"registry/py.typed", "lesb_plugin/py.typed", "registry/cli/bench.py"} <= names
    assert {
        "registry/builtin/datasets/toy/toy_faces.npz",
        "registry/builtin/datasets/toy/toy_faces.txt",
    } <= names
    top = {name.split("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"registry", "lesb_plugin"}


def test_the_wheel_says_and_carries_both_of_its_licences(wheel: Path) -> None:
    names = contents(wheel, "")
    (info,) = {name.partition("/")[0] for name in names if ".dist-info/" in name}
    metadata = message_from_bytes(names[f"{info}/METADATA"])
    assert metadata["License-Expression"] == "Apache-2.0 AND CC-BY-NC-SA-4.0"
    for file in ("LICENSE", "lesb_plugin/weights/LICENSE.txt"):
        assert file in metadata.get_all("License-File", [])
        assert names[f"{info}/licenses/{file}"] == (ROOT / file).read_bytes()


@pytest.mark.slow
def test_the_sdist_holds_what_a_build_needs(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = {"registry/_build.py", "entry_points.toml", "pyproject.toml", "README.md", "LICENSE"}
    assert needed <= names
    assert {f"configs/{name}" for name in CONFIGS} <= names


@pytest.mark.slow
def test_a_wheel_built_from_the_sdist_equals_the_one_from_the_checkout(
    wheel: Path, wheel_of_sdist: Path
) -> None:
    assert entry_points(wheel_of_sdist) == LISTED
    from_checkout, from_sdist = contents(wheel, ""), contents(wheel_of_sdist, "")
    assert from_sdist == from_checkout


def test_an_editable_install_finds_the_yaml_beside_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hatchling.build import build_editable

    monkeypatch.chdir(ROOT)
    wheel = tmp_path / build_editable(str(tmp_path))
    assert entry_points(wheel) == LISTED
    with zipfile.ZipFile(wheel) as archive:
        (pth,) = [archive.read(name).decode() for name in archive.namelist() if ".pth" in name]
    assert set(pth.split()) == {str(ROOT)}
    code = "from registry.settings.load import config_dir; print(config_dir())"
    assert Path(python(code, ROOT, tmp_path)) == ROOT / "configs"


@pytest.mark.slow
def test_an_installed_wheel_runs_from_its_own_files(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target"]
    done = subprocess.run([*pip, str(site), str(wheel)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    code = "from registry.settings.load import config_dir; print(config_dir())"
    assert Path(python(code, site, tmp_path)) == site / "registry" / "configs"
    listed = python(
        "from registry.cli import main; main(['list']); main(['plugins'])", site, tmp_path
    )
    assert "lesb" in listed
    assert "failure" not in listed


def test_the_checkout_has_one_folder_of_yaml() -> None:
    assert config_dir() in {ROOT / "configs", ROOT / "registry" / "configs"}
    assert not (ROOT / "registry" / "configs").exists()


def test_the_lock_file_has_a_version_that_is_allowed_of_all_that_is_declared() -> None:
    lines = (ROOT / ".ci" / "lock.txt").read_text("utf-8").splitlines()
    locked = dict(line.split("==") for line in lines if not line.startswith("#"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    own = next(each for each in map(Requirement, extras["dev"]) if each.name == "lesb-plugin")
    groups = [extras[name] for name in ("dev", *own.extras)]  # what .ci/run installs
    declared = [*project["dependencies"], *(each for group in groups for each in group)]
    for requirement in map(Requirement, declared):
        name = canonicalize_name(requirement.name)
        if name not in {"lesb-plugin", "torch", "torchvision"}:  # of a build that the machine has
            assert requirement.specifier.contains(locked[name], prereleases=True), requirement


def test_everything_that_the_program_needs_has_a_lower_bound() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for requirement in map(Requirement, project["dependencies"]):
        assert any(each.operator in {">=", "=="} for each in requirement.specifier), requirement
