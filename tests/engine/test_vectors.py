"""Vectors and their names (engine.md 2.3, appendix A)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.named_vectors import vector_symbols
from engine.vector_text import printed
from engine.vectors import DimensionMismatch, sum_vectors, vector_name

TABLE = [
    ([1, 0, 0], "9d58821e286eae6a77923d694a12ede7cbeabfbd"),
    ([0.1, 0.2, 0.3], "e09ff768f2b2a0f5d5e78932dc977709e8c35f57"),
    ([0.123456789, 0.5], "6a90ec6598cb2f5313fd3dc1a483fd6a41370800"),
    ([0.1234567891, 0.5], "6a90ec6598cb2f5313fd3dc1a483fd6a41370800"),
    ([-0.5, 0.25, 2], "8fbf27c60bc9d3fe859c1d0f434de58411189973"),
    ([1e-5, 1], "db4d58e9dcc12fc54db9cdf0d30e335dd650407e"),
    ([12345.678, 0.25], "6331818d1714bcbcbc428c0307834827f4cd4218"),
    (list(range(1000)), "03e23bb9b8571982775e109456cf2afe81a72b16"),
    ([i / 7 for i in range(20)], "1a4abfbca4a1af832c5fe8158abad01eb3bb7f51"),
]


@pytest.mark.parametrize(("values", "digest"), TABLE)
def test_the_names_of_the_specification(values: list[float], digest: str) -> None:
    assert vector_name(sum_vectors([values])) == f"VCTR|{digest}"


_ANY = st.floats(allow_nan=False, allow_infinity=False)
_ROUND = st.decimals(-1000, 1000, places=4).map(float)
_ALIKE = st.floats(1e-4, 0.1) | st.floats(-0.1, -1e-4)
_LARGE = st.floats(1e5, 99_999_999.9).map(lambda value: round(value, 1))


@given(st.one_of(*(st.lists(one, max_size=40) for one in (_ANY, _ROUND, _ALIKE, _LARGE, _ANY | _ROUND))))
def test_the_text_of_a_vector_is_what_numpy_prints(values: list[float]) -> None:
    vector = np.array(values, dtype=np.float64)
    with np.printoptions(
        precision=8, threshold=1000, edgeitems=3, linewidth=75, suppress=False, floatmode="maxprec", sign="-"
    ):
        assert printed(vector) == str(vector)


def test_d30_long_vectors_are_named_after_all_their_values() -> None:
    vector = np.arange(1001.0)
    other = vector.copy()
    other[500] += 1e-12
    assert vector_name(vector) != "VCTR|14eda167eb6e271deccdc8e7fff2bc70981d73ef"
    assert vector_name(vector) != vector_name(other)


def test_the_vectors_of_one_observation_are_added() -> None:
    assert sum_vectors([[1, 0], [0, 2]]).tolist() == [1.0, 2.0]
    assert sum_vectors([[1, 2, 3], [10], [1, 1, 1]]).tolist() == [12.0, 13.0, 14.0]
    with pytest.raises(DimensionMismatch, match="expected 2, got 3"):
        sum_vectors([[1, 2], [1, 2, 3]])


def test_the_symbols_of_a_vector_are_a_sorted_set() -> None:
    assert vector_symbols("b", ["c", "b", "a"]) == ["a", "b", "c"]
