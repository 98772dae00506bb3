"""The checker on the short-term memory: hand-made histories that hold, and how it tells of one that does not."""

from tests.torture.story import CLEAR, ROLLING, Story


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
        '  9.0000 to 10.0000: anna asked read_stm of s1, and got 200: {"stm": [["a"]], "length": 1}',
    ]
