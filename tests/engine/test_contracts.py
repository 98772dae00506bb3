"""What sets KATO 6.3 apart from 3.10, as rules: segments, deviations, order, one symbol (kato-6.md 3)."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.contracts import CONTRACTS, KATO_3_10, KATO_6_3, Contract
from engine.naming import pattern_name
from engine.options import Options
from engine.plain.knowledge import Pattern
from engine.plain.matching import find_blocks
from engine.plain.moves import Alignment, event_numbers
from engine.plain.numbers import rounded
from engine.plain.segmentation import pairs_of
from engine.stm import state
from engine.stopping import NEVER
from tests.engine import strategies
from tests.engine.implementations import IMPLEMENTATIONS, Inputs, Outcome

Events = list[list[str]]

MANY = settings(deadline=None, suppress_health_check=list(HealthCheck))
both = pytest.mark.parametrize("implementation", IMPLEMENTATIONS)


def predicted(
    implementation: str,
    patterns: list[Events],
    stm: Events,
    config: dict[str, Any] | None = None,
    contract: Contract = KATO_6_3,
    **inputs: Any,
) -> list[dict[str, Any]]:
    known = [Pattern(name=pattern_name(events), events=events) for events in patterns]
    return IMPLEMENTATIONS[implementation](Inputs(known, stm, config or {}, contract=contract, **inputs)).predictions


def plain(inputs: Inputs) -> Outcome:
    return IMPLEMENTATIONS["plain"](inputs)


# Segments ------------------------------------------------------------------------------------------------------------

# The table of kato-6.md 3.9: pattern, state; past, present, future; missing, extras.
SEGMENTS: list[tuple[Events, Events, tuple[Events, Events, Events], Events, Events]] = [
    ([["a", "a", "b"]], [["a", "b", "b"]], ([], [["a", "a", "b"]], []), [["a"]], [["b"]]),
    ([["x"], ["x", "y"], ["z"]], [["x", "y"]], ([["x"]], [["x", "y"]], [["z"]]), [[]], [[]]),
    (
        [["a"], ["k"], ["a", "b"], ["c"]],
        [["a", "b"], ["c"]],
        ([["a"], ["k"]], [["a", "b"], ["c"]], []),
        [[], []],
        [[], []],
    ),
    ([["a", "k"], ["a", "b", "d"], ["e"]], [["a", "d"]], ([["a", "k"]], [["a", "b", "d"]], [["e"]]), [["b"]], [[]]),
    ([["s"], ["t"], ["s"], ["u"]], [["s"], ["u"]], ([["s"], ["t"]], [["s"], ["u"]], []), [[], []], [[], []]),
    (
        [["s"], ["t", "v"], ["s", "w"], ["u"]],
        [["s"], ["u"]],
        ([["s"], ["t", "v"]], [["s", "w"], ["u"]], []),
        [["w"], []],
        [[], []],
    ),
]


@both
@pytest.mark.parametrize(("pattern", "stm", "parts", "missing", "extras"), SEGMENTS)
def test_segments_follow_from_matched_positions(
    implementation: str,
    pattern: Events,
    stm: Events,
    parts: tuple[Events, Events, Events],
    missing: Events,
    extras: Events,
) -> None:
    [found] = predicted(implementation, [pattern], stm)
    assert (found["past"], found["present"], found["future"]) == parts
    assert (found["missing"], found["extras"]) == (missing, extras)


@both
def test_the_mirror_rule_moves_an_observed_symbol_to_its_companions(implementation: str) -> None:
    """x pairs with the first observed x; its companion y of the pattern was observed with the second."""
    [found] = predicted(implementation, [[["x", "q", "y"], ["z"]]], [["x"], ["x", "p", "y"], ["z"]])
    assert found["extras"] == [["x"], ["p"], []]


@both
def test_a_tie_for_the_fewest_missing_symbols_moves_nothing(implementation: str) -> None:
    config = {"single_symbol_match": "anywhere"}
    [found] = predicted(implementation, [[["s", "t", "u"], ["s", "v"], ["w", "s"]]], [["s"]], config)
    assert found["present"] == [["s", "t", "u"]]
    [found] = predicted(implementation, [[["s", "t", "u"], ["s", "v"], ["w", "r"]]], [["s"]], config)
    assert found["present"] == [["s", "v"]]


@MANY
@given(
    strategies.all_inputs(st.fixed_dictionaries({}, optional={"recall_threshold": st.sampled_from([0.0, 0.1, 0.5])}))
)
def test_missing_and_extras_have_the_events_of_present_and_of_the_stm(inputs: Inputs) -> None:
    for found in plain(inputs._replace(contract=KATO_6_3)).predictions:
        assert [*found["past"], *found["present"], *found["future"]] == found["sequence"]
        assert len(found["missing"]) == len(found["present"])
        assert len(found["extras"]) == len(inputs.stm)
        matched = len(found["matches"])
        assert len(state(found["missing"])) == len(state(found["present"])) - matched
        assert len(state(found["extras"])) == len(state(inputs.stm)) - matched
        assert Counter(state(found["present"])) == Counter(found["matches"]) + Counter(state(found["missing"]))
        assert Counter(state(inputs.stm)) == Counter(found["matches"]) + Counter(state(found["extras"]))


@MANY
@given(strategies.all_inputs(st.fixed_dictionaries({"fuzzy_token_threshold": st.sampled_from([0.3, 0.5, 0.8])})))
def test_a_fuzzy_match_is_neither_missing_nor_extra(inputs: Inputs) -> None:
    for found in plain(inputs._replace(contract=KATO_6_3)).predictions:
        assert len(found["missing"]) == len(found["present"])
        assert Counter(state(inputs.stm)) == Counter(found["matches"]) + Counter(state(found["extras"]))
        observed = [match["observed"] for match in found["fuzzy_matches"]]
        assert found["anomalies"] == [*state(found["missing"]), *state(found["extras"]), *observed]


@MANY
@given(strategies.events(["a", "b", "c"]), strategies.events(["a", "b", "c"]))
def test_moves_keep_the_matches_and_their_order(events: Events, stm: Events) -> None:
    symbols, observed = state(events), state(stm)
    before = pairs_of(find_blocks(symbols, observed, NEVER))
    alignment = Alignment(
        pairs=before,
        symbols=symbols,
        observed=observed,
        event_of=event_numbers(events),
        observed_event_of=event_numbers(stm),
    )
    after = alignment.settled(NEVER).pairs
    assert [symbols[pair.at] for pair in after] == [symbols[pair.at] for pair in before]
    assert all(symbols[pair.at] == observed[pair.place] for pair in after)
    for positions in ([pair.at for pair in after], [pair.place for pair in after]):
        assert positions == sorted(set(positions))
    assert replace(alignment, pairs=after).settled(NEVER).pairs == after


@MANY
@given(strategies.all_inputs())
def test_contracts_agree_on_what_matches(inputs: Inputs) -> None:
    """Two sessions of one node, one per contract, find the same patterns equally similar."""
    if len(state(inputs.stm)) == 1:
        return
    everything = {**inputs.config, "max_predictions": 100}
    found = [plain(inputs._replace(config=everything, contract=contract)) for contract in CONTRACTS.values()]
    fields = ("similarity", "matches", "evidence", "snr", "fragmentation", "fuzzy_matches")
    similar = [{p["name"]: [p[field] for field in fields] for p in one.predictions} for one in found]
    assert similar[0] == similar[1]


# Order ---------------------------------------------------------------------------------------------------------------


@MANY
@given(strategies.all_inputs())
def test_predictions_are_ordered_by_metric_and_name_descending(inputs: Inputs) -> None:
    field = Options.from_config(inputs.config).rank_sort_algo
    predictions = plain(inputs._replace(contract=KATO_6_3)).predictions
    keys = [(rounded(found[field] or 0), found["name"]) for found in predictions]
    assert keys == sorted(set(keys), reverse=True)


@both
def test_the_cut_before_the_metrics_keeps_the_larger_names(implementation: str) -> None:
    patterns: list[Events] = [[["a"], ["b"], [f"{number}"]] for number in range(10)]
    names = sorted(map(pattern_name, patterns))
    for contract, first in ((KATO_6_3, names[-1]), (KATO_3_10, names[0])):
        [found] = predicted(implementation, patterns, [["a"], ["b"]], {"max_predictions": 1}, contract)
        assert found["name"] == first
        assert found["pattern_probability"] == pytest.approx(1 / 3)


# Metrics -------------------------------------------------------------------------------------------------------------


@MANY
@given(strategies.all_inputs())
def test_finalize_training_changes_no_prediction(inputs: Inputs) -> None:
    inputs = inputs._replace(contract=KATO_6_3)
    assert plain(inputs._replace(finalized_patterns=inputs.patterns)) == plain(inputs._replace(finalized_patterns=None))


# One symbol ----------------------------------------------------------------------------------------------------------


@both
def test_one_symbol_has_the_fields_and_formulas_of_all_others(implementation: str) -> None:
    patterns: list[Events] = [[["a", "b"], ["c"]]]
    [one] = predicted(implementation, patterns, [["a"]], {"recall_threshold": 1.0})
    [two] = predicted(implementation, patterns, [["a"], ["x"]])
    assert list(one) == list(two)
    assert len(one) == 35
    assert (one["past"], one["present"], one["future"]) == ([], [["a", "b"]], [["c"]])
    assert (one["missing"], one["extras"], one["anomalies"]) == ([["b"]], [[]], ["b"])
    assert (one["evidence"], one["confidence"], one["snr"]) == (1 / 3, 1 / 2, 1.0)
    assert one["potential"] == pytest.approx(1 / 3 + 1 / 2 + one["itfdf_similarity"] + 1)


@both
@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)
def test_one_symbol_matches_at_the_start_unless_it_may_match_anywhere(implementation: str, contract: Contract) -> None:
    patterns: list[Events] = [[["a"], ["b"]], [["c"], ["d", "a"], ["e"]]]
    [found] = predicted(implementation, patterns, [["a"]], None, contract)
    assert found["sequence"] == patterns[0]
    config = {"single_symbol_match": "anywhere"}
    anywhere = {p["name"]: p for p in predicted(implementation, patterns, [["a"]], config, contract)}
    assert len(anywhere) == 2
    inside = anywhere[pattern_name(patterns[1])]
    assert (inside["past"], inside["present"], inside["future"]) == ([["c"]], [["d", "a"]], [["e"]])
    assert inside["missing"] == [["d"]]


@both
def test_the_first_symbol_stays_where_it_matched(implementation: str) -> None:
    """The rule of the fewest missing symbols would take it to the second event, and the future with it."""
    [found] = predicted(implementation, [[["s", "t"], ["s"], ["u"]]], [["s"]])
    assert (found["present"], found["future"], found["missing"]) == ([["s", "t"]], [["s"], ["u"]], [["t"]])


def test_another_place_for_one_symbol_is_an_error() -> None:
    with pytest.raises(ValueError, match="single_symbol_match: last"):
        Options.from_config({"single_symbol_match": "last"})
