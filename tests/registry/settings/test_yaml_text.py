"""YAML of a few bytes that stands for a tree without end is refused before it is built."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from registry.errors import ConfigError
from registry.settings.load import load_yaml, resolve
from registry.settings.tasks import EvalConfig
from registry.settings.yaml_text import parse_yaml

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
)
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 80))
BOMBS: dict[str, tuple[str, str]] = {
    "aliases of aliases": (LAUGHS, "expands to more than 100000 values"),
    "a chain of aliases": (CHAIN, "nested more than 50 levels"),
    "a list that holds itself": ("a: &a [1, *a]", "'a' contains itself"),
    "a mapping that holds itself": ("a: &a {b: *a}", "'a' contains itself"),
    "brackets": ("a: " + "[" * 5000, "nested more than 50 levels"),
    "braces": ("{a: " * 5000, "nested more than 50 levels"),
    "merged keys": ("a: &a {b: 1}\n<<: [*a, *a, [*a]]\n", "cannot read"),
    "a key that is a list": ("? [a, b]\n: c\n", "line 1: a key is a list or a mapping"),
    "a key that is a mapping": ("{{a: b}: c}", "a key is a list or a mapping"),
    "a date that is none": ("a: 2001-99-99", "cannot read"),
    "a number of many digits": ("a: " + "9" * 5000, "cannot read"),
    "an object": ("a: !!python/object/apply:os.system [ls]", "cannot read"),
    "bytes that are none": ("a: !!binary \u4eba", "cannot read"),
    "a megabyte of text": ("a: " + "x" * (5 << 20), "too many for a configuration"),
    "a control character": ("a: \x00", "cannot read"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_one_sentence_that_names_the_file(tmp_path: Path, name: str) -> None:
    text, reason = BOMBS[name]
    path = tmp_path / "bomb.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=reason) as raised:
        load_yaml("eval", str(path))
    assert "bomb.yaml" in str(raised.value)
    assert len(str(raised.value)) < 1000


@pytest.mark.parametrize("flag", ["--config", "--set"])
def test_a_bomb_costs_a_command_little_time_and_memory(tmp_path: Path, flag: str) -> None:
    path = tmp_path / "bomb.yaml"
    path.write_text(LAUGHS)
    value = f"options.x={'[' * 3000}" if flag == "--set" else str(path)
    bench = Path(sys.executable).with_name("bench")
    most = 1 << 30  # bytes

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    done = subprocess.run(
        [bench, "eval", flag, value],
        capture_output=True,
        text=True,
        timeout=20,
        preexec_fn=limited,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &a {b: 1}\nc: *a\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("base: &b {x: 1, y: 2}\nmine: {<<: *b, y: 3}\n", None),
        ("a: [1, [2, [3]]]", {"a": [1, [2, [3]]]}),
        ("", None),
    ],
)
def test_what_people_write_is_read(text: str, value: Any) -> None:
    expected = {"base": {"x": 1, "y": 2}, "mine": {"x": 1, "y": 3}} if "<<" in text else value
    assert parse_yaml(text, "text") == expected


def test_an_alias_in_a_configuration_is_a_value(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("frames: &n 7\ndraws: *n\n")
    config = resolve(EvalConfig, path)
    assert (config.frames, config.draws) == (7, 7)
