"""Behaviours 21–23: sessions of one node share what it learned and nothing else."""

from tests.api.behaviours.session import create
from tests.support.clients import Client


def test_two_sessions_of_one_node_observing_in_turn_keep_exactly_their_own_events(api: Client, node: str) -> None:
    """Behaviour 21."""
    first, second = create(api, node), create(api, node)

    for left, right in zip("ABC", "XYZ", strict=True):
        first.observe(left)
        second.observe(right)

    assert first.stm() == [["A"], ["B"], ["C"]]
    assert second.stm() == [["X"], ["Y"], ["Z"]]


def test_asking_twice_for_one_node_gives_two_independent_sessions(api: Client, node: str) -> None:
    """Behaviour 22."""
    first, second = create(api, node), create(api, node)
    assert first.id != second.id

    first.observe("only in the first")
    assert second.stm() == []

    second.observe("only in the second")
    first.delete()
    assert second.stm() == [["only in the second"]]


def test_a_second_session_of_a_node_begins_empty_and_the_first_one_stays_as_it_was(api: Client, node: str) -> None:
    """Behaviour 23."""
    first = create(api, node)
    first.observe("A")
    first.observe("B")
    assert first.learn().startswith("PTRN|")

    second = create(api, node)
    assert second.stm() == []

    second.observe("C")
    assert first.stm() == []
    assert second.stm() == [["C"]]
