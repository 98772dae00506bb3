"""The fast implementation returns what the plain one returns, to the last bit. `make test-all` tries more inputs."""

import random
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from engine.contracts import CONTRACTS, Contract
from engine.naming import pattern_name
from engine.plain.knowledge import Pattern
from tests.engine import strategies
from tests.engine.implementations import Inputs, predict_fast, predict_plain

pytestmark = pytest.mark.long

THOROUGH = settings(deadline=None, suppress_health_check=list(HealthCheck))


def assert_equal(inputs: Inputs) -> None:
    """The fast implementation writes JSON and the plain one makes objects, which must serialise to the same bytes."""
    fast, plain = predict_fast(inputs), predict_plain(inputs)
    assert fast.predictions.decode() == to_json(plain.predictions).decode()
    assert fast.future_potentials.decode() == to_json(plain.future_potentials).decode()
    assert fast.count == len(plain.predictions)


@THOROUGH
@given(strategies.all_inputs())
def test_any_inputs(inputs: Inputs) -> None:
    assert_equal(inputs)


@THOROUGH
@given(
    strategies.all_inputs(
        st.fixed_dictionaries({}, optional={"recall_threshold": st.sampled_from(strategies.THRESHOLDS)})
    )
)
def test_tokens_at_thresholds(inputs: Inputs) -> None:
    assert_equal(inputs)


@THOROUGH
@given(
    strategies.all_inputs(
        st.fixed_dictionaries(
            {"max_predictions": st.integers(1, 2)},
            optional={"use_token_matching": st.booleans(), "recall_threshold": st.sampled_from(strategies.THRESHOLDS)},
        ),
        most=40,
    )
)
def test_pruned_ensembles(inputs: Inputs) -> None:
    """With room for a single candidate more, the bar rises with every candidate, which tests every upper bound."""
    with patch("engine.candidates._ROOM", 1):
        assert_equal(inputs)


@pytest.mark.parametrize("vocabulary", [4, 12, 60])
@pytest.mark.parametrize("events", [1, 3, 30])
@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_more_candidates_than_there_is_room_for(vocabulary: int, events: int, contract: Contract) -> None:
    source = random.Random(vocabulary)
    symbols = [chr(ord("a") + number) for number in range(vocabulary)]

    def draw(most: int) -> list[list[str]]:
        return [source.choices(symbols, k=source.randint(1, 3)) for _ in range(source.randint(1, most))]

    drawn = {pattern_name(e): e for e in (draw(6) for _ in range(1500))}
    known = [Pattern(name=name, events=e, frequency=source.randint(1, 3)) for name, e in drawn.items()]
    stm = [source.choices(symbols, k=3) for _ in range(events)]
    assert_equal(Inputs(known, stm, {"max_predictions": 7, "recall_threshold": 0.05}, contract=contract))


@THOROUGH
@given(
    strategies.all_inputs(
        st.fixed_dictionaries(
            {"use_token_matching": st.just(False), "recall_threshold": st.sampled_from(strategies.THRESHOLDS)}
        )
    )
)
def test_character_mode(inputs: Inputs) -> None:
    assert_equal(inputs)


@THOROUGH
@given(
    strategies.all_inputs(
        st.fixed_dictionaries(
            {"fuzzy_token_threshold": st.sampled_from([0.3, 0.5, 2 / 3, 0.8, 1.0])},
            optional={"recall_threshold": st.just(0.0)},
        )
    )
)
def test_fuzzy_mode(inputs: Inputs) -> None:
    assert_equal(inputs)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_states_longer_than_a_word(data: st.DataObject) -> None:
    few = data.draw(st.lists(strategies.symbols, min_size=2, max_size=30, unique=True))
    known = data.draw(strategies.patterns(few, most=5))
    length = data.draw(st.sampled_from([60, 63, 64, 65, 66, 90, 140]))
    state = data.draw(st.lists(st.sampled_from(few), min_size=length, max_size=length))
    cut = data.draw(st.integers(1, length - 1))
    longest = [state[5:45], state[20:]]
    known.append(Pattern(name=pattern_name(longest), events=longest))
    config: dict[str, Any] = data.draw(
        st.fixed_dictionaries(
            {"recall_threshold": st.sampled_from([0.0, 0.1, 0.5])},
            optional={
                "use_token_matching": st.booleans(),
                "fuzzy_token_threshold": st.just(0.5),
                "filter_pipeline": st.just(["rapidfuzz"]),
            },
        )
    )
    known = list({pattern.name: pattern for pattern in known}.values())
    contract = data.draw(st.sampled_from(list(CONTRACTS.values())))
    assert_equal(Inputs(known, [state[:cut], state[cut:]], config, contract=contract))


@pytest.mark.exhaustive
@THOROUGH
@given(strategies.all_inputs())
def test_patterns_with_too_many_symbols_to_copy(inputs: Inputs) -> None:
    """The kernels then work on the index itself, whose tokens have 16 bits."""
    with patch("engine.candidates.MOST_GATHERED", 0):
        assert_equal(inputs)
