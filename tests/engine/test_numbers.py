"""Finite numbers in, finite numbers out, however large they are (engine.md, Conventions)."""

import sys
from fractions import Fraction
from math import inf, isfinite
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from engine.contracts import CONTRACTS
from engine.index import Index
from engine.naming import pattern_name
from engine.observation import mean_emotives
from engine.options import RANK_FIELDS
from engine.plain.knowledge import Pattern
from engine.ranges import LARGEST, LARGEST_FREQUENCY, clamped
from tests.engine import strategies
from tests.engine.implementations import IMPLEMENTATIONS, Inputs, predict_fast, predict_plain

SUBNORMAL = 5e-324
EXTREMES = [LARGEST, -LARGEST, LARGEST / 2, 1e300, 1e280, SUBNORMAL, sys.float_info.min, 1.0]
extremes = st.sampled_from(EXTREMES) | st.floats(allow_nan=False, allow_infinity=False)

CONFIGS = st.fixed_dictionaries(
    {"rank_sort_algo": st.sampled_from(RANK_FIELDS)},
    optional={
        "recall_threshold": st.sampled_from([0.0, 0.1]),
        "fuzzy_token_threshold": st.sampled_from([0.3, 0.5]),
        "max_predictions": st.sampled_from([1, 3]),
    },
)


@st.composite
def extreme_inputs(draw: st.DrawFn) -> Inputs:
    few = draw(st.lists(st.sampled_from(["a", "ab", "abc", "abcd", "b", "c"]), min_size=2, max_size=5, unique=True))
    drawn = draw(st.lists(strategies.events(few), min_size=1, max_size=8, unique_by=pattern_name))
    emotives = st.lists(st.dictionaries(st.sampled_from(["joy", "fear"]), extremes), max_size=4)
    frequency = st.sampled_from([1, 2, 1000, LARGEST_FREQUENCY])
    known = [Pattern(name=pattern_name(e), events=e, frequency=draw(frequency), emotives=draw(emotives)) for e in drawn]
    stm = draw(strategies.events(few) | strategies.events(few, longest=1) | st.sampled_from(drawn))
    affinity = draw(st.dictionaries(st.sampled_from(few), extremes | st.sampled_from([inf, -inf]), min_size=1))
    finalized = draw(st.none() | st.just(known[: len(known) // 2]))
    contract = draw(st.sampled_from(list(CONTRACTS.values())))
    return Inputs(known, stm, draw(CONFIGS), affinity, finalized, contract)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(extreme_inputs())
def test_predictions_from_extreme_numbers_are_finite_and_the_same_in_both_implementations(inputs: Inputs) -> None:
    fast, plain = predict_fast(inputs), predict_plain(inputs)
    assert fast.predictions.decode() == to_json(plain.predictions).decode()
    assert fast.future_potentials.decode() == to_json(plain.future_potentials).decode()
    for text in (fast.predictions, fast.future_potentials):
        from_json(text, allow_inf_nan=False)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("affinity", [LARGEST, -LARGEST, inf])
@pytest.mark.parametrize("stm", [[["a"], ["b"]], [["a"]]])
def test_affinities_at_the_end_of_the_range_weigh_like_any_others(
    implementation: str, affinity: float, stm: list[list[str]]
) -> None:
    """All symbols weigh the same, so the weighted metrics are those without weights."""
    events = [["a"], ["b"], ["c"]]
    known = [Pattern(name=pattern_name(events), events=events)]
    affinities = dict.fromkeys("abc", affinity)
    [found] = IMPLEMENTATIONS[implementation](Inputs(known, stm, {}, affinities)).predictions
    assert found["weighted_evidence"] == pytest.approx(1.0 if len(stm) > 1 else 1 / 3)
    assert found["weighted_similarity"] == pytest.approx(1.0 if len(stm) > 1 else 0.5)
    assert isfinite(found["potential"])


def test_the_largest_ratio_can_be_ranked() -> None:
    """Fuzzy matches make the largest ratio there is: the heaviest symbol over the lightest."""
    known = [
        Pattern(name=pattern_name(events), events=events)
        for events in ([["abcd"], ["z"]], [["x"], ["z"]], [["abcd"], ["abcx"], ["z"]])
    ]
    config = {"fuzzy_token_threshold": 0.5, "recall_threshold": 0.0, "rank_sort_algo": "weighted_evidence"}
    inputs = Inputs(known, [["abce"], ["z"]], config, {"abce": LARGEST, "abcd": LARGEST, "z": SUBNORMAL})
    fast = from_json(predict_fast(inputs).predictions, allow_inf_nan=False)
    assert [one["name"] for one in fast] == [one["name"] for one in predict_plain(inputs).predictions]


@settings(max_examples=200, deadline=None)
@given(st.lists(extremes, min_size=1, max_size=30))
@example([LARGEST] * 2)
@example([LARGEST] * 3)
@example([LARGEST] * 1000)
@example([LARGEST, LARGEST, -LARGEST])
@example([-LARGEST] * 999)
def test_the_mean_of_emotives_lies_between_the_smallest_and_the_largest(values: list[float]) -> None:
    [mean] = mean_emotives([{"joy": value} for value in values]).values()
    exact = sum(map(Fraction, values), Fraction()) / len(values)
    size = sum((abs(Fraction(value)) for value in values), Fraction())
    assert abs(Fraction(mean) - exact) <= size * Fraction(sys.float_info.epsilon) + Fraction(SUBNORMAL)
    assert isfinite(mean)


@pytest.mark.parametrize("count", [*range(2, 40), 999, 1000])
def test_the_mean_of_equal_emotives_is_that_emotive(count: int) -> None:
    assert mean_emotives([{"joy": LARGEST}] * count) == {"joy": pytest.approx(LARGEST)}


def test_what_no_double_can_hold_becomes_the_largest_one() -> None:
    assert [clamped(value) for value in (inf, -inf, 1.5, LARGEST)] == [LARGEST, -LARGEST, 1.5, LARGEST]


@pytest.mark.parametrize("frequency", [LARGEST_FREQUENCY, LARGEST_FREQUENCY + 1, 2**53, 2**63 - 1])
def test_a_frequency_counts_up_to_its_limit(frequency: int) -> None:
    index, events = Index(), [["a"], ["b"]]
    for given_before in (None, 5):
        if given_before:
            index.clear()
            index.upsert([(pattern_name(events), events, given_before)])
        index.upsert([(pattern_name(events), events, frequency)])
        assert index.view().symbol_statistics() == {"a": (LARGEST_FREQUENCY, 1), "b": (LARGEST_FREQUENCY, 1)}
        assert len(index.view()) == 1


def test_the_most_frequent_patterns_share_their_probability() -> None:
    known: list[Any] = [[["a"], [symbol]] for symbol in "bcdefgh"]
    patterns = [Pattern(name=pattern_name(e), events=e, frequency=LARGEST_FREQUENCY) for e in known]
    found = from_json(predict_fast(Inputs(patterns, [["a"]], {})).predictions, allow_inf_nan=False)
    assert [one["pattern_probability"] for one in found] == [pytest.approx(1 / 7)] * 7
