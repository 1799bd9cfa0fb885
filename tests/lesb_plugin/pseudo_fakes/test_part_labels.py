from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from lesb_plugin.pseudo_fakes.part_labels import part_labels

# Three parts of two cells each on a grid of 2 x 3, one column apiece.
PARTS = np.zeros((3, 2, 3), np.float32)
for column in range(3):
    PARTS[column, :, column] = 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ([[1, 0, 0], [1, 0, 0]], [1, 0, 0]),
        ([[1, 1, 1], [1, 1, 1]], [1, 1, 1]),
        ([[0, 0, 0], [0, 0, 0]], [0, 0, 0]),
        ([[0.5, 0, 0], [0.5, 0, 0]], [1, 0, 0]),  # a faint change is a change
        ([[1, 0.4, 0], [1, 0.4, 0]], [1, np.nan, 0]),  # the nose's edge of a warped mouth
        ([[1, 0.1, 0.2], [0, 0.1, 0]], [1, 0, 0]),  # half of a part, and traces
    ],
)
def test_a_part_is_changed_when_half_of_it_is(
    change: list[list[float]], expected: list[float]
) -> None:
    assert_array_equal(part_labels(np.array(change), PARTS), np.array(expected, np.float32))
