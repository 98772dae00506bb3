"""Behaviours 1–3: what one session observes is in that session and in no other."""

from functools import partial

import pytest

from tests.behaviours.session import Session, create
from tests.clients import Client


def test_two_sessions_observing_in_turn_keep_exactly_their_own_events(api: Client) -> None:
    """Behaviour 1."""
    first, second = create(api), create(api)

    for left, right in zip("ABC", "XYZ", strict=True):
        first.observe(left)
        second.observe(right)

    assert first.stm() == [["A"], ["B"], ["C"]]
    assert second.stm() == [["X"], ["Y"], ["Z"]]


def test_ten_sessions_at_once_each_keep_their_events_in_order(api: Client) -> None:
    """Behaviour 2."""
    sessions = [create(api) for _ in range(10)]
    own_events = [[f"session-{number}-event-{event}" for event in range(5)] for number in range(10)]

    def observe_all(session: Session, events: list[str]) -> None:
        for event in events:
            session.observe(event)

    api.gather([partial(observe_all, *pair) for pair in zip(sessions, own_events, strict=True)])

    assert [session.stm() for session in sessions] == [[[event] for event in events] for events in own_events]


def test_sessions_observing_different_emotives_see_only_their_own(api: Client) -> None:
    """Behaviour 3."""
    glad, sad = create(api), create(api)

    glad.observe("hello", emotives={"joy": 0.9, "energy": 0.5})
    sad.observe("goodbye", emotives={"sorrow": 0.8})

    assert glad.stm() == [["hello"]]
    assert glad.percept()["emotives"] == {"joy": 0.9, "energy": 0.5}
    assert sad.stm() == [["goodbye"]]
    assert sad.percept()["emotives"] == {"sorrow": 0.8}

    for session in (glad, sad):
        session.observe("and more")
    assert glad.learn() != sad.learn()
    glad.observe("hello", "and more")
    assert [prediction["emotives"] for prediction in glad.predictions()] == [{"joy": 0.9, "energy": 0.5}]


@pytest.mark.parametrize("dimensions", [1, 768])
def test_an_observation_with_a_vector_is_refused_and_changes_nothing(api: Client, dimensions: int) -> None:
    """Behaviour 3, vectors: they come with the rest of the API; until then nobody may believe that one was stored."""
    session = create(api)
    session.observe("before", emotives={"joy": 0.5})
    percept = session.percept()

    body = {"strings": ["after"], "vectors": [[0.25] * dimensions], "emotives": {"joy": 1.0}}
    refused = api.request("POST", f"{session.path}/observe", json=body)

    assert refused.status == 400
    assert refused.body["detail"]["feature"] == "vectors"
    assert session.stm() == [["before"]]
    assert session.percept() == percept
