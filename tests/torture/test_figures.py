"""The figures of a run."""

from array import array

import pytest

from benchmarks.torture.figures import gap


@pytest.mark.parametrize(
    ("moments", "longest"),
    [
        ([], 10.0),  # nothing was served at all
        ([1.0, 2.0, 19.0, 50.0], 9.0),  # the last one before its end
        ([10.5, 11.0, 16.0, 19.5], 5.0),
        ([13.0], 7.0),
    ],
)
def test_a_gap_is_the_longest_time_without_an_acknowledged_write(moments: list[float], longest: float) -> None:
    assert gap(array("d", moments), 10.0, 20.0) == longest
