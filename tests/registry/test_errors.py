"""What is offered in place of a name that is not there."""

from __future__ import annotations

from registry.errors import similar_names

MANY = ["convit_tiny", "crossvit_9", "resnet18", "resnet50", "vit_base_16", "vit_small_16"]


def test_a_mistyped_name_is_answered_with_the_closest_first() -> None:
    assert similar_names("resnet5", MANY) == ["resnet50", "resnet18"]
    assert similar_names("rasnet18", MANY)[0] == "resnet18"


def test_the_start_of_a_name_comes_before_its_middle() -> None:
    assert similar_names("vit_", MANY)[:2] == ["vit_base_16", "vit_small_16"]
    assert similar_names("base", MANY) == ["vit_base_16"]


def test_a_name_like_no_other_and_an_empty_one_are_answered_with_none() -> None:
    assert similar_names("qqqq", MANY) == []
    assert similar_names("", MANY) == []


def test_of_many_alike_a_few_are_offered() -> None:
    assert len(similar_names("net", [f"net{number}" for number in range(100)])) == 10
