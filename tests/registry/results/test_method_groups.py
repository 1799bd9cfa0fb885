"""Groups of methods: what belongs to one, and what is no group."""

from __future__ import annotations

import re

import pytest

from registry.errors import ConfigError
from registry.results.method_groups import MethodGroup, read_groups

METHODS = {"eyes_alpha", "nose_alpha", "nose_poisson", "warp_eyes", "Warp_mouth"}


def test_a_group_holds_the_methods_that_one_of_its_patterns_matches() -> None:
    groups = read_groups(["alpha=*_alpha", "rest= warp_* | nose_?oisson"], METHODS)
    assert [(each.name, each.among(METHODS)) for each in groups] == [
        ("alpha", ("eyes_alpha", "nose_alpha")),
        ("rest", ("nose_poisson", "warp_eyes")),  # case counts
    ]


def test_a_pattern_is_the_whole_name() -> None:
    assert MethodGroup(name="g", patterns=("warp",)).among(["warp", "warp_eyes"]) == ("warp",)
    with pytest.raises(ConfigError, match="no method matches 'alpha'"):
        read_groups(["g=alpha"], METHODS)


def test_one_name_given_again_is_one_group() -> None:
    apart = read_groups(["b=nose_*", "a=eyes_*", "b=warp_*", "b=nose_*"], METHODS)
    assert apart == (
        MethodGroup(name="b", patterns=("nose_*", "warp_*")),
        MethodGroup(name="a", patterns=("eyes_*",)),
    )


def test_a_name_may_hold_what_a_shell_would_read_but_ends_at_the_first_equals_sign() -> None:
    (group,) = read_groups(["my faces=a=?"], {"a=b", "a"})
    assert (group.name, group.among(["a=b", "a"])) == ("my faces", ("a=b",))


@pytest.mark.parametrize(
    "text", ["*_alpha", "alpha=", "=*_alpha", " =*", "alpha=*_alpha|", "a=|nose_*", "a\nb=*", ""]
)
def test_a_text_of_another_form_is_refused_with_an_example_and_the_methods(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_groups([text], METHODS)
    told = str(refused.value)
    assert told.startswith(f"--group {text!r} is not of the form NAME=PATTERN")
    assert "--group warps='warp_*" in told
    assert told.endswith("eyes_alpha, nose_alpha, nose_poisson, warp_eyes")


def test_every_pattern_must_match_a_method() -> None:
    with pytest.raises(ConfigError) as refused:
        read_groups(["g=nose_*|wrap_eyes"], METHODS)
    told = str(refused.value)
    assert told.startswith("--group g: no method matches 'wrap_eyes'; did you mean 'warp_eyes'?")
    assert "* matches any characters" in told
    assert "Methods in the data: Warp_mouth, eyes_alpha," in told


@pytest.mark.parametrize(
    ("name", "what"), [("nose_alpha", "the row of a method"), ("all", "all fakes together")]
)
def test_a_group_may_not_be_named_like_another_row(name: str, what: str) -> None:
    with pytest.raises(
        ConfigError, match=re.escape(what) + r".*choose another\. Methods in the data"
    ):
        read_groups([f"{name}=nose_*"], METHODS)


def test_data_without_methods_has_no_groups() -> None:
    with pytest.raises(ConfigError, match="Methods in the data: none, omit --group"):
        read_groups(["g=*"], ())
