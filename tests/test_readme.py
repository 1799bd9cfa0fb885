"""The plugins in the README and in the guide work as they stand there."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from registry import PluginError
from registry.checks import check_backbone

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
GUIDE = (ROOT / "docs" / "guide" / "plugins.md").read_text("utf-8")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The modules that the guide prints, under the names that it gives them."""
    blocks = re.findall(r"```(?:python|toml)\n# (\S+?)[:\n](.*?)```", GUIDE, re.DOTALL)
    written = dict(blocks)
    modules = {"my_package/plugin.py", "pyproject.toml", "my_package/net.py", "make_mine.py"}
    assert set(written) == modules
    (tmp_path / "my_package").mkdir()
    for name, text in written.items():
        (tmp_path / name).write_text(f"# {text}" if name.endswith("plugin.py") else text, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("my_package.plugin")
    for name in [each for each in sys.modules if each.startswith("my_package")]:
        del sys.modules[name]


def test_the_backbone_of_the_guide_keeps_the_contract(package: Any, tmp_path: Path) -> None:
    (spec,) = package.bench_backbones()
    trained = check_backbone(spec, weights="random")
    assert trained.trained_on == ()
    file = tmp_path / "mine.pt"
    with torch.random.fork_rng(devices=[]):
        torch.save(trained.net.state_dict(), file)  # type: ignore[attr-defined]
    found = check_backbone(spec, weights=str(file))
    assert found.trained_on[0].dataset == "my_data"
    assert found.weights_sha256 != trained.weights_sha256


@pytest.mark.slow
def test_the_example_of_the_guide_runs_from_start_to_end(package: Any, tmp_path: Path) -> None:
    lines = re.findall(r"^    (bench .*|python .*|pip .*)$", GUIDE, re.MULTILINE)
    install, *rest = (shlex.split(line) for line in lines)
    assert install == ["pip", "install", "-e", "."]
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text("utf-8"))
    (points,) = project["project"]["entry-points"].values()
    folder = tmp_path / "my_package-0.1.0.dist-info"  # what the installation leaves
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 0.1.0\n")
    named = "".join(f"{name} = {module}\n" for name, module in points.items())
    (folder / "entry_points.txt").write_text(f"[bench]\n{named}")
    programs = {"python": [sys.executable], "bench": [sys.executable, "-m", "registry"]}
    variables = {**os.environ, "PYTHONPATH": str(tmp_path)}
    assert [line[0] for line in rest] == ["python", "bench", "bench"]
    for program, *arguments in rest:
        command = [*programs[program], *arguments]
        done = subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "runs" / "mine" / "artefact.safetensors").is_file()
    assert "AUC" in done.stdout


def test_weights_that_are_needed_are_asked_for(package: Any) -> None:
    (spec,) = package.bench_backbones()
    with pytest.raises(PluginError, match="'mine' needs weights: pass the file as weights="):
        check_backbone(spec)


def test_the_hook_of_the_readme_returns_the_record_of_the_guide(package: Any) -> None:
    (block,) = re.findall(r"```python\n(from registry import .*?)```", README, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102
    (short,), (full,) = names["bench_backbones"](), package.bench_backbones()
    for field in ("name", "summary", "build", "needs_weights", "weights_file"):
        assert getattr(short, field) == getattr(full, field)
