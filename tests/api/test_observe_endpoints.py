"""observe, observe-sequence, stm, clear-stm, percept-data (http.md 1.1; engine.md 2 and 3.1)."""

import re
from typing import Any

import httpx
import pytest

from tests.support.sessions import LiveSession, observation, observations, percept


@pytest.fixture
def session(client: httpx.Client) -> LiveSession:
    return LiveSession.create(client, "node")


def test_observe_returns_the_state_after_it(session: LiveSession) -> None:
    answer = session.observe("b", "a")
    unique_id = answer.pop("unique_id")
    assert re.fullmatch(r"obs-[0-9a-f]{32}", unique_id)
    assert answer == {
        "status": "okay",
        "session_id": session.id,
        "processor_id": "node",
        "stm_length": 1,
        "time": 1,
        "auto_learned_pattern": None,
    }
    assert (session.observe("c")["stm_length"], session.observe("d")["time"]) == (2, 3)
    assert session.stm() == [["a", "b"], ["c"], ["d"]]


def test_symbols_are_sorted_by_code_point_and_duplicates_kept(session: LiveSession) -> None:
    session.observe("éclair", "alum", "Zinc", "2", "10", " x", "", "alum")
    assert session.stm() == [["", " x", "10", "2", "Zinc", "alum", "alum", "éclair"]]


def test_a_session_that_does_not_sort_keeps_the_given_order(client: httpx.Client) -> None:
    """D07; the percept is sorted all the same (engine.md 2.5)."""
    session = LiveSession.create(client, "node", config={"sort_symbols": False})
    session.observe("b", "a")
    session.observe_sequence(observation("d", "c"))
    assert session.stm() == [["b", "a"], ["d", "c"]]
    assert session.percept()["strings"] == ["c", "d"]


def test_an_observation_without_strings_adds_no_event_but_advances_the_time(session: LiveSession) -> None:
    session.observe("a")
    answer = session.observe(emotives={"joy": 2}, metadata={"k": "v"})
    assert (answer["stm_length"], answer["time"]) == (1, 2)
    assert session.percept() == percept(emotives={"joy": 2.0}, metadata={"k": "v"})
    assert session.observe()["time"] == 3
    assert session.percept() == percept(emotives={"joy": 2.0})
    assert session.stm() == [["a"]]


def test_an_event_of_one_empty_string_is_an_event(session: LiveSession) -> None:
    session.observe("")
    assert session.stm() == [[""]]


def test_a_clients_unique_id_is_kept(session: LiveSession) -> None:
    """Q06."""
    assert session.observe("a", unique_id="mine")["unique_id"] == "mine"
    assert session.observe("a", unique_id="mine")["stm_length"] == 2, "it identifies, it does not deduplicate (R26)"
    results = session.observe_sequence(observation("b", unique_id=""), observation("c", unique_id=None))["results"]
    assert results[0]["unique_id"] == ""
    assert re.fullmatch(r"seq-obs-[0-9a-f]{32}", results[1]["unique_id"])


def test_the_percept_is_the_last_observation_with_the_mean_of_all_emotives(session: LiveSession) -> None:
    """The example of engine.md 2.4."""
    session.observe("a", emotives={"calm": 1, "gain": 10})
    session.observe("b", emotives={"gain": -4})
    session.observe("d", "c", emotives={"calm": 2, "pain": 0.5}, metadata={"n": [1, 1e20], "a": {"z": None}})
    assert session.percept() == percept(
        strings=["c", "d"],
        emotives={"calm": 1.5, "gain": 3.0, "pain": 0.5},
        metadata={"n": [1, 1e20], "a": {"z": None}},
    )


def test_before_the_first_observation_everything_is_empty(session: LiveSession) -> None:
    assert session.stm() == []
    answer = session.client.get(f"/sessions/{session.id}/percept-data").json()
    assert answer == {"percept_data": {}, "session_id": session.id, "node_id": "node"}


def test_clearing_empties_stm_accumulators_percept_and_time_but_not_the_configuration(client: httpx.Client) -> None:
    session = LiveSession.create(client, "node", config={"persistence": 3}, metadata={"kept": True})
    session.observe("a", emotives={"joy": 1}, metadata={"k": 1})
    session.clear_stm()
    assert (session.stm(), session.percept()) == ([], {})
    assert session.observe("b", emotives={"joy": 5})["time"] == 1
    assert session.percept()["emotives"] == {"joy": 5.0}
    shown = client.get(f"/sessions/{session.id}").json()
    assert (shown["session_config"]["persistence"], shown["metadata"]) == (3, {"kept": True})


def test_the_newest_1000_events_are_kept(session: LiveSession) -> None:
    """D35, Q09: lengths are those of what is stored."""
    answer = session.observe_sequence(*[observation(str(n)) for n in range(995)])
    assert answer["final_stm_length"] == 995
    for n in range(995, 1005):
        assert session.observe(str(n))["stm_length"] == min(n + 1, 1000)
    assert session.stm() == [[str(n)] for n in range(5, 1005)]
    answer = session.observe_sequence(*[observation(str(n)) for n in range(1005, 3005)])
    assert (answer["initial_stm_length"], answer["final_stm_length"]) == (1000, 1000)
    assert answer["results"][-1]["time"] == 3005
    assert session.stm() == [[str(n)] for n in range(2005, 3005)]


def test_the_newest_1000_emotives_are_kept_whether_or_not_there_are_events(session: LiveSession) -> None:
    session.observe_sequence(
        *[{"emotives": {"joy": 0.0}} for _ in range(10)], *[{"emotives": {"joy": 1.0}} for _ in range(1000)]
    )
    assert session.percept()["emotives"] == {"joy": 1.0}
    session.observe("a", emotives={"joy": 1001.0})
    assert session.percept()["emotives"] == {"joy": 2.0}


def test_a_sequence_is_its_observations_one_after_the_other(client: httpx.Client) -> None:
    one_by_one, at_once = LiveSession.create(client, "node"), LiveSession.create(client, "node")
    observations: list[dict[str, Any]] = [
        {"strings": ["b", "a"], "emotives": {"joy": 1}},
        {"strings": []},
        {"strings": ["c"], "metadata": {"k": 1}, "emotives": {"joy": 4}},
    ]
    singles = [one_by_one.observe(**observation) for observation in _spread(observations)]
    answer = at_once.observe_sequence(*observations)
    assert answer["status"] == "completed"
    assert answer["processor_id"] == "node"
    assert answer["observations_processed"] == 3
    assert (answer["initial_stm_length"], answer["final_stm_length"]) == (0, 2)
    assert (answer["auto_learned_patterns"], answer["final_learned_pattern"], answer["isolated"]) == ([], None, False)
    for position, (item, single) in enumerate(zip(answer["results"], singles, strict=True)):
        assert item["sequence_position"] == position
        assert {key: item[key] for key in ("status", "stm_length", "time", "auto_learned_pattern")} == {
            key: single[key] for key in ("status", "stm_length", "time", "auto_learned_pattern")
        }
    assert at_once.stm() == one_by_one.stm()
    assert at_once.percept() == one_by_one.percept()


def _spread(observations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in observation.items() if value} for observation in observations]


def test_clearing_between_keeps_what_was_there_for_the_first(session: LiveSession) -> None:
    """Q08."""
    session.observe("old")
    answer = session.observe_sequence(*observations("a", "b", ""), clear_stm_between=True)
    assert [item["stm_length"] for item in answer["results"]] == [2, 1, 0]
    assert answer["isolated"] is True
    assert session.stm() == []


def test_an_empty_sequence_changes_nothing(session: LiveSession) -> None:
    session.observe("a")
    answer = session.observe_sequence()
    assert (answer["initial_stm_length"], answer["final_stm_length"], answer["results"]) == (1, 1, [])
    assert (session.stm(), session.observe("b")["time"]) == ([["a"]], 2)


def test_a_sequence_with_one_bad_item_changes_nothing(session: LiveSession) -> None:
    body = {"observations": [{"strings": ["a"]}, {"strings": "b"}]}
    response = session.client.post(f"/sessions/{session.id}/observe-sequence", json=body)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "observations", 1, "strings"]
    assert session.stm() == []


def test_ten_thousand_strings_in_one_event(session: LiveSession) -> None:
    strings = [f"symbol {n:05}" for n in range(10_000)]
    assert session.observe(*reversed(strings))["stm_length"] == 1
    assert session.stm() == [strings]
    assert session.percept()["strings"] == strings
