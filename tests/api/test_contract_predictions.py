"""Predictions of both contracts, of one node and of one session (kato-6.md 3; 12.3, rows 1 to 5, 14 and 20)."""

from collections.abc import Iterator
from functools import partial
from math import log2
from typing import Any

import httpx
import pytest

from engine.prediction_json import PREDICTION
from foundation.contracts import HEADER
from sessions_app import cache
from sessions_app.reads import cache_audit, predicting
from tests.support.commands import command
from tests.support.connections import fresh_connections
from tests.support.contracts import NEW, OLD, asking, create
from tests.support.sessions import LiveSession, observation, observations

BOTH = [(OLD, NEW), (NEW, OLD)]
# A pattern whose symbol `a` is in two events: by position the second one is meant, by counts both.
EVENTS, STATE = [["a", "k"], ["a", "b", "d"], ["e"]], ["a", "d"]
BY_CONTRACT: dict[str, dict[str, Any]] = {
    OLD: {"past": [], "present": EVENTS[:2], "missing": [["k"], ["b"]], "anomalies": []},
    NEW: {"past": EVENTS[:1], "present": EVENTS[1:2], "missing": [["b"]], "anomalies": ["b"]},
}


@pytest.fixture
def client(server: Any) -> Iterator[httpx.Client]:
    """Any of the four processes may answer each request."""
    with fresh_connections(server.url) as connected:
        yield connected


def taught(client: httpx.Client, contract: str, node: str, *patterns: list[list[str]], **config: Any) -> LiveSession:
    """A session of the contract, whose node knows the patterns."""
    session = create(client, contract, node, config=config)
    for events in patterns:
        session.observe_sequence(*(observation(*event) for event in events), learn_at_end=True)
    return session


def asked(session: LiveSession, contract: str | None = None, view: str = "predictions") -> list[dict[str, Any]]:
    """The predictions, from each of the views that have them."""
    headers = asking(contract) if contract else {}
    response = session.client.get(f"/sessions/{session.id}/{view}", headers=headers)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    found: list[dict[str, Any]] = body.get("cognition_data", body)["predictions"]
    return found


def differing(prediction: dict[str, Any]) -> dict[str, Any]:
    return {key: prediction[key] for key in BY_CONTRACT[OLD]}


@pytest.mark.parametrize(("pinned", "other"), BOTH)
def test_a_header_wins_for_predictions_and_changes_nothing_else(
    client: httpx.Client, node: str, pinned: str, other: str
) -> None:
    session = taught(client, pinned, node, EVENTS)
    session.observe(*STATE)
    twin = create(client, other, node)
    twin.observe(*STATE)
    for view in ("predictions", "cognition-data"):
        ask = partial(client.get, f"/sessions/{session.id}/{view}")
        for _ in range(3):  # computed, and from the cache
            own, wanted = ask(), ask(headers=asking(other))
            assert (own.headers[HEADER], wanted.headers[HEADER]) == (pinned, other)
            assert own.content != wanted.content
            assert asked(session, other, view) == asked(twin, view=view)
        [prediction] = asked(session, view=view)
        assert differing(prediction) == BY_CONTRACT[pinned]
        [prediction] = asked(session, other, view)
        assert differing(prediction) == BY_CONTRACT[other]


def test_the_contract_changes_neither_what_matches_nor_how_much(client: httpx.Client, node: str) -> None:
    patterns = [[["a"], ["b"], ["c"]], [["a", "b"], ["a"]], [["b"], ["a"]], [["a", "a", "b"], ["x"]], [["q"], ["b"]]]
    old = taught(client, OLD, node, *patterns)
    new = create(client, NEW, node)
    for state in (["ab"], ["a", "b"], ["ab", "a"], ["b", "q", "x"]):
        facts = []
        for session in (old, new):
            session.clear_stm()
            session.observe_sequence(*observations(*state))
            keys = ("frequency", "similarity", "matches", "sequence")
            facts.append({one["name"]: [one[key] for key in keys] for one in asked(session)})
        assert facts[0] == facts[1] != {}


@pytest.mark.parametrize("contract", [OLD, NEW])
def test_repeated_symbols_are_missing_and_extra_one_by_one_in_6_3(
    client: httpx.Client, node: str, contract: str
) -> None:
    session = taught(client, contract, node, [["a", "a", "b"]])
    session.observe("a", "b", "b")
    [prediction] = asked(session)
    shown = [prediction[key] for key in ("missing", "extras", "anomalies", "fuzzy_matches")]
    assert shown == {OLD: [[[]], [[]], [], []], NEW: [[["a"]], [["b"]], ["a", "b"], []]}[contract]


@pytest.mark.parametrize("contract", [OLD, NEW])
def test_a_fuzzy_match_is_told_under_both_and_its_observed_symbol_deviates_in_6_3(
    client: httpx.Client, node: str, contract: str
) -> None:
    session = taught(client, contract, node, [["kettle"], ["tea"], ["cup"]], fuzzy_token_threshold=0.6)
    session.observe("kettel")
    session.observe("tea")
    session.observe("cup")
    [prediction] = asked(session)
    [match] = prediction["fuzzy_matches"]
    assert (match["observed"], match["expected"]) == ("kettel", "kettle")
    assert prediction["anomalies"] == {OLD: [match], NEW: ["kettel"]}[contract]


def test_a_state_of_one_symbol_has_the_35_keys_of_all_others_in_6_3(client: httpx.Client, node: str) -> None:
    session = taught(client, NEW, node, [["a"], ["b", "c"]])
    session.observe("a")
    [old], [new] = asked(session, OLD), asked(session)
    assert list(new) == list(PREDICTION)
    assert len(new) == 35
    assert list(old) == [*PREDICTION, "pattern_data", "length"]
    for prediction in (old, new):
        assert (prediction["present"], prediction["missing"], prediction["future"]) == ([["a"]], [[]], [["b", "c"]])
    session.observe("b")
    assert [list(one) for one in (asked(session, OLD)[0], asked(session)[0])] == [list(PREDICTION)] * 2


def test_finalize_training_changes_entropies_of_3_10_alone(client: httpx.Client, node: str) -> None:
    session = taught(client, OLD, node, [["a"], ["b"], ["c"]])
    session.observe("a")
    session.observe("b")
    entropies = [[asked(session, contract)[0]["entropy"] for contract in (OLD, NEW)]]
    session.post("finalize-training")
    entropies.append([asked(session, contract)[0]["entropy"] for contract in (OLD, NEW)])
    whole = pytest.approx(log2(3), abs=1e-12)
    assert entropies == [[1.0, whole], [whole, whole]]


def test_the_larger_of_two_names_comes_first_in_6_3(client: httpx.Client, node: str) -> None:
    session = taught(client, NEW, node, *([["a"], ["b"], [end]] for end in "cdefg"))
    session.observe("a")
    session.observe("b")
    old, new = ([one["name"] for one in asked(session, contract)] for contract in (OLD, NEW))
    assert old == sorted(old)
    assert new == sorted(old, reverse=True)


@pytest.mark.parametrize("contract", [OLD, NEW])
def test_what_was_seen_is_predicted_after_the_learn_that_emptied_the_stm(
    client: httpx.Client, node: str, contract: str
) -> None:
    """The rows of what the last observation saw do not depend on the contract, nor does the learn."""
    session = taught(client, contract, node, EVENTS)
    session.observe(*STATE)
    session.learn()
    assert asked(session) == []
    [*_, seen] = sorted(asked(session, view="cognition-data"), key=lambda one: len(one["sequence"]))
    assert differing(seen) == BY_CONTRACT[contract]
    session.post("config", {"process_predictions": False})
    session.observe(*STATE)
    assert asked(session, view="cognition-data") == []


@pytest.mark.parametrize("contract", [OLD, NEW])
def test_a_retired_pattern_is_hidden_under_both(client: httpx.Client, node: str, contract: str) -> None:
    session = taught(client, contract, node, EVENTS)
    session.observe(*STATE)
    [prediction] = asked(session)
    session.post("patterns/retire", {"pattern_ids": [prediction["name"]]})
    for shown_by in (OLD, NEW):
        assert asked(session, shown_by) == asked(session, shown_by, "cognition-data") == []


# What is predicted without a request of the session


@pytest.mark.parametrize(("pinned", "other"), BOTH)
def test_operators_see_what_the_session_does(
    client: httpx.Client, node: str, pinned: str, other: str, same_database: None
) -> None:
    session = taught(client, pinned, node, EVENTS)
    session.observe(*STATE)
    asked(session, other)  # is cached, too
    body = client.get(f"/sessions/{session.id}/predictions").content
    assert predicting.answer(session.id, predicting.preview(session.id)) == body
    assert command("predict", "--session", session.id, "--json").out.encode() == body + b"\n"
    [prediction] = command("predict", "--session", session.id, "--json", "--max-predictions", "1").json["predictions"]
    assert differing(prediction) == BY_CONTRACT[pinned]
    everything = command("predict", "--session", session.id, "--json", "--recall-threshold", "0")
    assert (everything.status, "greater than 0.0" in everything.err) == ((2, True) if pinned == NEW else (0, False))


def test_a_node_without_a_session_is_predicted_by_the_default(
    client: httpx.Client, node: str, same_database: None
) -> None:
    taught(client, NEW, node, EVENTS)
    [prediction] = command("predict", "--node", node, ",".join(STATE), "--json").json["predictions"]
    assert differing(prediction) == BY_CONTRACT[OLD]


# The cache


def entries_of(session: LiveSession) -> list[cache.CachedEntry]:
    return [entry for entry in cache.entries() if entry.session_id == session.id]


def test_the_cache_has_an_entry_for_each_contract_and_the_audit_compares_all_of_them(
    client: httpx.Client, node: str, same_database: None
) -> None:
    session = taught(client, NEW, node, EVENTS)
    session.observe(*STATE)
    for contract in (OLD, NEW):
        for view in ("predictions", "cognition-data"):
            asked(session, contract, view)
    entries = entries_of(session)
    assert len(entries) == 4
    for entry in entries:
        assert cache_audit.expected(entry) == entry.payload
    first = entries[0]
    cache.put(session.id, first.version, first.view, b'{"wrong":1}')
    disagreeing = [one.name for one in entries_of(session) if cache_audit.expected(one) != one.payload]
    assert disagreeing == [first.name]
    cache.drop(session.id)


def test_the_audit_leaves_alone_what_was_made_with_other_defaults(
    client: httpx.Client, node: str, same_database: None
) -> None:
    """It is out of reach: this process cannot know what is right there."""
    session = taught(client, OLD, node, EVENTS)
    session.observe(*STATE)
    asked(session)
    [entry] = entries_of(session)
    view, shown_by, mark, version = entry.view.split(":")
    cache.put(session.id, entry.version, f"{view}:{shown_by}:{int(mark) + 1}:{version}", b"{}")
    assert len(entries_of(session)) == 2
    assert [one.payload for one in entries_of(session) if cache_audit.expected(one) is None] == [b"{}"]
    assert cache.drop(session.id) == cache.Dropped(sessions=0, predictions=2)
