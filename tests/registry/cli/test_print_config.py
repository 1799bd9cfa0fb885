"""`--print-config`: what file, sets and flags come to, as YAML that comes to the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from registry.cli import main


def printed(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*args, "--print-config"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_layers_come_to_one_configuration_that_is_read_back(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text("frames: 3\ndetector: linear\nchunk: 7\n")
    args = ["eval", "--config", str(tmp_path / "mine.yaml"), "--set", "frames=4", "--chunk", "9"]
    text = printed(capsys, *args)
    values = yaml.safe_load(text)
    assert (values["frames"], values["detector"], values["chunk"]) == (4, "linear", 9)
    assert values["draws"] == 2000  # a default
    (tmp_path / "again.yaml").write_text(text)
    assert printed(capsys, "eval", "--config", str(tmp_path / "again.yaml")) == text


@pytest.mark.parametrize(
    ("args", "key", "value"),
    [
        (["fit", "--rank", "5"], "options", {"rank": "5"}),
        (["train", "--config", "sbi_efflite0"], "style", "video"),
        (["audit", "--dataset", "here"], "dataset", ["here"]),
        (["prepare", "in", "--out", "there"], "out", "there"),
        (["predict", "photo.jpg", "--json"], "json", True),
    ],
)
def test_every_command_with_a_configuration_prints_it(
    capsys: pytest.CaptureFixture[str], args: list[str], key: str, value: object
) -> None:
    assert yaml.safe_load(printed(capsys, *args))[key] == value


def test_a_wrong_value_is_an_error_and_nothing_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["eval", "--frames", "0", "--print-config"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "frames" in told.err
