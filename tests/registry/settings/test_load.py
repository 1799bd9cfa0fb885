"""Configuration: layers, checks against annotations, shipped YAML."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from registry.errors import ConfigError, PluginError
from registry.plugins.discovery import load_plugins
from registry.settings.load import as_yaml, config_dir, load_yaml, resolve, resolve_options
from registry.settings.tasks import EvalConfig, FitConfig


@dataclass(frozen=True)
class Inner:
    depth: int = 1


@dataclass(frozen=True)
class Options:
    fusion: Literal["mean", "max"] = "mean"
    rank: int = field(default=128, metadata={"min": 1, "max": 512})
    rate: float = 1e-3
    parts: tuple[str, ...] = ()
    margin: tuple[float, float] = (0.05, 0.2)
    folder: Path | None = None
    clean: bool = False
    weights: Mapping[str, float] = field(default_factory=dict)
    inner: Inner = Inner()
    level: int | str = 0


@dataclass(frozen=True)
class Here:
    """An address of a class that is imported already."""

    cls: type[Any]

    def load(self) -> type[Any]:
        return self.cls


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_flags_are_over_sets_over_the_file_over_defaults(tmp_path: Path) -> None:
    file = written(tmp_path, "frames: 8\nseed: 1\ndraws: 10\noptions: {fusion: max, rank: 3}\n")
    config = resolve(
        EvalConfig,
        file,
        ["seed=2", "draws=20", "options.rank=4"],
        {"draws": "30", "options": {"rate": ".1"}},
    )
    assert (config.frames, config.seed, config.draws, config.chunk) == (8, 2, 30, 256)
    assert config.options == {"fusion": "max", "rank": "4", "rate": ".1"}


def test_groups_may_be_a_list_or_a_single_text(tmp_path: Path) -> None:
    file = written(tmp_path, "group: ['a=x_*|y', b=z]\n")
    assert resolve(EvalConfig, file).group == ("a=x_*|y", "b=z")
    assert resolve(EvalConfig, file, ["group=a=x_*"]).group == ("a=x_*",)
    assert resolve(EvalConfig, written(tmp_path, as_yaml(resolve(EvalConfig, file)))).group == (
        "a=x_*|y",
        "b=z",
    )


def test_resolving_changes_none_of_its_arguments() -> None:
    flags = {"options": {"rank": 1}}
    resolve(EvalConfig, None, ["options.rate=.1"], flags)
    assert flags == {"options": {"rank": 1}}


@pytest.mark.parametrize("cls", [EvalConfig, FitConfig])
def test_a_configuration_written_as_yaml_reads_back_equal(cls: type[Any], tmp_path: Path) -> None:
    config = resolve(cls, None, ["options.a=[1, 2]"], {"seed": 7, "weights": "a: b.tar"})
    assert resolve(cls, written(tmp_path, as_yaml(config))) == config


@pytest.mark.parametrize("cls", [EvalConfig, FitConfig])
def test_every_field_has_a_line_of_help_and_both_configurations_agree(cls: type[Any]) -> None:
    assert all(each.metadata["help"] for each in dataclasses.fields(cls))
    other = {each.name: each for each in dataclasses.fields(EvalConfig)}
    for each in dataclasses.fields(cls):
        if each.name in other and each.name != "options":
            assert (each.default, each.type) == (other[each.name].default, other[each.name].type)


def test_an_unknown_key_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'fraems'; did you mean 'frames'\? keys: "):
        resolve(EvalConfig, None, ["fraems=3"])
    with pytest.raises(ConfigError, match=r"unknown key 'options\.fuson'; did you mean 'fusion'"):
        resolve_options(Here(Options), {"fuson": "max"})
    with pytest.raises(ConfigError, match=r"unknown key 'options\.inner\.dept'"):
        resolve_options(Here(Options), {"inner": {"dept": 2}})
    # No name of a key is like this one; "workers" shares half of its letters.
    with pytest.raises(ConfigError, match=r"unknown key 'nokey'; keys: "):
        resolve(EvalConfig, None, ["nokey=3"])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("frames", "many", "frames must be a whole number, got 'many'"),
        ("frames", 2.5, "frames must be a whole number, got 2.5"),
        ("frames", True, "frames must be a whole number, got True"),
        ("frames", 0, "frames must be at least 1, got 0"),
        ("max_errors", "nan", "max_errors must be a finite number"),
        ("max_errors", [1], "max_errors must be a number"),
        ("quiet", 1, "quiet must be true or false"),
        ("detector", None, "detector must be text"),
        ("detector", True, "detector must be text"),
        ("dataset", None, "dataset must be a list"),
        ("dataset", ["a", {}], r"dataset\[1\] must be text"),
        ("crop_from", "landmark", "crop_from cannot be 'landmark'; did you mean 'landmarks'"),
        ("options", 3, "options must be a mapping"),
    ],
)
def test_a_value_of_the_wrong_type_or_range_names_its_key(
    key: str, value: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(EvalConfig, None, (), {key: value})
    with pytest.raises(ConfigError, match=message):
        EvalConfig(**{key: value})


def test_text_becomes_what_the_field_asks_for() -> None:
    texts = {
        "fusion": "max",
        "rank": "12",
        "rate": "1e-4",
        "parts": "eyes",
        "margin": ["0", ".5"],
        "folder": "x/y",
        "clean": "Yes",
        "weights": {"a": "2"},
        "inner": {"depth": "3"},
        "level": "high",
    }
    assert resolve_options(Here(Options), texts) == Options(
        fusion="max",
        rank=12,
        rate=1e-4,
        parts=("eyes",),
        margin=(0.0, 0.5),
        folder=Path("x/y"),
        clean=True,
        weights={"a": 2.0},
        inner=Inner(depth=3),
        level="high",
    )
    assert resolve_options(Here(Options), {"folder": "none"}) == Options()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rank": 513}, r"options\.rank must be at most 512, got 513"),
        ({"margin": [1]}, r"options\.margin must be a list of 2 values"),
        ({"margin": 1}, r"options\.margin must be a list"),
        ({"inner": 2}, r"options\.inner must be a mapping"),
    ],
)
def test_options_are_checked_too(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve_options(Here(Options), options)


def test_options_of_a_detector_that_has_none_are_an_error() -> None:
    assert resolve_options(None, {}) is None
    with pytest.raises(ConfigError, match="there are no options to set, got fusion, rank"):
        resolve_options(None, {"rank": 1, "fusion": "max"})


def test_options_without_a_default_must_be_given() -> None:
    @dataclass(frozen=True)
    class Needy:
        rank: int

    # the annotation is a text that is looked up where the class was made
    assert resolve_options(Here(Needy), {"rank": "1"}) == Needy(1)
    with pytest.raises(ConfigError, match=r"missing key options\.rank"):
        resolve_options(Here(Needy), {})


def test_an_option_of_a_type_that_no_configuration_can_give_is_the_plugins_fault() -> None:
    @dataclass(frozen=True)
    class Odd:
        value: bytes = b""

    with pytest.raises(PluginError, match=r"the field options\.value has the type <class 'bytes'>"):
        resolve_options(Here(Odd), {"value": "x"})


@pytest.mark.parametrize("text", ["frames", "=3", "a..b=1", ".=1"])
def test_a_set_that_is_not_key_value_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="is not of the form key=value"):
        resolve(EvalConfig, None, [text])


def test_a_set_takes_lists_and_keeps_other_text_as_it_is() -> None:
    config = resolve(EvalConfig, None, ["dataset=[a, b]", "out=a=b", "backbone=none"])
    assert (config.dataset, config.out, config.backbone) == (("a", "b"), "a=b", None)
    with pytest.raises(ConfigError, match=r"cannot read --set 'dataset=\[a'"):
        resolve(EvalConfig, None, ["dataset=[a"])


def test_shipped_yaml_is_found_by_name_and_any_other_by_path(tmp_path: Path) -> None:
    path = written(tmp_path, "a: 1\n")
    assert load_yaml("regions", str(path)) == {"a": 1}
    name = sorted((config_dir() / "regions").glob("*.yaml"))[0]
    assert load_yaml("regions", name.stem) == yaml.safe_load(name.read_text("utf-8"))


def test_a_yaml_that_is_not_there_is_answered_with_the_shipped_names(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"did you mean 'eyes_nose_mouth'.*of these names: eyes_nose"
    ):
        load_yaml("regions", "eye_nose_mouth")
    with pytest.raises(ConfigError, match=r"no configuration '.*absent\.yaml'"):
        load_yaml("regions", str(tmp_path / "absent.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", "cannot read"),
        ("- 1\n", r"is not a configuration: .* and holds a list"),
        ("a: 1\nb: {c: 1, c: 2}\n", "line 2: the key 'c' is given twice"),
        ("a:\n- {b: 1, b: 2}\n", "line 2: the key 'b' is given twice"),
        ("a: !!python/name:os.system\n", "cannot read"),
    ],
)
def test_yaml_that_cannot_be_meant_is_an_error(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve(EvalConfig, written(tmp_path, text))


def test_bytes_that_are_no_text_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match="is not text in UTF-8"):
        load_yaml("eval", str(path))


def test_an_empty_yaml_leaves_the_defaults(tmp_path: Path) -> None:
    assert resolve(EvalConfig, written(tmp_path, "# nothing\n")) == EvalConfig()


def test_every_shipped_yaml_is_a_mapping() -> None:
    paths = sorted(config_dir().rglob("*.yaml"))
    assert paths
    for path in paths:
        assert load_yaml(path.parent.name, path.stem), path


def test_anchors_and_merges_of_yaml_work(tmp_path: Path) -> None:
    path = written(tmp_path, "a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n")
    assert load_yaml("eval", str(path)) == {"a": {"x": 1}, "b": {"x": 1, "y": 2}}


@pytest.mark.parametrize(("folder", "cls"), [("fit", FitConfig), ("eval", EvalConfig)])
def test_every_shipped_run_configuration_resolves_with_its_detectors_options(
    folder: str, cls: type[Any]
) -> None:
    for path in sorted((config_dir() / folder).glob("*.yaml")):
        config = resolve(cls, path.stem)
        spec = load_plugins().get("detector", config.detector)
        options = spec.fit_options if folder == "fit" else spec.options
        resolve_options(options, config.options)


def test_a_configuration_that_is_not_there_is_told_with_what_to_give_instead() -> None:
    with pytest.raises(
        ConfigError,
        match=r"no configuration 'nope' \(no such file\); pass .* `--print-config > FILE"
        r".* none is shipped for this command",
    ):
        resolve(EvalConfig, "nope")
    with pytest.raises(
        ConfigError,
        match=r"'sbj' \(no such file\); did you mean 'sbi'\?.* or one of these names: .*sbi",
    ):
        load_yaml("blend", "sbj")


def test_a_file_of_another_kind_is_named_with_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("note.txt").write_text("remember the milk\n")
    with pytest.raises(ConfigError, match=r"^note\.txt is not a configuration: .* holds text$"):
        resolve(EvalConfig, "note.txt")
    Path("photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ConfigError, match=r"^photo\.jpg is not a configuration: it is not text"):
        resolve(EvalConfig, "photo.jpg")
    with pytest.raises(
        ConfigError, match=r"no configuration '\.' \(that is a folder\); pass a YAML"
    ):
        resolve(EvalConfig, ".")
    Path("settings.txt").write_text("frames: 3\n")  # YAML, whatever it is called
    assert resolve(EvalConfig, "settings.txt").frames == 3
    Path("sbi").write_text("a: 1\n")
    assert load_yaml("blend", "sbi") != {"a": 1}  # the shipped one goes first


def test_metrics_and_reporters_may_be_separated_by_commas() -> None:
    config = EvalConfig(metrics=("auc,cross_auc", " eer "), reporters=("html, csv",))
    assert config.metrics == ("auc", "cross_auc", "eer")
    assert config.reporters == ("html", "csv")
