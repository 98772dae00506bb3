"""Predictions for a state of one symbol, under both contracts (engine.md 5.9; kato-6.md 3.5, 3.8)."""

from collections.abc import Iterator
from math import log, sqrt
from typing import Any

import httpx
import pytest

from benchmarks.stack import WebServer
from engine.naming import bare_name
from engine.options import RANK_FIELDS
from tests.support.connections import fresh_connections
from tests.support.contracts import NEW, OLD, asking, create
from tests.support.sessions import LiveSession
from tests.support.vectors import name as vector_name

Fields = dict[str, Any]

each_contract = pytest.mark.parametrize("contract", [OLD, NEW])


@pytest.fixture
def client(server: WebServer) -> Iterator[httpx.Client]:
    """Any of the four processes may answer each request."""
    with fresh_connections(server.url) as connected:
        yield connected


def asked(session: LiveSession, contract: str | None = None) -> list[Fields]:
    """The predictions, which cognition-data has, too."""
    headers = asking(contract) if contract else {}
    answers = [
        session.client.get(f"/sessions/{session.id}/{view}", headers=headers).json()
        for view in ("predictions", "cognition-data")
    ]
    found: list[Fields] = answers[0]["predictions"]
    assert answers[1]["cognition_data"]["predictions"] == found
    return found


def names(found: list[Fields]) -> list[str]:
    return [one["name"] for one in found]


def futures(session: LiveSession) -> list[tuple[Any, ...]]:
    keys = ("future", "aggregate_potential", "supporting_patterns", "total_weighted_frequency")
    return [tuple(one[key] for key in keys) for one in session.get("predictions")["future_potentials"]]


def kitchen(client: httpx.Client, contract: str, node: str, **config: Any) -> tuple[LiveSession, str, str]:
    """A session that has observed `a`, of a node that knows two patterns that begin with it, and one that has it."""
    session = create(client, contract, node, config=config)
    session.teach("a", "bc")
    alone = session.teach("a", "bc")
    beside = session.teach("ab", "d")
    session.teach("c", "a", "e")
    session.observe("a")
    return session, bare_name(alone), bare_name(beside)


def near(value: float) -> Any:
    return pytest.approx(value, abs=1e-12)


# P(a) = 1 and P(b) = 2/3; five symbols; frequencies 2 and 1 in an ensemble of 3.
COSINE = 1 / sqrt(1 + (2 / 3) ** 2)
SHARED: dict[str, tuple[Any, Any]] = {
    "type": ("prototypical", "prototypical"),
    "frequency": (2, 1),
    "matches": (["a"], ["a"]),
    "past": ([], []),
    "present": ([["a"]], [["a", "b"]]),
    "future": ([["b", "c"]], [["d"]]),
    "missing": ([[]], [["b"]]),
    "extras": ([[]], [[]]),
    "fuzzy_matches": ([], []),
    "sequence": ([["a"], ["b", "c"]], [["a", "b"], ["d"]]),
    "emotives": ({}, {}),
    "similarity": (0.5, 0.5),
    "evidence": (near(1 / 3), near(1 / 3)),
    "snr": (1.0, 1.0),
    "fragmentation": (0.0, 0.0),
    "itfdf_similarity": (near(1), near(1 - (1 - COSINE) / 3)),
    "pattern_probability": (near(2 / 3), near(1 / 3)),
    "weighted_strength": (near(1 / 3), near(1 / 6)),
    "bayesian_prior": (near(2 / 3), near(1 / 3)),
    "bayesian_likelihood": (0.5, 0.5),
    "bayesian_posterior": (near(2 / 3), near(1 / 3)),
    "predictive_information": (near(0.5), near(0.5)),
    **dict.fromkeys(("weighted_similarity", "weighted_evidence", "weighted_confidence", "weighted_snr"), (None, None)),
}
OF_3_10: dict[str, tuple[Any, Any]] = {
    "confidence": (1.0, 1.0),
    "potential": (near(2 + 1 / 3), near(2 + 1 / 3)),
    "anomalies": ([], []),
    "entropy": (0.0, near(1)),
    "normalized_entropy": (0.0, near(log(2, 5))),
    "pattern_data": SHARED["sequence"],
    "length": (3, 3),
}
OF_6_3: dict[str, tuple[Any, Any]] = {
    "confidence": (1.0, 0.5),
    "potential": (near(1 / 3 + 1 + 1 + 1), near(1 / 3 + 1 / 2 + 1 - (1 - COSINE) / 3 + 1)),
    "anomalies": ([], ["b"]),
    "entropy": (near(log(3, 2)), near(log(3, 2))),
    "normalized_entropy": (near(log(3, 5)), near(log(3, 5))),
}


@pytest.mark.parametrize(("pinned", "shown"), [(OLD, OLD), (NEW, NEW), (OLD, NEW), (NEW, OLD)])
def test_every_field_by_hand(client: httpx.Client, node: str, pinned: str, shown: str) -> None:
    session, alone, beside = kitchen(client, pinned, node)
    found = {one["name"]: one for one in asked(session, shown)}
    assert found.keys() == {alone, beside}
    for number, name in enumerate((alone, beside)):
        expected = {key: pair[number] for key, pair in {**SHARED, **(OF_3_10 if shown == OLD else OF_6_3)}.items()}
        assert {key: found[name].get(key) for key in expected} == expected
        more = {"name", "confluence", "global_normalized_entropy", "tfidf_score"}
        assert found[name].keys() == expected.keys() | more


@each_contract
def test_futures_are_filled(client: httpx.Client, node: str, contract: str) -> None:
    session, *_ = kitchen(client, contract, node)
    assert futures(session) == [([["b", "c"]], near(2 / 3), 1, near(1)), ([["d"]], near(1 / 3), 1, near(0.5))]


@each_contract
def test_ties_are_in_the_order_of_the_contract(client: httpx.Client, node: str, contract: str) -> None:
    """In 3.10 both have the same potential; in 6.3 what is missing counts."""
    session, alone, beside = kitchen(client, contract, node)
    assert names(asked(session)) == {OLD: sorted([alone, beside]), NEW: [alone, beside]}[contract]


@each_contract
@pytest.mark.parametrize(
    "config",
    [
        {"recall_threshold": 1.0},
        {"recall_threshold": 0.001},
        {"fuzzy_token_threshold": 0.1},
        {"use_token_matching": False},
        {"filter_pipeline": ["minhash", "jaccard", "bloom", "rapidfuzz"], "jaccard_threshold": 1.0},
    ],
    ids=str,
)
def test_no_threshold_no_filter_and_no_mode_counts(
    client: httpx.Client, node: str, contract: str, config: dict[str, Any]
) -> None:
    plain, *_ = kitchen(client, contract, node)
    session = create(client, contract, node, config={"sort_symbols": True, **config})
    session.observe("a")
    assert asked(session) == asked(plain) != []
    session.clear_stm()
    session.observe("aa")  # would match fuzzily, and by characters
    assert asked(session) == []


def test_a_threshold_of_0_returns_no_pattern_without_the_symbol(client: httpx.Client, node: str) -> None:
    session, alone, beside = kitchen(client, OLD, node, recall_threshold=0)
    for contract in (OLD, NEW):
        assert {*names(asked(session, contract))} == {alone, beside}
    session.observe("q")
    assert [len(asked(session, contract)) for contract in (OLD, NEW)] == [3, 3]


@each_contract
@pytest.mark.parametrize("where", ["first", "anywhere"])
def test_nothing_is_predicted_where_no_pattern_fits(client: httpx.Client, node: str, contract: str, where: str) -> None:
    session, *_ = kitchen(client, contract, node, single_symbol_match=where)
    for symbols in ((), ("unknown",), ("e",), ("",)):
        session.clear_stm()
        if symbols:
            session.observe(*symbols)
        if symbols == ("e",) and where == "anywhere":
            assert len(asked(session)) == 1
        else:
            assert (asked(session), futures(session)) == ([], [])


@each_contract
def test_the_same_symbol_twice_is_no_state_of_one_symbol(client: httpx.Client, node: str, contract: str) -> None:
    for events in (["aa"], ["a", "a"]):
        session, *_ = kitchen(client, contract, node, recall_threshold=0.001)
        session.clear_stm()
        for event in events:
            session.observe(*event)
        found = asked(session)
        assert len(found) == 3
        assert all("pattern_data" not in one for one in found)
        assert {one["similarity"] for one in found} == {0.4}


@each_contract
def test_a_symbol_anywhere_moves_in_6_3_to_where_least_is_missing(
    client: httpx.Client, node: str, contract: str
) -> None:
    session = create(client, contract, node, config={"single_symbol_match": "anywhere"})
    session.teach("st", "u", "s", "v")
    session.observe("s")
    [found] = asked(session)
    parts = [found[key] for key in ("past", "present", "future", "missing", "anomalies")]
    assert (
        parts
        == {
            OLD: [[], [["s", "t"]], [["u"], ["s"], ["v"]], [["t"]], []],
            NEW: [[["s", "t"], ["u"]], [["s"]], [["v"]], [[]], []],
        }[contract]
    )
    session.post("config", {"single_symbol_match": "first"})
    [found] = asked(session)
    parts = [found[key] for key in ("past", "present", "future", "missing", "anomalies")]
    assert parts == [[], [["s", "t"]], [["u"], ["s"], ["v"]], [["t"]], {OLD: [], NEW: ["t"]}[contract]]


@each_contract
def test_of_many_the_ensemble_is_cut_before_the_predictions(client: httpx.Client, node: str, contract: str) -> None:
    session = create(client, contract, node, config={"max_predictions": 3})
    learned = {}
    for number, end in enumerate("bcdefghijklm"):
        for _ in range(number + 1):
            learned[bare_name(session.teach("a", end))] = number + 1
    session.observe("a")
    in_order = sorted(learned, reverse=contract == NEW)
    found = asked(session)
    assert names(found) == in_order[:3]
    ensemble = sum(learned[name] for name in in_order[:9])
    assert [one["pattern_probability"] for one in found] == [near(learned[name] / ensemble) for name in in_order[:3]]
    assert len(futures(session)) == 9


@each_contract
def test_a_retired_pattern_is_left_out_before_the_cut(client: httpx.Client, node: str, contract: str) -> None:
    session = create(client, contract, node, config={"max_predictions": 1})
    learned = sorted((bare_name(session.teach("a", end)) for end in "bcdefg"), reverse=contract == NEW)
    session.observe("a")
    for gone in range(3):
        assert names(asked(session)) == [learned[gone]]
        session.post("patterns/retire", {"pattern_ids": [learned[gone]]})
    assert names(asked(session)) == [learned[3]]
    assert len(futures(session)) == 3
    session.post("patterns/un-retire", {"pattern_ids": [learned[0]]})
    assert names(asked(session)) == [learned[0]]
    session.post("patterns/purge", {})
    assert [one["pattern_probability"] for one in asked(session)] == [near(1 / 3)]


@each_contract
@pytest.mark.parametrize("field", RANK_FIELDS)
def test_it_is_ranked_by_the_field_that_the_session_names(
    client: httpx.Client, node: str, contract: str, field: str
) -> None:
    session, *_ = kitchen(client, contract, node, rank_sort_algo=field, single_symbol_match="anywhere")
    session.clear_stm()
    session.teach("a", "b", "c", "d", "q")
    session.observe("a", emotives={"joy": 1.0})
    session.observe("z")
    session.learn()
    session.observe("a")
    found = asked(session)
    ties = [(-round(one[field] or 0, 12), -one["similarity"] if contract == OLD else 0) for one in found]
    assert len(found) == 5
    assert ties == sorted(ties)
    for tie in ties:
        tied = [one["name"] for one, other in zip(found, ties, strict=True) if other == tie]
        assert tied == sorted(tied, reverse=contract == NEW)


@each_contract
def test_sorting_decides_which_symbol_is_the_first(client: httpx.Client, node: str, contract: str) -> None:
    unsorted = create(client, contract, node, config={"sort_symbols": False})
    session = create(client, contract, node)
    name = bare_name(unsorted.teach("ba", "c"))
    assert bare_name(session.teach("ba", "c")) != name
    for first, count in (("a", 1), ("b", 1), ("c", 0)):
        session.clear_stm()
        session.observe(first)
        found = asked(session)
        assert [one["present"] for one in found] == [[["a", "b"] if first == "a" else ["b", "a"]]] * count
        assert [one["name"] == name for one in found] == [first == "b"] * count


@each_contract
def test_a_vector_alone_is_one_symbol(client: httpx.Client, node: str, contract: str) -> None:
    session = create(client, contract, node)
    session.observe(vectors=[[1.0, 2.0]])
    session.observe("a")
    learned = session.learn()
    session.observe(vectors=[[1.0, 2.0]])
    assert session.stm() == [[vector_name(1, 2)]]
    [found] = asked(session)
    assert (found["name"], found["present"]) == (bare_name(learned), [[vector_name(1, 2)]])
    assert ("length" in found) == (contract == OLD)
    session.post("patterns/retire", {"pattern_ids": [learned]})
    assert asked(session) == []


@each_contract
def test_an_emotive_weighs_the_symbols(client: httpx.Client, node: str, contract: str) -> None:
    session = create(client, contract, node, config={"affinity_emotive": "joy"})
    session.observe("a", emotives={"joy": 2.0})
    session.observe("b")
    session.learn()
    session.observe("a")
    [found] = asked(session)
    shown = [found[f"weighted_{key}"] for key in ("similarity", "evidence", "confidence", "snr")]
    # Affinity 2 and frequency 1. In 3.10 the symbols of the candidates weigh, too: of b, the same.
    heavy = 2.0 + 0.01
    in_all = {OLD: 2 * heavy, NEW: heavy}[contract]
    assert shown == [near(2 * heavy / (heavy + in_all)), near(heavy / in_all), near(1), near(1)]
    assert found["potential"] == near({OLD: heavy / in_all + 2, NEW: 1 + 1 + 1 + 1}[contract])
