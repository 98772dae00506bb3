"""The index: statistics that follow from the patterns, changes, views, memory."""

import threading
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from engine.index import Index
from engine.naming import pattern_name
from engine.plain.knowledge import Knowledge, Pattern
from engine.predict import predict
from engine.view import SymbolStatistics
from tests.engine import strategies

Row = tuple[str, list[list[str]], int]


def row(*events: str, frequency: int = 1) -> Row:
    """Events of one-letter symbols: row("ab", "c")."""
    split = [list(event) for event in events]
    return pattern_name(split), split, frequency


def names_predicted(index: Index, *events: str) -> list[str]:
    prediction = predict(index.view(), [list(event) for event in events], {}, emotives=lambda names: {})
    return sorted(each["name"] for each in from_json(prediction.predictions))


class Statistics(NamedTuple):
    patterns: int
    symbols: int
    total_symbols: int
    by_symbol: dict[str, SymbolStatistics]


def statistics(index: Index) -> Statistics:
    view = index.view()
    return Statistics(len(view), view.statistics.symbol_count, view.total_symbols, view.symbol_statistics())


@settings(deadline=None)
@given(strategies.patterns())
def test_statistics_follow_from_the_patterns(known: list[Pattern]) -> None:
    index, knowledge = Index(), Knowledge(known)
    index.upsert((pattern.name, pattern.events, pattern.frequency) for pattern in known)
    assert len(index.view()) == knowledge.pattern_count
    assert index.view().statistics.symbol_count == knowledge.symbol_count
    assert index.view().total_symbols == sum(len(pattern.symbols) * pattern.frequency for pattern in known)
    assert index.view().symbol_statistics() == {
        symbol: (knowledge.symbol_frequency[symbol], count) for symbol, count in knowledge.pattern_membership.items()
    }


@settings(deadline=None)
@given(st.lists(strategies.patterns(["a", "b", "c"], most=4), min_size=1, max_size=5), st.data())
def test_any_history_ends_like_a_fresh_index(histories: list[list[Pattern]], data: st.DataObject) -> None:
    index = Index()
    stored: dict[str, Pattern] = {}
    retired: set[str] = set()
    for known in histories:
        index.upsert((pattern.name, pattern.events, pattern.frequency) for pattern in known)
        stored |= {pattern.name: pattern for pattern in known}
        removed = data.draw(st.lists(st.sampled_from(sorted(stored)), unique=True)) if stored else []
        index.remove([*removed, "0" * 40])
        for name in removed:
            del stored[name]
        retired -= set(removed)
        for act, change in ((index.retire, retired.update), (index.restore, retired.difference_update)):
            names = data.draw(st.lists(st.sampled_from(sorted(stored)), unique=True)) if stored else []
            act([*names, "0" * 40])
            change(names)
    fresh = Index()
    fresh.upsert((pattern.name, pattern.events, pattern.frequency) for pattern in stored.values())
    fresh.retire(retired)
    assert statistics(index) == statistics(fresh)
    stm = data.draw(strategies.events(["a", "b", "c"]))
    predicted = [predict(each.view(), stm, {}, emotives=lambda names: {}) for each in (index, fresh)]
    assert predicted[0] == predicted[1]


def test_a_new_frequency_replaces_the_old_one() -> None:
    index = Index()
    index.upsert([row("a", "b"), row("a", "b", frequency=3)])
    index.upsert([row("a", "b", frequency=5)])
    assert statistics(index) == Statistics(
        patterns=1, symbols=2, total_symbols=10, by_symbol={x: SymbolStatistics(5, membership=1) for x in "ab"}
    )


def test_removed_patterns_are_not_predicted() -> None:
    index = Index()
    rows = [row("a", "b", letter) for letter in "cdefg"]
    index.upsert(rows)
    for gone, (name, _, _) in enumerate(rows, start=1):
        index.remove([name])
        assert names_predicted(index, "a", "b") == sorted(name for name, _, _ in rows[gone:])
    index.upsert(rows[:2])
    assert names_predicted(index, "a", "b") == sorted(name for name, _, _ in rows[:2])


def test_clearing_forgets_everything() -> None:
    index = Index()
    index.upsert([row("a", "b")])
    index.clear()
    assert statistics(index) == Statistics(patterns=0, symbols=0, total_symbols=0, by_symbol={})
    assert names_predicted(index, "a", "b") == []


@pytest.mark.parametrize(
    "bad", [("0" * 39, [["a"]], 1), ("0" * 40, [[]], 1), ("0" * 40, [["a"]], 0), ("x" * 40, [["a"]], 1)]
)
def test_bad_rows_change_nothing(bad: Row) -> None:
    index = Index()
    with pytest.raises(ValueError, match=r"pattern|hex"):
        index.upsert([row("a", "b"), bad])
    assert len(index.view()) == 0


def test_more_symbols_than_16_bits_can_number() -> None:
    index = Index()
    index.upsert([row("a", "b")])
    before = index.memory_bytes()
    many = [[f"symbol{number}"] for number in range(70_000)]
    index.upsert([(pattern_name(many), many, 1), row("b", "c")])
    assert index.memory_bytes() > before
    assert names_predicted(index, "a", "b") == sorted([row("a", "b")[0], row("b", "c")[0]])
    prediction = predict(index.view(), [many[-2], many[-1]], {"recall_threshold": 0.0}, emotives=lambda names: {})
    last = from_json(prediction.predictions)[0]
    assert (last["name"], last["matches"]) == (pattern_name(many), ["symbol69998", "symbol69999"])


def test_memory_stays_below_400_bytes_a_pattern() -> None:
    index = Index()
    for start in range(0, 20_000, 1000):
        index.upsert(
            (pattern_name(events), events, 1)
            for number in range(start, start + 1000)
            for events in [
                [[f"s{(number * 7 + place * place) % 997}", f"t{(number + place) % 500}"] for place in range(10)]
            ]
        )
    assert len(index.view()) == 20_000
    assert index.memory_bytes() / len(index.view()) < 400


def test_a_view_stays_as_it_was() -> None:
    index = Index()
    index.upsert([row("a", "b"), row("a", "c")])
    view = index.view()
    frequency, membership = view.columns.frequency.copy(), view.statistics.membership.copy()
    index.upsert([row("a", "b", frequency=9), row("a", "d")])
    index.remove([row("a", "c")[0]])
    index.clear()
    assert view.columns.frequency.tolist() == frequency.tolist()
    assert view.statistics.membership.tolist() == membership.tolist()
    assert view.token("a") == 0
    assert view.token("d") is None


def test_predictions_are_whole_while_another_thread_learns() -> None:
    """Every upsert sets all frequencies to one number, so a prediction from two states of the index would show two."""
    index = Index()
    rows = [row("a", "b", letter) for letter in "cdefghij"]
    index.upsert(rows)
    done = threading.Event()
    frequencies: set[frozenset[int]] = set()

    def read() -> None:
        while not done.is_set():
            prediction = predict(index.view(), [["a"], ["b"]], {}, emotives=lambda names: {})
            frequencies.add(frozenset(each["frequency"] for each in from_json(prediction.predictions)))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for frequency in range(2, 200):
        index.upsert([(name, events, frequency) for name, events, _ in rows])
    done.set()
    for reader in readers:
        reader.join()
    assert {len(each) for each in frequencies} == {1}
