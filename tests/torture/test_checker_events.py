"""The checker on what listeners hear."""

from typing import Any

from benchmarks.torture.history import Event, Listening
from tests.torture.story import Fault, Story


def hear(story: Story, kind: str, *, after: float = 0.1, listener: str = "ear", **data: Any) -> Event:
    event = Event(listener, story.now + after, {"event_type": f"session.{kind}", "data": data})
    story.entries.append(event)
    return event


def listen(story: Story, start: float, end: float, listener: str = "ear") -> Listening:
    listening = Listening(listener, start, end)
    story.entries.append(listening)
    return listening


def created(story: Story, **more: Any) -> Event:
    return hear(story, "created", session_id="s1", node_id=story.node, **more)


def destroyed(story: Story, reason: str = "explicit_delete", **more: Any) -> Event:
    return hear(story, "destroyed", session_id="s1", reason=reason, **more)


def test_listeners_hear_of_each_session_once(story: Story) -> None:
    listen(story, 0, 100)
    listen(story, 3, 4, "late")
    story.create()
    created(story)
    story.delete()
    destroyed(story)
    story.holds()


def test_a_listener_may_miss_what_happens_as_it_comes_or_goes(story: Story) -> None:
    listen(story, 1.5, 100)
    story.create()
    story.delete(at=(95, 96))
    story.holds()


def test_an_event_may_be_late_while_something_is_broken(story: Story) -> None:
    listen(story, 0, 25)
    story.entries.append(Fault("database frozen", 5, 19, 20))
    story.create()
    story.holds()


def test_a_creation_that_is_not_announced(story: Story) -> None:
    listening = listen(story, 0, 100)
    creation = story.create()
    story.breaks("events.reaches_everyone", listening, creation)


def test_a_deletion_that_is_not_announced(story: Story) -> None:
    listening = listen(story, 2.5, 100)
    story.create()
    deletion = story.delete()
    story.breaks("events.reaches_everyone", listening, deletion)


def test_an_event_twice(story: Story) -> None:
    story.create()
    one, other = created(story), created(story, after=0.2)
    story.breaks("events.once", one, other)


def test_a_deletion_before_its_creation(story: Story) -> None:
    story.create()
    story.delete()
    early, late = destroyed(story), created(story, after=0.2)
    story.breaks("events.once", early, late)


def test_a_deletion_that_nobody_asked_for(story: Story) -> None:
    story.create()
    event = destroyed(story)
    story.breaks("events.only_what_happened", event)


def test_an_expiry_of_a_session_that_lives(story: Story) -> None:
    creation = story.create()
    event = destroyed(story, "expired")
    story.breaks("events.only_what_happened", creation, event)


def test_a_session_that_nobody_created(story: Story) -> None:
    story.create(status=None)
    allowed = created(story)
    story.holds()
    strange = hear(story, "created", session_id="s9", node_id=story.node)
    story.breaks("events.nobody_unknown")
    assert allowed
    assert strange


def test_an_expiry_is_announced(story: Story) -> None:
    listen(story, 0, 100)
    story.create(ttl=2)
    destroyed(story, "expired", after=6)
    created(story)
    story.holds()


def test_an_expiry_that_is_not_announced(story: Story) -> None:
    listening = listen(story, 0, 100)
    creation = story.create(ttl=2)
    created(story)
    story.breaks("events.reaches_everyone", listening, creation)


def test_an_expiry_after_a_shorter_life_that_is_not_announced(story: Story) -> None:
    listening = listen(story, 0, 100)
    story.create(ttl=3600)
    created(story)
    extended = story.extend(2)
    story.breaks("events.reaches_everyone", listening, extended)


def test_an_expiry_that_only_one_listener_hears(story: Story) -> None:
    listen(story, 0, 20)
    other = listen(story, 0, 21, "other")
    story.create(ttl=2)
    created(story)
    created(story, listener="other")
    heard = destroyed(story, "expired", after=6)
    story.breaks("events.reaches_everyone", heard, other)


def test_an_event_that_comes_late(story: Story) -> None:
    creation = story.create()
    event = created(story, after=30)
    story.breaks("events.in_time", creation, event)


def test_an_event_after_a_fault_is_not_late(story: Story) -> None:
    story.create()
    story.entries.append(Fault("database frozen", 5, 19, 20))
    created(story, after=30)
    story.holds()


def test_an_expiry_that_comes_late(story: Story) -> None:
    creation = story.create(ttl=2)
    event = destroyed(story, "expired", after=60)
    story.breaks("events.in_time", creation, event)


def test_a_deletion_that_is_announced_as_an_expiry(story: Story) -> None:
    story.create(ttl=2)
    deletion = story.delete()
    event = destroyed(story, "expired", after=10)
    story.breaks("events.only_what_happened", deletion, event)


def test_the_end_of_a_session_that_nobody_created(story: Story) -> None:
    story.create(status=None)
    hear(story, "destroyed", session_id="s8", reason="expired")
    story.holds()
    hear(story, "destroyed", session_id="s9", reason="expired")
    story.breaks("events.someone_created")
