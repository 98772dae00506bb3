"""The moves of repeated symbols, alone: the kernel does what the plain implementation does (kato-6.md 3.3, 3.8)."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.arrays import Flags, Ints, Tokens
from engine.kernels.alignment import Span
from engine.kernels.compiler import compiled
from engine.kernels.moves import AT_PLACE, AT_POSITION, IN_EVENT, list_pairs, nearest_ends, settle, smallest_event
from engine.plain.matching import find_blocks
from engine.plain.moves import Alignment, Pair, event_numbers
from engine.plain.segmentation import pairs_of
from engine.stm import Stm, state
from engine.stopping import NEVER


@compiled
def settle_alone(
    tokens: Tokens, ends: Tokens, span: Span, state_tokens: Ints, stm_ends: Ints, pairs: Ints, count: int, stop: Flags
) -> None:
    """Only kernels can call `settle`."""
    settle(tokens, ends, span, state_tokens, stm_ends, pairs, count, stop)


FEW = st.sampled_from("abcd")
EVENTS = st.lists(st.lists(FEW, min_size=1, max_size=4), min_size=1, max_size=8)
# 250, and a thousand in `make test-all`.
MANY = settings(max_examples=settings().max_examples * 5 // 2, deadline=None, suppress_health_check=list(HealthCheck))


def settled(events: Stm, stm: Stm) -> list[Pair]:
    """By the plain implementation."""
    alignment = Alignment(
        pairs=pairs_of(find_blocks(state(events), state(stm), NEVER)),
        symbols=state(events),
        observed=state(stm),
        event_of=event_numbers(events),
        observed_event_of=event_numbers(stm),
    )
    return list(alignment.settled(NEVER).pairs)


def settled_by_kernel(events: Stm, stm: Stm) -> list[Pair]:
    """Other patterns are before this one in the columns, and after it."""
    symbols, observed = [ord(symbol) for symbol in state(events)], [ord(symbol) for symbol in state(stm)]
    before = [ord("a"), ord("b"), ord("c")]
    blocks = find_blocks(state(events), state(stm), NEVER)
    pairs = np.full((4, len(observed) + 2), -1, dtype=np.int64)
    table = np.array(blocks, dtype=np.int64).reshape(-1, 3)
    count = list_pairs(len(blocks), table, pairs)
    settle_alone(
        np.array([*before, *symbols, *before], dtype=np.uint16),
        np.array([1, 3, *np.cumsum([len(event) for event in events]), 1], dtype=np.uint16),
        Span(len(before), len(symbols), 2, len(events)),
        np.array(observed, dtype=np.int64),
        np.cumsum([len(event) for event in stm]),
        pairs,
        count,
        NEVER.flag,
    )
    numbers = event_numbers(events)
    assert pairs[IN_EVENT, :count].tolist() == [numbers[at] for at in pairs[AT_POSITION, :count]]
    return [Pair(*pair) for pair in pairs[[AT_POSITION, AT_PLACE], :count].T.tolist()]


# One move of each rule, and where none of them allows any.
MOVES: list[tuple[Stm, Stm, list[tuple[int, int]]]] = [
    ([["a", "c"], ["a", "b", "d"], ["c"]], [["a", "d"]], [(2, 0), (4, 1)]),
    ([["a", "d", "b"], ["c"]], [["a"], ["a", "c", "b"], ["c"]], [(0, 1), (2, 3), (3, 4)]),
    ([["a"], ["b", "c"], ["a", "d"], ["d"], ["e"]], [["a"], ["e"]], [(3, 0), (6, 1)]),
    ([["a", "b", "c"], ["a", "b"], ["d", "a"]], [["a"]], [(0, 0)]),
]


@pytest.mark.parametrize(("events", "stm", "expected"), MOVES)
def test_what_each_rule_moves(events: Stm, stm: Stm, expected: list[tuple[int, int]]) -> None:
    assert settled_by_kernel(events, stm) == settled(events, stm) == expected


def test_the_pairs_are_those_of_the_blocks() -> None:
    events = [["a"], ["b", "c"], ["d"]]
    assert settled_by_kernel(events, [["b", "c", "e"], ["d"]]) == [(1, 0), (2, 1), (3, 3)]


@MANY
@given(EVENTS, EVENTS)
def test_any_moves(events: Stm, stm: Stm) -> None:
    assert settled_by_kernel(events, stm) == settled(events, stm)


@MANY
@given(EVENTS, EVENTS)
def test_moves_never_widen_present(events: Stm, stm: Stm) -> None:
    """What `select` relies on. A pair that is alone may move anywhere, and stays one event wide."""
    before, after = pairs_of(find_blocks(state(events), state(stm), NEVER)), settled(events, stm)
    if len(before) > 1:
        assert before[0].at <= after[0].at
        assert after[-1].at <= before[-1].at


@MANY
@given(EVENTS, EVENTS)
def test_moves_stay_within_the_nearest_ends(events: Stm, stm: Stm) -> None:
    """`select` leaves out the moves of pairs whose ends cannot get nearer, and asks at once where a lone pair goes."""
    symbols, observed = [ord(symbol) for symbol in state(events)], [ord(symbol) for symbol in state(stm)]
    before, after = pairs_of(find_blocks(state(events), state(stm), NEVER)), settled(events, stm)
    masks = np.zeros(128, dtype=np.uint64)
    for place, symbol in enumerate(observed):
        masks[symbol] |= np.uint64(1 << place)
    at = np.flatnonzero(masks[symbols])
    if len(before) > 1:
        pairs = np.array(before, dtype=np.int64).T.copy()
        nearest, end = nearest_ends(
            pairs, len(before), np.array(observed, dtype=np.int64), masks, len(at), at, masks[symbols][at]
        )
        assert before[0].at <= after[0].at <= nearest
        assert end <= after[-1].at + 1 <= before[-1].at + 1
    elif before:
        numbers = event_numbers(events)
        ends = np.cumsum([len(event) for event in events]).astype(np.uint16)
        event = smallest_event(numbers[before[0].at], ends, 0, len(at), at, masks[symbols][at])
        assert event == numbers[after[0].at]
