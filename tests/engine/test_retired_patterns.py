"""Retired patterns: no prediction returns them, and all statistics count them, in both implementations."""

import numpy as np
import pytest

from engine.contracts import CONTRACTS, Contract
from engine.index import Index
from engine.naming import pattern_name
from engine.plain.knowledge import Pattern
from tests.engine.implementations import IMPLEMENTATIONS, Inputs

pytestmark = pytest.mark.long

EVENTS = {symbol: [["a"], [symbol]] for symbol in "bcdefgh"}
NAMES = {symbol: pattern_name(events) for symbol, events in EVENTS.items()}


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
@pytest.mark.parametrize("stm", [[["a"]], [["a"], ["b"]]], ids=["one symbol", "two symbols"])
def test_they_are_left_out_before_the_cuts_and_still_count(
    implementation: str, contract: Contract, stm: list[list[str]]
) -> None:
    events = sorted(([["a"], ["b"], [f"{number}"]] for number in range(10)), key=pattern_name)
    patterns = [
        Pattern(name=pattern_name(one), events=one, retired=0 < number < 9) for number, one in enumerate(events)
    ]
    inputs = Inputs(patterns, stm, {"max_predictions": 1}, contract=contract)
    [found] = IMPLEMENTATIONS[implementation](inputs).predictions
    assert found["name"] in (patterns[0].name, patterns[9].name)
    assert found["pattern_probability"] == 1 / 2
    assert found["confluence"] == 0.0  # a and b are in all ten patterns


def known() -> Index:
    index = Index()
    index.upsert((NAMES[symbol], events, 2) for symbol, events in EVENTS.items())
    return index


def predictable(index: Index) -> set[str]:
    view = index.view()
    frequencies = view.columns.frequency.tolist()
    names = [bytes(name).hex() for name in view.columns.names]
    return {symbol for symbol, name in NAMES.items() if name in names and frequencies[names.index(name)] > 0}


def test_retire_and_restore() -> None:
    index = known()
    before, statistics = index.view(), index.view().symbol_statistics()
    index.retire([NAMES["b"], NAMES["c"], "0" * 40])
    assert predictable(index) == set("defgh")
    assert (index.view().symbol_statistics(), len(index.view())) == (statistics, 7)
    assert before.columns.frequency.tolist() == [2] * 7
    index.restore([NAMES["c"], "0" * 40])
    assert predictable(index) == set("cdefgh")
    assert index.view().total_symbols == before.total_symbols


def test_a_retired_pattern_still_has_its_symbols() -> None:
    index = known()
    index.retire([NAMES["b"]])
    index.remove([NAMES["c"]])
    view = index.view()
    token = view.token("a")
    assert token is not None
    assert sorted(view.hex_names(view.rows_with(token))) == sorted(NAMES[symbol] for symbol in "bdefgh")


def test_a_pattern_that_was_removed_can_not_be_retired() -> None:
    index = known()
    index.remove([NAMES["b"]])
    index.retire([NAMES["b"]])
    index.upsert([(NAMES["b"], EVENTS["b"], 1)])
    assert predictable(index) == set("bcdefgh")


def test_learning_others_keeps_what_is_retired() -> None:
    index = known()
    index.retire([NAMES["b"]])
    index.upsert([(NAMES["c"], EVENTS["c"], 5), (NAMES["b"], EVENTS["b"], 3)])
    assert predictable(index) == set("cdefgh")
    assert index.view().symbol_statistics()["b"].frequency == 3


def test_what_was_learned_of_a_retired_pattern_is_there_when_it_is_restored() -> None:
    index = known()
    index.retire([NAMES["c"], NAMES["b"]])
    index.retire([NAMES["b"]])
    index.upsert([(NAMES["b"], EVENTS["b"], 5)])
    index.restore([NAMES["b"], NAMES["c"]])
    assert index.view().columns.frequency.tolist() == [5, 2, 2, 2, 2, 2, 2]


def test_learning_a_pattern_copies_no_column_however_many_are_retired() -> None:
    index = known()
    index.retire([NAMES["b"]])
    before = index.view().columns.frequency
    index.upsert([(pattern_name([["new"]]), [["new"]], 1)])
    after = index.view().columns.frequency
    assert (before.tolist(), after.tolist()) == ([0, *[2] * 6], [0, *[2] * 6, 1])
    assert np.shares_memory(before, after)


def test_a_pattern_that_was_removed_and_learned_again_is_not_retired() -> None:
    index = known()
    index.retire([NAMES["b"]])
    index.remove([NAMES["b"]])
    assert "b" not in index.view().symbol_statistics()
    index.upsert([(NAMES["b"], EVENTS["b"], 1)])
    assert predictable(index) == set("bcdefgh")


def test_dropping_the_room_of_removed_patterns_keeps_what_is_retired() -> None:
    index = known()
    index.retire([NAMES["h"], NAMES["d"]])
    index.remove(NAMES[symbol] for symbol in "bcefg"[:4])
    assert len(index.view().columns.frequency) == 3, "it was to be compacted"
    assert predictable(index) == {"g"}
    index.restore([NAMES["h"]])
    assert predictable(index) == {"g", "h"}
