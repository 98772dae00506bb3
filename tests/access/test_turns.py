"""No access key holds more than half of a process: its other requests wait for each other, outside the queue of all."""

from collections.abc import Hashable
from dataclasses import dataclass

from katoproject.server.turns import Turns


@dataclass
class Work:
    name: str
    holders: tuple[Hashable, ...] = ()
    joined: float = 0.0


def taken(turns: Turns[Work], number: int) -> list[Work]:
    return [turns.next()[0] for _ in range(number)]


def join_all(turns: Turns[Work], *names: str) -> list[Work]:
    """Work of the holders whose capitals are in its name."""
    works = [Work(name, tuple(letter for letter in name if letter.isupper())) for name in names]
    for work in works:
        turns.join(work)
    return works


def test_work_comes_in_the_order_of_its_arrival() -> None:
    turns: Turns[Work] = Turns(share=2)
    works = join_all(turns, "A1", "open", "B1", "A2")
    assert taken(turns, 4) == works


def test_a_holder_with_its_share_under_way_is_passed_by_others() -> None:
    turns: Turns[Work] = Turns(share=2)
    join_all(turns, "A1", "A2", "A3", "A4", "B1", "open")
    assert [work.name for work in taken(turns, 4)] == ["A1", "A2", "B1", "open"]


def test_what_is_done_makes_room_for_the_next_of_the_same_holder() -> None:
    turns: Turns[Work] = Turns(share=2)
    join_all(turns, "A1", "A2", "A3", "A4")
    first, second = taken(turns, 2)
    turns.done(second)
    [third] = taken(turns, 1)
    assert third.name == "A3"
    turns.done(first)
    turns.done(third)
    [fourth] = taken(turns, 1)
    turns.done(fourth)
    assert join_all(turns, "A5", "A6") == taken(turns, 2), "nothing counts any more"


def test_work_without_a_holder_is_not_limited() -> None:
    turns: Turns[Work] = Turns(share=1)
    works = join_all(turns, "a", "b", "c")
    assert taken(turns, 3) == works


def test_nothing_is_remembered_of_a_holder_without_work() -> None:
    turns: Turns[Work] = Turns(share=1)
    join_all(turns, "A1", "A2")
    for _ in range(2):
        [work] = taken(turns, 1)
        turns.done(work)
    assert (turns._under_way, turns._waiting) == ({}, {})


def test_work_that_came_before_its_key_was_known_counts_for_the_key() -> None:
    """T is a token, and K the key that it turns out to be of."""
    turns: Turns[Work] = Turns(share=2)
    join_all(turns, "T1", "T2", "KT3", "KT4", "KT5", "open")
    first, second, other = taken(turns, 3)
    assert [first.name, second.name, other.name] == ["T1", "T2", "open"]
    turns.done(first)
    turns.done(second)
    assert [work.name for work in taken(turns, 2)] == ["KT3", "KT4"]


def test_two_tokens_that_turn_out_to_be_of_one_key_have_one_share() -> None:
    turns: Turns[Work] = Turns(share=2)
    join_all(turns, "T1", "T2", "U1", "U2", "KT3")
    works = taken(turns, 4)
    assert [turns.count_for(work, "K") for work in works] == [True, True, False, False]
    assert turns.count_for(works[0], "K"), "it counts already"
    for work in works[2:]:
        turns.done(work)
    assert turns._queue.empty(), "KT3 waits for the work of K that is under way"
    for work in works[:2]:
        turns.done(work)
    [third] = taken(turns, 1)
    assert third.name == "KT3"
    turns.done(third)
    assert (turns._under_way, turns._waiting) == ({}, {})


def test_what_has_to_wait_for_another_of_its_holders_keeps_nobody_waiting() -> None:
    turns: Turns[Work] = Turns(share=1)
    join_all(turns, "KS1", "T2", "KT3", "KS4")
    first, second = taken(turns, 2)
    turns.done(first)
    [fourth] = taken(turns, 1)
    assert fourth.name == "KS4", "T2 is under way, and KT3 waits for it"
    turns.done(second)
    turns.done(fourth)
    [third] = taken(turns, 1)
    turns.done(third)
    assert (turns._under_way, turns._waiting) == ({}, {})
