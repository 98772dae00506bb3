"""Vector modes of 6.3, and what an observation tells of the search (kato-6.md 4)."""

from typing import Any

import httpx
import pytest

from tests.support.contracts import NEW, OLD, asking, create
from tests.support.sessions import LiveSession
from tests.support.vectors import name

SHOWN = {"return_vector_search_results": True}


def taught(client: httpx.Client, node: str, **config: Any) -> LiveSession:
    """A session of a node that knows the vectors (0, 0), (1, 0), (5, 0) and (9, 0)."""
    teacher = create(client, OLD, node)
    for x in (0, 1, 5, 9):
        teacher.observe(vectors=[[x, 0]])
    teacher.learn()
    return create(client, NEW, node, config=config)


@pytest.fixture
def node(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


def test_the_limit_says_how_many_neighbours_there_are(client: httpx.Client, node: str) -> None:
    session = taught(client, node, vector_search_limit=1)
    session.observe("z", vectors=[[2, 0]])
    assert session.stm() == [[*sorted([name(2, 0), name(1, 0)]), "z"]]
    session.post("config", {"vector_search_limit": 100})
    session.observe(vectors=[[2, 0]])
    assert session.stm()[-1] == sorted(name(x, 0) for x in (0, 1, 2, 5, 9))


def test_self_only_searches_nothing_and_keeps_the_vector_for_learning(client: httpx.Client, node: str) -> None:
    session = taught(client, node, vector_event_mode="self_only", **SHOWN)
    answer = session.observe("z", vectors=[[2, 0]])
    assert session.stm() == [[name(2, 0), "z"]]
    assert answer["vector_search"] == {
        "query_vctr_id": name(2, 0),
        "requested_limit": 3,
        "search_performed": False,
        "metric": "euclidean",
        "score_direction": "lower_is_better",
        "matches": [],
    }
    session.learn()
    other = create(client, NEW, node, config={"vector_search_limit": 1})
    other.observe(vectors=[[2.1, 0]])
    assert name(2, 0) in other.stm()[0]


def test_self_only_refuses_a_vector_that_could_not_be_learned(client: httpx.Client, node: str) -> None:
    session = taught(client, node, vector_event_mode="self_only")
    response = client.post(f"/sessions/{session.id}/observe", json={"vectors": [[1, 2, 3]]})
    assert response.status_code == 400
    assert response.json()["detail"]["expected_dimension"] == 2
    assert session.stm() == []


def test_the_search_is_told_with_distances_and_the_own_vector_last(client: httpx.Client, node: str) -> None:
    session = taught(client, node, **SHOWN)
    search = session.observe(vectors=[[1, 0], [1, 0]])["vector_search"]
    found = [(match["vctr_id"], match["rank"], match["raw_score"], match["source"]) for match in search["matches"]]
    assert found == [
        (name(1, 0), 1, 1.0, "vector_index"),
        (name(0, 0), 2, 2.0, "vector_index"),
        (name(5, 0), 3, 3.0, "vector_index"),
        (name(2, 0), 4, None, "self_appended"),
    ]
    assert (search["query_vctr_id"], search["search_performed"]) == (name(2, 0), True)


def test_a_vector_that_is_known_comes_once_where_it_was_found(client: httpx.Client, node: str) -> None:
    matches = taught(client, node, **SHOWN).observe(vectors=[[1, 0]])["vector_search"]["matches"]
    assert [match["vctr_id"] for match in matches] == [name(1, 0), name(0, 0), name(5, 0)]
    assert (matches[0]["raw_score"], matches[0]["source"]) == (0.0, "vector_index")


def test_a_node_without_vectors_finds_the_own_one_only(client: httpx.Client, node: str) -> None:
    search = create(client, NEW, node, config=SHOWN).observe(vectors=[[1, 0]])["vector_search"]
    assert search["search_performed"]
    assert [(match["rank"], match["source"]) for match in search["matches"]] == [(1, "self_appended")]


def test_it_is_null_without_vectors_or_unless_asked_for_and_absent_in_3_10(client: httpx.Client, node: str) -> None:
    session = taught(client, node, **SHOWN)
    assert session.observe("a")["vector_search"] is None
    silent = create(client, NEW, node)
    assert silent.observe(vectors=[[1, 0]])["vector_search"] is None
    old = client.post(f"/sessions/{session.id}/observe", json={"vectors": [[1, 0]]}, headers=asking(OLD))
    assert "vector_search" not in old.json()
    items = session.observe_sequence({"vectors": [[1, 0]]})["results"]
    assert "vector_search" not in items[0]


def test_a_3_10_session_always_has_three_neighbours(client: httpx.Client, node: str) -> None:
    taught(client, node)
    ignored = {"vector_search_limit": 1, "vector_event_mode": "self_only"}
    session = create(client, OLD, node, config=ignored)
    session.observe(vectors=[[2, 0]])
    assert session.stm() == [sorted(name(x, 0) for x in (0, 1, 2, 5))]
