"""observe, observe-sequence, stm, clear-stm, percept-data (http.md 1.1; engine.md 2 and 3.1)."""

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

NewSession = Callable[..., str]


class Talk:
    """One session, spoken to in few words."""

    def __init__(self, client: httpx.Client, session_id: str) -> None:
        self.client = client
        self.id = session_id

    def observe(self, *strings: str, **parts: Any) -> dict[str, Any]:
        response = self.client.post(f"/sessions/{self.id}/observe", json={"strings": list(strings), **parts})
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def sequence(self, *observations: dict[str, Any], **options: Any) -> dict[str, Any]:
        body = {"observations": list(observations), **options}
        response = self.client.post(f"/sessions/{self.id}/observe-sequence", json=body)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    def stm(self) -> list[list[str]]:
        answer = self.client.get(f"/sessions/{self.id}/stm").json()
        assert answer["length"] == len(answer["stm"])
        events: list[list[str]] = answer["stm"]
        return events

    def percept(self) -> dict[str, Any]:
        percept: dict[str, Any] = self.client.get(f"/sessions/{self.id}/percept-data").json()["percept_data"]
        return percept

    def clear(self) -> None:
        response = self.client.post(f"/sessions/{self.id}/clear-stm")
        assert response.json() == {"status": "cleared", "session_id": self.id}


@pytest.fixture
def talk(client: httpx.Client, new_session: NewSession) -> Talk:
    return Talk(client, new_session())


def test_observe_answers_the_state_after_it(talk: Talk) -> None:
    answer = talk.observe("b", "a")
    unique_id = answer.pop("unique_id")
    assert re.fullmatch(r"obs-[0-9a-f]{32}", unique_id)
    assert answer == {
        "status": "okay",
        "session_id": talk.id,
        "processor_id": "node",
        "stm_length": 1,
        "time": 1,
        "auto_learned_pattern": None,
    }
    assert (talk.observe("c")["stm_length"], talk.observe("d")["time"]) == (2, 3)
    assert talk.stm() == [["a", "b"], ["c"], ["d"]]


def test_symbols_are_sorted_by_code_point_and_duplicates_kept(talk: Talk) -> None:
    talk.observe("éclair", "alum", "Zinc", "2", "10", " x", "", "alum")
    assert talk.stm() == [["", " x", "10", "2", "Zinc", "alum", "alum", "éclair"]]


def test_a_session_that_does_not_sort_keeps_the_given_order(client: httpx.Client, new_session: NewSession) -> None:
    """D07; the percept is sorted all the same (engine.md 2.5)."""
    talk = Talk(client, new_session(config={"sort_symbols": False}))
    talk.observe("b", "a")
    talk.sequence({"strings": ["d", "c"]})
    assert talk.stm() == [["b", "a"], ["d", "c"]]
    assert talk.percept()["strings"] == ["c", "d"]


def test_an_observation_without_strings_adds_no_event_but_counts(talk: Talk) -> None:
    talk.observe("a")
    answer = talk.observe(emotives={"joy": 2}, metadata={"k": "v"})
    assert (answer["stm_length"], answer["time"]) == (1, 2)
    assert talk.percept() == {
        "strings": [],
        "vectors": [],
        "emotives": {"joy": 2.0},
        "path": [],
        "metadata": {"k": "v"},
    }
    assert talk.observe()["time"] == 3
    assert talk.percept() == {"strings": [], "vectors": [], "emotives": {"joy": 2.0}, "path": [], "metadata": {}}
    assert talk.stm() == [["a"]]


def test_an_event_of_one_empty_string_is_an_event(talk: Talk) -> None:
    talk.observe("")
    assert talk.stm() == [[""]]


def test_a_clients_unique_id_is_kept(talk: Talk) -> None:
    """Q06."""
    assert talk.observe("a", unique_id="mine")["unique_id"] == "mine"
    assert talk.observe("a", unique_id="mine")["stm_length"] == 2, "it identifies, it does not deduplicate (R26)"
    results = talk.sequence({"strings": ["b"], "unique_id": ""}, {"strings": ["c"], "unique_id": None})["results"]
    assert results[0]["unique_id"] == ""
    assert re.fullmatch(r"seq-obs-[0-9a-f]{32}", results[1]["unique_id"])


def test_the_percept_is_the_last_observation_with_the_mean_of_all_emotives(talk: Talk) -> None:
    """The example of engine.md 2.4."""
    talk.observe("a", emotives={"calm": 1, "gain": 10})
    talk.observe("b", emotives={"gain": -4})
    talk.observe("d", "c", emotives={"calm": 2, "pain": 0.5}, metadata={"n": [1, 1e20], "a": {"z": None}})
    assert talk.percept() == {
        "strings": ["c", "d"],
        "vectors": [],
        "emotives": {"calm": 1.5, "gain": 3.0, "pain": 0.5},
        "path": [],
        "metadata": {"n": [1, 1e20], "a": {"z": None}},
    }


def test_before_the_first_observation_everything_is_empty(talk: Talk) -> None:
    assert talk.stm() == []
    answer = talk.client.get(f"/sessions/{talk.id}/percept-data").json()
    assert answer == {"percept_data": {}, "session_id": talk.id, "node_id": "node"}


def test_clearing_empties_stm_accumulators_percept_and_time_but_not_the_configuration(
    client: httpx.Client, new_session: NewSession
) -> None:
    talk = Talk(client, new_session(config={"persistence": 3}, metadata={"kept": True}))
    talk.observe("a", emotives={"joy": 1}, metadata={"k": 1})
    talk.clear()
    assert (talk.stm(), talk.percept()) == ([], {})
    assert talk.observe("b", emotives={"joy": 5})["time"] == 1
    assert talk.percept()["emotives"] == {"joy": 5.0}
    session = client.get(f"/sessions/{talk.id}").json()
    assert (session["session_config"]["persistence"], session["metadata"]) == (3, {"kept": True})


def test_the_newest_1000_events_are_kept(talk: Talk) -> None:
    """D35, Q09: lengths are those of what is stored."""
    answer = talk.sequence(*[{"strings": [str(n)]} for n in range(995)])
    assert answer["final_stm_length"] == 995
    for n in range(995, 1005):
        assert talk.observe(str(n))["stm_length"] == min(n + 1, 1000)
    assert talk.stm() == [[str(n)] for n in range(5, 1005)]
    answer = talk.sequence(*[{"strings": [str(n)]} for n in range(1005, 3005)])
    assert (answer["initial_stm_length"], answer["final_stm_length"]) == (1000, 1000)
    assert answer["results"][-1]["time"] == 3005
    assert talk.stm() == [[str(n)] for n in range(2005, 3005)]


def test_the_newest_1000_emotives_are_kept_whether_or_not_there_are_events(talk: Talk) -> None:
    talk.sequence(*[{"emotives": {"joy": 0.0}} for _ in range(10)], *[{"emotives": {"joy": 1.0}} for _ in range(1000)])
    assert talk.percept()["emotives"] == {"joy": 1.0}
    talk.observe("a", emotives={"joy": 1001.0})
    assert talk.percept()["emotives"] == {"joy": 2.0}


def test_a_sequence_is_its_observations_one_after_the_other(client: httpx.Client, new_session: NewSession) -> None:
    one_by_one, at_once = Talk(client, new_session()), Talk(client, new_session())
    observations: list[dict[str, Any]] = [
        {"strings": ["b", "a"], "emotives": {"joy": 1}},
        {"strings": []},
        {"strings": ["c"], "metadata": {"k": 1}, "emotives": {"joy": 4}},
    ]
    singles = [one_by_one.observe(**observation) for observation in _spread(observations)]
    answer = at_once.sequence(*observations)
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


def test_clearing_between_keeps_what_was_there_for_the_first(talk: Talk) -> None:
    """Q08."""
    talk.observe("old")
    answer = talk.sequence({"strings": ["a"]}, {"strings": ["b"]}, {"strings": []}, clear_stm_between=True)
    assert [item["stm_length"] for item in answer["results"]] == [2, 1, 0]
    assert answer["isolated"] is True
    assert talk.stm() == []


def test_an_empty_sequence_changes_nothing(talk: Talk) -> None:
    talk.observe("a")
    answer = talk.sequence()
    assert (answer["initial_stm_length"], answer["final_stm_length"], answer["results"]) == (1, 1, [])
    assert (talk.stm(), talk.observe("b")["time"]) == ([["a"]], 2)


def test_a_sequence_with_one_bad_item_changes_nothing(talk: Talk) -> None:
    body = {"observations": [{"strings": ["a"]}, {"strings": "b"}]}
    response = talk.client.post(f"/sessions/{talk.id}/observe-sequence", json=body)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "observations", 1, "strings"]
    assert talk.stm() == []


def test_ten_thousand_strings_in_one_event(talk: Talk) -> None:
    strings = [f"symbol {n:05}" for n in range(10_000)]
    assert talk.observe(*reversed(strings))["stm_length"] == 1
    assert talk.stm() == [strings]
    assert talk.percept()["strings"] == strings
