"""The 62 worked cases of the specification, field by field, for every implementation.

Exceptions are the decisions, each of which is named below with its D-number.
"""

from collections.abc import Callable
from typing import Any

import pytest

from engine.naming import PATTERN_PREFIX
from engine.plain.knowledge import Pattern
from tests.engine.implementations import IMPLEMENTATIONS, Inputs, Outcome
from tests.engine.replay import CASES, Replayed, replay

BY_NAME = {case["name"]: case for case in CASES}

EXACT = ("similarity", "evidence", "confidence", "snr", "fragmentation", "frequency")

# Cases that decisions overrule; each decision has a test of its own below.
DECIDED: dict[str, tuple[str, ...]] = {
    "D07": ("session_sort_symbols_false_is_ignored", "rank_sort_algo_session_value_ignored"),
    "D09": ("same_session_accumulators_survive_learn",),
    "D10": ("auto_learn_drops_emotives",),
    "D13": ("single_symbol_state", "affinity_weighting_single_symbol"),
    "D15": ("character_level_threshold_zero",),
    "D26": ("filter_rapidfuzz_alone_returns_nothing",),
}
EXCEPTIONS = {name for names in DECIDED.values() for name in names}

OutcomeOf = Callable[[str], Outcome]


@pytest.fixture(params=IMPLEMENTATIONS)
def outcome_of(request: pytest.FixtureRequest) -> OutcomeOf:
    return lambda name: IMPLEMENTATIONS[request.param](inputs_of(BY_NAME[name], replay(BY_NAME[name])))


def inputs_of(case: dict[str, Any], replayed: Replayed) -> Inputs:
    stored = replayed.node.patterns.values()
    patterns = [
        Pattern(name=p.lesson.name, events=p.lesson.events, frequency=p.frequency, emotives=p.emotives) for p in stored
    ]
    affinity = None
    if "affinity_emotive" in case["config"]:
        emotive = case["config"]["affinity_emotive"]
        affinity = {symbol: sums[emotive] for symbol, sums in replayed.node.affinities.items() if emotive in sums}
    finalized = patterns if case.get("finalize_training") else None
    return Inputs(patterns, replayed.stm, case["config"], affinity, finalized)


def assert_same(actual: Any, expected: Any, where: str = "outcome") -> None:
    """Check that the values are equal: numbers to 1e-9, those of EXACT to the last bit."""
    if isinstance(expected, dict):
        assert set(actual) == set(expected), where
        for key, value in expected.items():
            if key in EXACT:
                assert actual[key] == value, f"{where}.{key}"
            assert_same(actual[key], value, f"{where}.{key}")
    elif isinstance(expected, list):
        assert len(actual) == len(expected), where
        for position, (one, other) in enumerate(zip(actual, expected, strict=True)):
            assert_same(one, other, f"{where}[{position}]")
    elif isinstance(expected, float):
        assert actual == pytest.approx(expected, rel=1e-9, abs=1e-9), where
    else:
        assert actual == expected, where


def as_decided(prediction: dict[str, Any]) -> dict[str, Any]:
    """A prediction from the file, with the fields that decisions add (D16) and without those they remove (D20)."""
    fields: dict[str, Any] = {}
    for key, value in prediction.items():
        if key != "_pre_potential":
            fields[key] = value
        if key == "anomalies":
            fields["fuzzy_matches"] = value
    return fields


@pytest.mark.parametrize("name", [name for name in BY_NAME if name not in EXCEPTIONS])
def test_the_predictions_of_a_case(name: str, outcome_of: OutcomeOf) -> None:
    expected = BY_NAME[name]["expected"]
    outcome = outcome_of(name)
    predictions = [as_decided(prediction) for prediction in expected["predictions"]]
    assert_same(outcome.predictions, predictions)
    assert [list(prediction) for prediction in outcome.predictions] == [list(prediction) for prediction in predictions]
    assert_same(outcome.future_potentials, expected["future_potentials"])


@pytest.mark.parametrize("name", list(BY_NAME))
def test_what_a_case_learns_and_observes(name: str) -> None:
    case, expected = BY_NAME[name], BY_NAME[name]["expected"]
    replayed = replay(case)
    assert replayed.learned_names == expected["learned_names"]
    assert replayed.learned_stm == expected.get("learned_stm", replayed.learned_stm)
    if name not in DECIDED["D07"]:
        assert replayed.stm == expected["stm"]
    if "observe_results" in expected:
        assert_same(replayed.observe_results, expected["observe_results"])
    if name not in DECIDED["D09"] + DECIDED["D10"]:
        assert_same(_patterns(replayed), expected.get("patterns", _patterns(replayed)))
        assert_same(_affinities(replayed), expected.get("affinities", _affinities(replayed)))
    assert _symbol_stats(replayed) == expected.get("symbol_stats", _symbol_stats(replayed))


def _patterns(replayed: Replayed) -> list[dict[str, Any]]:
    return [
        {
            "name": PATTERN_PREFIX + pattern.lesson.name,
            "pattern_data": pattern.lesson.events,
            "length": pattern.lesson.length,
            "frequency": pattern.frequency,
            "emotives": pattern.emotives,
            "metadata": pattern.metadata,
        }
        for pattern in replayed.node.patterns.values()
    ]


def _affinities(replayed: Replayed) -> dict[str, dict[str, float]]:
    return replayed.node.affinities


def _symbol_stats(replayed: Replayed) -> dict[str, dict[str, Any]]:
    node = replayed.node
    return {
        symbol: {
            "name": symbol,
            "frequency": node.frequency[symbol],
            "pattern_member_frequency": node.membership[symbol],
        }
        for symbol in sorted(node.membership)
    }


def test_d07_a_session_that_does_not_sort_observes_in_its_own_order(outcome_of: OutcomeOf) -> None:
    assert replay(BY_NAME["session_sort_symbols_false_is_ignored"]).stm == [["z", "a"]]
    (prediction,) = outcome_of("session_sort_symbols_false_is_ignored").predictions
    # Only one symbol of [z, a] is in the order of the sorted [a, m, z].
    assert prediction["matches"] == ["a"]
    assert prediction["similarity"] == pytest.approx(2 / 7)


def test_d07_a_sessions_own_rank_field_applies(outcome_of: OutcomeOf) -> None:
    expected = BY_NAME["rank_sort_algo_session_value_ignored"]["expected"]["predictions"]
    outcome = outcome_of("rank_sort_algo_session_value_ignored")
    by_frequency = sorted(expected, key=lambda prediction: -prediction["frequency"])
    assert_same(outcome.predictions, [as_decided(prediction) for prediction in by_frequency])


def test_d09_learning_consumes_the_accumulators(outcome_of: OutcomeOf) -> None:
    replayed = replay(BY_NAME["same_session_accumulators_survive_learn"])
    first, second = _patterns(replayed)
    assert (first["emotives"], first["metadata"]) == ([{"joy": 1.0}, {"joy": 3.0}], {"tag": ["first"]})
    assert (second["emotives"], second["metadata"]) == ([], {})
    assert replayed.node.affinities == {"p": {"joy": 2.0}, "q": {"joy": 2.0}}
    (prediction,) = outcome_of("same_session_accumulators_survive_learn").predictions
    assert prediction["emotives"] == {}


def test_d10_auto_learned_patterns_get_emotives_and_metadata(outcome_of: OutcomeOf) -> None:
    replayed = replay(BY_NAME["auto_learn_drops_emotives"])
    (pattern,) = _patterns(replayed)
    assert pattern["emotives"] == [{"joy": 1.0}, {"joy": 0.0}]
    assert pattern["metadata"] == {"k": ["v"]}
    assert replayed.node.affinities == {"a": {"joy": 0.5}, "b": {"joy": 0.5}}
    assert outcome_of("auto_learn_drops_emotives") == ([], [])


@pytest.mark.parametrize("name", DECIDED["D13"])
def test_d13_one_symbol_predictions_have_the_shape_of_all_others(name: str, outcome_of: OutcomeOf) -> None:
    file = BY_NAME[name]["expected"]["predictions"]
    predictions = outcome_of(name).predictions
    structure = {"present", "past", "future", "missing", "extras"}
    values = [key for key in file[0] if key not in structure]
    assert_same([{key: p[key] for key in values} for p in predictions], [{k: p[k] for k in values} for p in file])
    many = as_decided(BY_NAME["prefix_of_sequence"]["expected"]["predictions"][0])
    for prediction in predictions:
        assert list(prediction) == [*many, "pattern_data", "length"]
        first, *rest = prediction["sequence"]
        assert (prediction["past"], prediction["present"], prediction["future"]) == ([], [first], rest)
        assert prediction["missing"] == [[symbol for symbol in first if symbol != prediction["matches"][0]]]
        assert prediction["extras"] == [[]]
        assert isinstance(prediction["fragmentation"], float)


def test_d14_one_symbol_states_have_future_potentials(outcome_of: OutcomeOf) -> None:
    futures = outcome_of("single_symbol_state").future_potentials
    assert [(f["future"], f["supporting_patterns"], f["total_weighted_frequency"]) for f in futures] == [
        ([["t"], ["u"]], 1, 1.0),
        ([["w"]], 1, 0.5),
        ([["a"], ["b"], ["c"], ["d"]], 1, 2 / 6),
    ]
    assert sum(f["aggregate_potential"] for f in futures) == pytest.approx(1.0)


def test_d15_character_mode_accepts_a_threshold_of_zero(outcome_of: OutcomeOf) -> None:
    (prediction,) = outcome_of("character_level_threshold_zero").predictions
    assert prediction["similarity"] == 1.0
    assert prediction["matches"] == ["harbour", "lantern"]


def test_d26_every_filter_works_in_every_place(outcome_of: OutcomeOf) -> None:
    (prediction,) = outcome_of("filter_rapidfuzz_alone_returns_nothing").predictions
    assert prediction["matches"] == ["a", "b"]
    assert prediction["similarity"] == 0.8
