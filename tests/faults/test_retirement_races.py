"""Acts on patterns against everything else, in any process: the outcome is one of the serial ones (engine.md 4.5)."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.stack import WebServer
from engine.naming import pattern_name
from tests.support.connections import fresh_connections
from tests.support.races import at_once
from tests.support.sessions import LiveSession, observation, observations

pytestmark = pytest.mark.long

AB = pattern_name([["a"], ["b"]])
READS = ("symbols/stats", "symbols/affinity", "patterns/count")


@pytest.fixture
def open_node(server: WebServer) -> Iterator[Callable[[str], LiveSession]]:
    """A session of a node; each request on a new connection, so that the kernel spreads them over the processes."""
    with fresh_connections(server.url) as client:
        yield partial(LiveSession.create, client)


def send(session: LiveSession, path: str, body: Any = None) -> httpx.Response:
    return session.client.post(f"/sessions/{session.id}/{path}", json=body)


def act(session: LiveSession, kind: str, *names: str) -> httpx.Response:
    return send(session, f"patterns/{kind}", {"pattern_ids": list(names)} if names else {})


def acts(session: LiveSession, kind: str, *names: str) -> list[httpx.Response]:
    return [act(session, kind, *names)]


def names_in(response: httpx.Response) -> set[str]:
    assert response.status_code == 200, response.text
    return {one["name"] for one in response.json()["predictions"]}


def predict(session: LiveSession) -> httpx.Response:
    return session.client.get(f"/sessions/{session.id}/predictions")


def predict_repeatedly(session: LiveSession) -> list[httpx.Response]:
    """For about as long as an act takes."""
    return [predict(session) for _ in range(5)]


def test_a_retirement_and_a_learn_end_in_one_of_the_serial_outcomes(
    open_node: Callable[[str], LiveSession],
) -> None:
    """Learned first: it is stored and hidden. Retired first: the learn is refused, and its STM is as it was."""
    outcomes = set()
    for number in range(60):
        node = f"retired while learned {number}"
        learning, acting = open_node(node), open_node(node)
        learning.observe_sequence(*observations("a", "b"))
        learned, retired = at_once([partial(send, learning, "learn"), partial(act, acting, "retire", AB)])
        assert retired.json()["retired"] == [AB]
        assert learned.status_code in (200, 409)
        was_learned = learned.status_code == 200
        assert learning.stm() == ([] if was_learned else [["a"], ["b"]])
        assert learning.patterns() == int(was_learned)
        acting.observe_sequence(*observations("a", "b"))
        assert {frozenset(names_in(one)) for one in at_once([partial(predict, acting)] * 4)} == {frozenset()}
        assert send(acting, "learn").status_code == 409
        outcomes.add(was_learned)
    assert outcomes == {True, False}, "the two never overlapped: the test shows nothing"


def test_what_is_retired_is_in_no_prediction_that_begins_after_the_acknowledgement(
    open_node: Callable[[str], LiveSession],
) -> None:
    session = open_node("retired while predicted")
    session.teach("a", "b")
    session.observe_sequence(*observations("a", "b"))
    for _ in range(30):
        retired, *concurrent = at_once([partial(act, session, "retire", AB), *[partial(predict, session)] * 4])
        assert retired.json()["retired"] == [AB]
        assert all(names_in(one) <= {AB} for one in concurrent)
        assert [names_in(one) for one in at_once([partial(predict, session)] * 4)] == [set()] * 4
        act(session, "un-retire", AB)
        assert [names_in(one) for one in at_once([partial(predict, session)] * 4)] == [{AB}] * 4


def test_no_process_answers_from_its_index_or_from_the_cache_as_before_an_acknowledged_act(
    open_node: Callable[[str], LiveSession],
) -> None:
    """Each of the processes has followed the node and has the prediction in the cache when the act is acknowledged."""
    session = open_node("acts beside cached predictions")
    session.teach("a", "b")
    ac = session.teach("a", "c").removeprefix("PTRN|")
    session.observe_sequence(*observations("a", "b"))
    cognition = f"/sessions/{session.id}/cognition-data"

    def everywhere() -> set[frozenset[str]]:
        answers = at_once([partial(predict, session)] * 8 + [partial(session.client.get, cognition)] * 8)
        told = [one.json() for one in answers]
        lists = [one["predictions"] if "predictions" in one else one["cognition_data"]["predictions"] for one in told]
        return {frozenset(prediction["name"] for prediction in one) for one in lists}

    assert everywhere() == {frozenset({AB, ac})}
    for kind, shown in (
        ("retire", {ac}),
        ("un-retire", {AB, ac}),
        ("retire", {ac}),
        ("purge", {ac}),
        ("un-retire", {ac}),
    ):
        assert act(session, kind, AB).status_code == 200
        assert everywhere() == {frozenset(shown)}, kind
    assert act(session, "retire", ac).status_code == 200
    assert everywhere() == {frozenset()}
    session.clear_stm()
    session.teach("a", "b")
    session.observe_sequence(*observations("a", "b"))
    assert everywhere() == {frozenset({AB})}


def learn_with_joy(session: LiveSession, first: str, second: str, joy: float) -> httpx.Response:
    items = [observation(first, emotives={"joy": joy}), observation(second)]
    return send(session, "observe-sequence", {"observations": items, "learn_at_end": True})


def test_a_purge_beside_learns_of_the_same_symbols_loses_nothing(open_node: Callable[[str], LiveSession]) -> None:
    for number in range(15):
        sessions = [open_node(f"purged while learned {number}") for _ in range(4)]
        without = open_node(f"purged while learned {number}, without")
        learn_with_joy(sessions[0], "a", "b", 0.1)
        act(sessions[0], "retire", AB)
        learns = [
            partial(learn_with_joy, session, "b", f"s{place % 3}", 0.7 / (place + 1))
            for place, session in enumerate(sessions[1:])
        ]
        purged, *learned = at_once([partial(act, sessions[0], "purge", AB), *learns])
        assert purged.json()["purged"] == [AB]
        assert {one.status_code for one in learned} == {200}
        for place in range(3):
            learn_with_joy(without, "b", f"s{place % 3}", 0.7 / (place + 1))
        for read in READS:
            content, expected = sessions[0].of_node(read), without.of_node(read)
            assert {**content, "node_id": ""} == {**expected, "node_id": ""}


def test_a_prediction_beside_a_purge_shows_the_node_before_it_or_after_it(
    open_node: Callable[[str], LiveSession],
) -> None:
    """With figures that come from the index (frequency, weights) and such that are read later (emotives, affinity)."""
    outcomes = set()
    for number in range(30):
        session = open_node(f"purged while predicted {number}")
        session.post("config", {"affinity_emotive": "joy"})
        learn_with_joy(session, "a", "b", 0.5)
        learn_with_joy(session, "a", "c", 0.25)
        act(session, "retire", AB)
        session.observe_sequence(*observations("a", "c"))
        before = predict(session).json()
        [purged], *concurrent = at_once(
            [partial(acts, session, "purge", AB), *[partial(predict_repeatedly, session)] * 3]
        )
        assert purged.json()["purged"] == [AB]
        after = predict(session).json()
        assert before != after
        for one in chain.from_iterable(concurrent):
            assert one.json() in (before, after)
            outcomes.add(one.json() == after)
    assert outcomes == {True, False}, "the two never overlapped: the test shows nothing"


def test_two_purges_take_back_once(open_node: Callable[[str], LiveSession]) -> None:
    for number in range(15):
        sessions = [open_node(f"purged twice at once {number}") for _ in range(3)]
        learn_with_joy(sessions[0], "a", "b", 0.5)
        learn_with_joy(sessions[0], "b", "c", 0.25)
        act(sessions[0], "retire", AB)
        answers = at_once([partial(act, session, "purge") for session in sessions])
        assert sorted(one.json()["status"] for one in answers) == ["completed", "nothing_to_purge", "nothing_to_purge"]
        assert sessions[0].of_node("symbols/affinity")["affinities"] == {"b": {"joy": 0.25}, "c": {"joy": 0.25}}


@pytest.mark.parametrize("kind", ["retire", "purge", "un-retire"])
def test_an_act_and_a_clear_all_end_in_one_of_the_serial_outcomes(
    open_node: Callable[[str], LiveSession], kind: str
) -> None:
    outcomes = set()
    for number in range(40):
        node = f"{kind} while cleared {number}"
        session, acting = open_node(node), open_node(node)
        session.teach("a", "b")
        if kind != "retire":
            act(acting, "retire", AB)
        cleared, acted = at_once([partial(send, session, "clear-all"), partial(act, acting, kind, AB)])
        assert (cleared.status_code, acted.status_code) == (200, 200)
        assert session.patterns() == 0
        is_retired = act(session, "un-retire", AB).json()["un_retired"] == [AB]
        # Only what was retired after everything was forgotten is retired now.
        assert not is_retired or kind == "retire"
        outcomes.add(is_retired)
        session.teach("a", "b")
        assert session.pattern(AB)["frequency"] == 1
    assert kind != "retire" or outcomes == {True, False}, "the two never overlapped: the test shows nothing"


def test_un_retire_beside_purge_and_learn(open_node: Callable[[str], LiveSession]) -> None:
    """Whatever comes first, statistics are those of the patterns that there are."""
    for number in range(30):
        node = f"everything at once {number}"
        sessions = [open_node(node) for _ in range(3)]
        sessions[0].teach("a", "b")
        act(sessions[0], "retire", AB)
        sessions[2].observe_sequence(*observations("a", "b"))
        calls = [partial(act, sessions[0], "purge", AB), partial(act, sessions[1], "un-retire", AB)]
        purged, restored, learned = at_once([*calls, partial(send, sessions[2], "learn")])
        assert restored.json()["un_retired"] == [AB]
        was_purged, was_learned = purged.json()["purged"] == [AB], learned.status_code == 200
        frequency = (0 if was_purged else 1) + int(was_learned)
        found = sessions[0].of_node(f"pattern/{AB}")["pattern"]
        assert found["status"] == ("okay" if frequency else "error")
        statistics = sessions[0].of_node("symbols/stats")["symbols"]
        assert {one["frequency"] for one in statistics.values()} == ({frequency} if frequency else set())


def learn_vector(session: LiveSession, *values: float, after: str) -> httpx.Response:
    items = [observation(after), observation(vectors=[list(values)])]
    return send(session, "observe-sequence", {"observations": items, "learn_at_end": True})


def learned_name(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return str(response.json()["final_learned_pattern"]).removeprefix("PTRN|")


def retired_with_vector(session: LiveSession) -> str:
    """The name of a retired pattern: `a`, and the vector 1, 2."""
    name = learned_name(learn_vector(session, 1.0, 2.0, after="a"))
    act(session, "retire", name)
    return name


def vectors_of(session: LiveSession, database: psycopg.Connection) -> tuple[set[str], set[str]]:
    """The names of the vectors that are stored, and of those that patterns have."""
    memory = "memory = (SELECT memory FROM memory_app_node WHERE node_id = %s)"
    stored = database.execute(f"SELECT encode(name, 'hex') FROM memory_app_vector WHERE {memory}", [session.node])
    events = database.execute(f"SELECT events FROM memory_app_pattern WHERE {memory}", [session.node])
    symbols = {symbol for (pattern,) in events.fetchall() for event in pattern for symbol in event}
    return {name for (name,) in stored}, {one.removeprefix("VCTR|") for one in symbols if one.startswith("VCTR|")}


def test_a_purge_beside_learns_of_its_vector_leaves_the_vectors_that_patterns_name(
    open_node: Callable[[str], LiveSession], database: psycopg.Connection
) -> None:
    for number in range(20):
        sessions = [open_node(f"vector purged while learned {number}") for _ in range(3)]
        name = retired_with_vector(sessions[0])
        purged, *learned = at_once(
            [
                partial(act, sessions[0], "purge", name),
                *[
                    partial(learn_vector, one, 1.0, 2.0, after=symbol)
                    for one, symbol in zip(sessions[1:], "bc", strict=True)
                ],
            ]
        )
        assert purged.json()["purged"] == [name]
        assert len({learned_name(one) for one in learned}) == 2
        stored, named = vectors_of(sessions[0], database)
        assert stored == named
        assert len(stored) == 1
        sessions[0].observe(vectors=[[1.1, 2.1]])
        assert f"VCTR|{next(iter(stored))}" in sessions[0].stm()[0]
        sessions[0].clear_stm()


def test_a_purge_of_the_last_vector_and_a_learn_of_another_dimension_end_in_one_of_the_serial_outcomes(
    open_node: Callable[[str], LiveSession], database: psycopg.Connection
) -> None:
    """Learned first: it has the wrong dimension. Purged first: the node has no dimension, and it is learned."""
    for number in range(40):
        session, other = (open_node(f"dimension purged while learned {number}") for _ in range(2))
        name = retired_with_vector(session)
        purged, learned = at_once(
            [partial(act, session, "purge", name), partial(learn_vector, other, 1.0, 2.0, 3.0, after="b")]
        )
        assert purged.json()["purged"] == [name]
        assert learned.status_code in (200, 400), learned.text
        stored, named = vectors_of(session, database)
        assert stored == named
        assert len(stored) == (1 if learned.status_code == 200 else 0)
        assert learn_vector(other, 4.0, 5.0, 6.0, after="b").status_code == 200


def test_an_un_retirement_beside_a_purge_of_a_pattern_with_a_vector(
    open_node: Callable[[str], LiveSession], database: psycopg.Connection
) -> None:
    """And beside predictions: they show the pattern or they do not, and its vector is there as long as it is."""
    for number in range(20):
        sessions = [open_node(f"vector restored while purged {number}") for _ in range(3)]
        name = retired_with_vector(sessions[0])
        sessions[2].observe_sequence(observation("a"), observation(vectors=[[1.0, 2.0]]))
        purged, _, *predicted = at_once(
            [
                partial(act, sessions[0], "purge", name),
                partial(act, sessions[1], "un-retire", name),
                *[partial(predict, sessions[2])] * 3,
            ]
        )
        assert all(names_in(one) <= {name} for one in predicted)
        was_purged = purged.json()["purged"] == [name]
        assert names_in(predict(sessions[2])) == (set() if was_purged else {name})
        stored, named = vectors_of(sessions[0], database)
        assert stored == named
        assert len(stored) == int(not was_purged)


@pytest.mark.parametrize("kind", ["retire", "un-retire", "purge"])
def test_no_act_brings_a_deleted_session_back(open_node: Callable[[str], LiveSession], kind: str) -> None:
    for _ in range(5):
        session = open_node("deleted meanwhile")
        deleted, acted = at_once(
            [partial(session.client.delete, f"/sessions/{session.id}"), partial(act, session, kind, AB)]
        )
        assert deleted.status_code == 200
        assert acted.status_code in (200, 404)
        assert session.client.get(f"/sessions/{session.id}/exists").json()["exists"] is False
