"""Behaviours 1–3: what one session observes is in that session and in no other."""

from functools import partial

from tests.api.behaviours.session import Session, create, new_node
from tests.support.clients import Client


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


def test_sessions_observing_strings_vectors_and_emotives_learn_different_patterns(api: Client) -> None:
    """Behaviour 3, with a vector of 768 dimensions each."""
    node = new_node()
    glad, sad = create(api, node), create(api, node)

    glad.observe("hello", vectors=[[0.25] * 768], emotives={"joy": 0.9})
    sad.observe("goodbye", vectors=[[-0.5] * 768], emotives={"sorrow": 0.8})
    assert glad.percept()["vectors"] == [[0.25] * 768]
    for session in (glad, sad):
        session.observe("and more")
    assert glad.learn() != sad.learn()

    glad.observe("hello")
    glad.observe("and more")
    [prediction, *_] = glad.predictions()
    assert prediction["emotives"] == {"joy": 0.9}
    assert [symbol[:5] for symbol in prediction["missing"][0]] == ["VCTR|"]
