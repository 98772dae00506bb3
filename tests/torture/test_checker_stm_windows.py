"""The checker on the short-term memory: windows of the wrong length, lost whole contents, and wrong times."""

import pytest

from tests.torture.story import CLEAR, ROLLING, Story


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
