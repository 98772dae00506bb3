"""The checker on the short-term memory: events that are lost, come back, or are in the wrong order."""

from tests.torture.story import Story


def test_a_lost_event(story: Story) -> None:
    story.create()
    first = story.observe("a")
    lost = story.observe("b")
    story.observe("c")
    read = story.read("a", "c")
    story.breaks("stm_order.nothing_between", first, lost, read)


def test_a_lost_event_at_the_end(story: Story) -> None:
    story.create()
    story.observe("a")
    lost = story.observe("b")
    read = story.read("a")
    assert lost
    story.breaks("stm_order.nothing_between")
    assert read


def test_an_event_twice(story: Story) -> None:
    story.create()
    story.observe("a")
    read = story.read("a", "a")
    story.breaks("stm_order.one_order", read)


def test_events_in_two_orders(story: Story) -> None:
    story.create()
    story.observe("a", at=(1, 4))
    story.observe("b", at=(1, 4))
    one, other = story.read("a", "b"), story.read("b", "a")
    story.breaks("stm_order.one_order", one, other)


def test_an_event_that_comes_between_others_later(story: Story) -> None:
    story.create()
    for event in "abc":
        story.observe(event, at=(1, 4))
    one, other = story.read("a", "b"), story.read("a", "c", "b")
    story.breaks("stm_order.one_order", one, other)


def test_a_later_event_before_an_earlier_one(story: Story) -> None:
    story.create()
    earlier, later = story.observe("a"), story.observe("b")
    story.read("b", "a")
    story.breaks("stm_order.real_time", earlier, later)


def test_a_read_that_is_older_than_an_acknowledged_event(story: Story) -> None:
    story.create()
    story.observe("a")
    missed = story.observe("b")
    stale = story.read("a")
    story.read("a", "b")
    story.breaks("stm_order.real_time", missed, stale)


def test_a_read_that_is_older_than_an_earlier_one(story: Story) -> None:
    story.create()
    story.observe("a", at=(1, 2))
    story.observe("b", at=(3, 20))
    newer, older = story.read("a", "b", at=(4, 5)), story.read("a", at=(6, 7), client="bert")
    story.breaks("stm_order.real_time", newer, older)


def test_an_event_that_is_seen_before_it_is_asked_for(story: Story) -> None:
    story.create()
    story.observe("a")
    early = story.read("a", "b")
    event = story.observe("b")
    story.breaks("stm_order.real_time", early, event)


def test_a_read_of_what_was_cleared_before(story: Story) -> None:
    story.create()
    observed = story.observe("a")
    clear = story.clear()
    ghost = story.read("a")
    story.breaks("stm_order.nothing_between", observed, clear, ghost)


def test_cleared_events_that_come_back_with_a_new_one(story: Story) -> None:
    story.create()
    old = story.observe("a")
    clear = story.clear()
    story.observe("b")
    read = story.read("a", "b")
    story.breaks("stm_order.nothing_between", old, clear, read)


def test_learned_events_that_stay(story: Story) -> None:
    story.create()
    story.sequence("a", "b")
    story.learn()
    story.read("a", "b")
    story.breaks("stm_order.nothing_between")


def test_a_read_of_an_older_content_after_a_newer_one(story: Story) -> None:
    story.create()
    story.observe("a")
    story.clear()
    story.observe("b")
    story.read("b")
    story.read("a")
    story.breaks("stm_order.nothing_between")


def test_an_empty_read_between_two_of_one_content(story: Story) -> None:
    story.create()
    story.observe("a")
    story.read()
    story.read("a")
    story.breaks("stm_order.nothing_between")


def test_half_a_sequence(story: Story) -> None:
    story.create()
    half = story.sequence("a", "b", "c", status=None)
    read = story.read("a", "b")
    story.breaks("stm_order.wholly_or_not_at_all", half, read)


def test_the_end_of_a_sequence(story: Story) -> None:
    story.create()
    half = story.sequence("a", "b", "c", status=None)
    read = story.read("b", "c")
    story.breaks("stm_order.wholly_or_not_at_all", half, read)


def test_a_sequence_with_another_event_in_it(story: Story) -> None:
    story.create()
    sequence = story.sequence("a", "b", at=(1, 4))
    story.observe("x", at=(1, 4))
    read = story.read("a", "x", "b")
    story.breaks("stm_order.wholly_or_not_at_all", sequence, read)


def test_a_refused_event_that_is_there(story: Story) -> None:
    story.create()
    refused = story.observe("a", status=422)
    read = story.read("a")
    story.breaks("stm_order.only_what_was_asked", refused, read)


def test_an_event_of_another_session(story: Story) -> None:
    story.create()
    story.create(name="s2")
    story.observe("a", session="s2")
    read = story.read("a")
    story.breaks("stm_order.only_what_was_asked", read)


def test_an_event_of_another_session_at_the_front(story: Story) -> None:
    story.create()
    story.sequence("a", "b")
    story.clear()
    story.sequence("c", "d", "e")
    story.read("c", "d", "e")
    story.create(name="s2")
    story.observe("z", session="s2")
    story.read("c", "d", "e")
    story.observe("f")
    wrong = story.read("z", "d", "e", "f")
    story.breaks("stm_order.only_what_was_asked", wrong)
