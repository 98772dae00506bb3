"""Retired patterns: no prediction returns them, and all statistics count them, in both implementations."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from engine.index import Index
from engine.naming import pattern_name
from tests.engine import strategies
from tests.engine.implementations import Inputs, predict_fast, predict_plain

pytestmark = pytest.mark.long

EVENTS = {symbol: [["a"], [symbol]] for symbol in "bcdefgh"}
NAMES = {symbol: pattern_name(events) for symbol, events in EVENTS.items()}


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.all_inputs(), st.data())
def test_both_implementations_leave_out_the_same(inputs: Inputs, data: st.DataObject) -> None:
    retired = data.draw(st.lists(st.booleans(), min_size=len(inputs.patterns), max_size=len(inputs.patterns)))
    patterns = [replace(one, retired=flag) for one, flag in zip(inputs.patterns, retired, strict=True)]
    given_inputs = inputs._replace(patterns=patterns)
    fast, plain = predict_fast(given_inputs), predict_plain(given_inputs)
    assert fast.predictions.decode() == to_json(plain.predictions).decode()
    assert fast.future_potentials.decode() == to_json(plain.future_potentials).decode()
    left_out = {one.name for one in patterns if one.retired}
    assert left_out.isdisjoint(one["name"] for one in plain.predictions)


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


def test_learning_others_keeps_what_is_retired() -> None:
    index = known()
    index.retire([NAMES["b"]])
    index.upsert([(NAMES["c"], EVENTS["c"], 5), (NAMES["b"], EVENTS["b"], 3)])
    assert predictable(index) == set("cdefgh")
    assert index.view().symbol_statistics()["b"].frequency == 3


def test_a_pattern_that_was_removed_and_learned_anew_is_not_retired() -> None:
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
