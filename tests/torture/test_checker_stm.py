"""The checker on the short-term memory: hand-made histories that hold, and that break one rule."""

import pytest

from tests.torture.story import Story

ROLLING = {"max_pattern_length": 3, "stm_mode": "ROLLING"}
CLEAR = {"max_pattern_length": 2, "stm_mode": "CLEAR"}


# Histories that hold.


def test_observations_are_read_in_their_order(story: Story) -> None:
    story.create()
    story.observe("a", length=1, time=1)
    story.read("a")
    story.sequence("b", "c")
    story.read("a", "b", "c")
    story.clear()
    story.read()
    story.observe("d", length=1, time=1)
    story.read("d")
    story.holds()


def test_concurrent_observations_may_stand_in_any_order(story: Story) -> None:
    story.create()
    story.observe("a", at=(1, 5))
    story.observe("b", at=(2, 4))
    story.read("b", at=(3, 6))
    story.read("b", "a")
    story.holds()


def test_an_observation_without_a_response_may_be_there_or_not(story: Story) -> None:
    story.create()
    story.observe("a", status=None)
    story.observe("b", status=503, retry_after="1")
    story.read("b")
    story.observe("c")
    story.read("b", "c")
    story.holds()


def test_an_observation_without_a_response_may_come_late(story: Story) -> None:
    story.create()
    story.observe("a", status=None)
    story.read()
    story.read("a")
    story.holds()


def test_a_clear_without_a_response_may_have_cleared(story: Story) -> None:
    story.create()
    story.observe("a")
    story.clear(status=None)
    story.observe("b")
    story.read("b")
    story.holds()


def test_an_observation_beside_a_clear_may_survive_it_or_not(story: Story) -> None:
    for name, seen in (("s1", ()), ("s2", ("b",))):
        story.session = name
        begin = story.now
        story.create()
        story.observe("a", at=(begin + 2, begin + 3))
        story.clear(at=(begin + 4, begin + 6))
        story.observe(f"b{name}" if not seen else "b", at=(begin + 5, begin + 7))
        story.read(*seen)
    story.holds()


def test_the_window_of_a_thousand_events_moves_on(story: Story) -> None:
    events = [f"o{number}" for number in range(1003)]
    story.create()
    for place, event in enumerate(events):
        story.observe(event, length=min(place + 1, 1000), time=place + 1)
    story.read(*events[3:])
    story.holds()


def test_a_rolling_window_moves_on(story: Story) -> None:
    story.create(config=ROLLING)
    story.observe("a", length=1)
    story.observe("b", length=2)
    story.read("a", "b")
    story.observe("c", length=2, learned="PTRN|1")
    story.read("b", "c")
    story.sequence("d", "e", "f")
    story.read("e", "f")
    story.holds()


def test_learning_automatically_empties_the_stm(story: Story) -> None:
    story.create(config=CLEAR)
    story.observe("a", length=1)
    story.observe("b", length=0, learned="PTRN|1")
    story.read()
    story.observe("c", length=1)
    story.read("c")
    story.observe("d", status=None)
    story.read()
    story.holds()


def test_a_repeated_request_is_one_write(story: Story) -> None:
    story.create()
    first = story.observe("a", key="k", status=None)
    story.observe("b")
    story.again(first, status=200, answer={"status": "okay", "stm_length": 1, "time": 1}, replayed=True)
    story.read("a", "b")
    story.holds()


# Histories that do not.


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


def test_the_only_event_is_lost(story: Story) -> None:
    story.create()
    lost = story.observe("a")
    read = story.read()
    story.breaks("stm_windows.emptied_by_someone", lost, read)


def test_a_learn_that_finds_nothing_although_there_was_an_event(story: Story) -> None:
    story.create()
    lost = story.observe("a")
    learn = story.find_it_empty()
    story.breaks("stm_windows.emptied_by_someone", lost, learn)


def test_an_event_that_replaces_another(story: Story) -> None:
    story.create()
    lost = story.observe("a")
    kept = story.observe("b")
    read = story.read("b")
    story.breaks("stm_windows.emptied_by_someone", lost, kept, read)


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


def test_more_than_a_thousand_events(story: Story) -> None:
    events = [f"o{number}" for number in range(1001)]
    story.create()
    story.sequence(*events)
    read = story.read(*events)
    story.breaks("stm_windows.no_longer_than_allowed", read)


@pytest.mark.parametrize("config", [ROLLING, CLEAR])
def test_a_window_that_is_never_learned(story: Story, config: dict[str, object]) -> None:
    story.create(config=config)
    story.sequence("a", "b", "c")
    read = story.read("a", "b", "c")
    story.breaks("stm_windows.no_longer_than_allowed", read)


def test_the_oldest_event_leaves_a_window_that_is_not_full(story: Story) -> None:
    story.create()
    story.sequence("a", "b")
    whole = story.read("a", "b")
    story.observe("c")
    story.read("a", "b", "c")
    less = story.read("b", "c")
    story.breaks("stm_windows.oldest_stay", whole, less)


def test_an_observation_that_reports_more_events_than_there_are(story: Story) -> None:
    story.create()
    story.observe("a", length=1)
    wrong = story.observe("b", length=3)
    read = story.read("a", "b")
    story.breaks("stm_windows.own_length", wrong, read)


def test_an_observation_that_counted_twice(story: Story) -> None:
    story.create()
    first, second = story.observe("a", time=1), story.observe("b", time=3)
    story.breaks("stm_times.counted", first, second)
    story.read("a", "b")
    story.breaks("stm_times.consecutive")


def test_two_observations_with_one_time(story: Story) -> None:
    story.create()
    one, other = story.observe("a", time=1, at=(1, 3)), story.observe("b", time=1, at=(2, 4))
    story.breaks("stm_times.counted", one, other)


def test_a_time_that_goes_back(story: Story) -> None:
    story.create()
    one, other = story.observe("a", time=2), story.observe("b", time=1)
    story.breaks("stm_times.counted", one, other)


def test_a_story_is_told_in_plain_words(story: Story) -> None:
    story.create()
    story.observe("a")
    story.clear(status=None, error="the connection was cut")
    story.clear()
    story.read("a")
    [violation] = story.judge().violations
    assert str(violation).splitlines()[0] == (
        "stm_order.nothing_between: what an acknowledged request removed is there again"
    )
    assert str(violation).splitlines()[2:] == [
        '  3.0000 to 4.0000: anna asked observe of s1 with {"strings": ["a"]}, and got 200: '
        '{"status": "okay", "auto_learned_pattern": null}',
        '  7.0000 to 8.0000: anna asked clear_stm of s1, and got 200: {"status": "cleared"}',
        '  9.0000 to 10.0000: anna asked read_stm of s1, and got 200: {"length": 1, "stm": [["a"]]}',
    ]
