"""What is said of a fit of LESB agrees with its tables."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lesb_plugin.lesb.findings import findings

NOTHING: dict[str, Any] = {
    "angles": {},
    "leakage": {"face": {"face": 0.9}},
    "explained": {"face": [0.95]},
    "alignment": None,
}


def _outcome(*fused: tuple[float, float]) -> Any:
    runs = [
        SimpleNamespace(local=SimpleNamespace(fused=local), random=SimpleNamespace(fused=random))
        for local, random in fused
    ]
    return SimpleNamespace(runs=runs, head_auc=0.75)


@pytest.mark.parametrize(
    ("fused", "how"),
    [
        ([(0.80, 0.70), (0.81, 0.70), (0.79, 0.72)], "better than"),
        ([(0.80, 0.70), (0.69, 0.70)], "no better than"),  # not with every seed
        ([(0.801, 0.800), (0.802, 0.801)], "no better than"),  # too little to speak of
        ([(0.70, 0.80)], "worse than"),
    ],
)
def test_local_subspaces_are_compared_with_random_ones(
    fused: list[tuple[float, float]], how: str
) -> None:
    found = findings(_outcome(*fused), {}, 2, NOTHING)
    assert found[0].startswith(f"Local subspaces are {how} random ones here (mean of parts 0.")
    assert found[0].endswith("the head alone reaches 0.750.")
    assert len(found) == 3


@pytest.mark.parametrize(("aucs", "word"), [((0.80, 0.85), "matters"), ((0.80, 0.801), "hardly")])
def test_a_choice_of_ranks_is_told_with_what_it_is_worth(
    aucs: tuple[float, float], word: str
) -> None:
    found = findings(_outcome((0.8, 0.7)), dict(zip((2, 4), aucs, strict=True)), 4, NOTHING)
    assert found[1].startswith("Rank 4 does best on val")
    assert word in found[1]
    assert len(found) == 4
