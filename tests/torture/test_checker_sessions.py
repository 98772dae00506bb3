"""The checker on the life of sessions, and on their configuration."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from benchmarks.torture.history import Request
from tests.torture.story import Story

# Life.


def test_a_session_is_gone_after_its_delete(story: Story) -> None:
    story.create()
    story.read()
    story.delete()
    story.gone()
    story.gone("delete")
    story.holds()


def test_requests_beside_a_delete_may_find_the_session_or_not(story: Story) -> None:
    story.create()
    story.delete(at=(5, 9))
    story.read(at=(6, 8))
    story.gone(at=(6, 7))
    story.holds()


def test_a_delete_without_a_response_may_have_deleted(story: Story) -> None:
    story.create()
    story.delete(status=None)
    story.read()
    story.gone()
    story.gone()
    story.holds()


def test_a_deleted_session_that_is_found(story: Story) -> None:
    story.create()
    delete = story.delete()
    story.gone()
    found = story.observe("a")
    story.breaks("sessions.gone_for_good", delete, found)


def test_a_session_that_was_gone_and_comes_back(story: Story) -> None:
    story.create()
    story.delete(status=None)
    gone = story.gone()
    found = story.read()
    story.breaks("sessions.gone_for_good", gone, found)


def test_a_session_that_is_deleted_twice(story: Story) -> None:
    story.create()
    one, other = story.delete(at=(3, 6)), story.delete(at=(4, 7))
    story.breaks("sessions.deleted_once", one, other)


def test_a_living_session_that_is_not_found(story: Story) -> None:
    story.create()
    witness = story.read()
    missing = story.gone()
    story.breaks("sessions.found_while_it_lives", witness, missing)


def test_a_session_lives_as_long_as_it_was_extended(story: Story) -> None:
    story.create(ttl=5)
    extended = story.extend(60)
    missing = story.gone(at=(40, 41))
    story.breaks("sessions.found_while_it_lives", extended, missing)


def test_an_extension_may_shorten_the_life(story: Story) -> None:
    story.create(ttl=60)
    story.read()
    story.extend(2)
    story.gone(at=(20, 21))
    story.holds()


def test_a_session_may_have_expired(story: Story) -> None:
    story.create(ttl=5)
    story.read(at=(3, 4))
    story.gone(at=(8.5, 9.5))
    story.holds()


def test_every_access_renews_the_life(story: Story) -> None:
    story.create(ttl=5)
    for moment in range(4, 40, 4):
        story.read(at=(moment, moment + 0.1))
    story.holds()


def test_a_session_that_outlives_its_life(story: Story) -> None:
    story.create(ttl=5)
    last = story.read(at=(4, 5))
    found = story.read(at=(12, 13))
    story.breaks("sessions.gone_when_expired", last, found)


def test_a_session_that_outlives_an_extension(story: Story) -> None:
    story.create(ttl=3600)
    story.read()
    extended = story.extend(10)
    found = story.read(at=(20, 21))
    story.breaks("sessions.gone_when_expired", extended, found)


def test_an_extension_shortens_what_only_earlier_accesses_granted(story: Story) -> None:
    story.create(ttl=3600)
    story.extend(10, at=(3, 5))
    story.read(at=(8, 9))  # lets it live for an hour again
    story.extend(10, at=(20, 22))
    story.read(at=(19, 21))  # may come after the extension
    story.read(at=(100, 101))
    story.holds()


@pytest.mark.parametrize("more", [{"replayed": True, "key": "k1"}, {"status": 422}])
def test_an_extension_that_was_not_done_shortens_nothing(story: Story, more: dict[str, Any]) -> None:
    story.create(ttl=60)
    story.extend(1000)
    story.ask("extend", {"status": "extended"}, arguments={"ttl_seconds": 10}, **more)
    story.read(at=(500, 501))
    assert "sessions.gone_when_expired" not in story.judge().broken


def test_a_request_without_a_response_may_have_renewed_the_life(story: Story) -> None:
    story.create(ttl=5)
    story.read(at=(4, 5))
    story.observe("a", at=(9, 9.5), status=None)
    story.read(at=(12, 13))
    story.holds()


def test_two_sessions_of_one_id(story: Story) -> None:
    one, other = story.create(), story.create()
    story.breaks("sessions.ids_are_new", one, other)


def test_a_response_of_another_session(story: Story) -> None:
    story.create()
    wrong = story.ask("clear_stm", {"status": "cleared", "session_id": "s2"})
    story.breaks("sessions.its_own_answers", wrong)


def test_an_stm_that_is_answered_as_that_of_another_session(story: Story) -> None:
    story.create()
    wrong = story.ask("read_stm", {"stm": [], "length": 0, "session_id": "s2"})
    story.breaks("sessions.its_own_answers", wrong)


@pytest.mark.parametrize("name", ["node_id", "processor_id"])
def test_a_response_that_names_another_node(story: Story, name: str) -> None:
    story.create()
    wrong = story.ask("learn", {"status": "learned", "pattern_name": "", name: "unique-2"})
    story.breaks("sessions.its_own_answers", wrong)


# Configuration.


def test_the_last_configuration_is_read(story: Story) -> None:
    story.create(config={"persistence": 3})
    story.read_config(persistence=3, recall_threshold=0.1)
    story.configure(persistence=7)
    story.read_config(persistence=7, recall_threshold=0.1)
    story.configure(persistence=9, at=(20, 25))
    story.read_config(persistence=7, at=(21, 22))
    story.read_config(persistence=9, at=(23, 24))
    story.configure(persistence=11, status=None)
    story.read_config(persistence=9)
    story.read_config(persistence=11)
    story.holds()


def test_a_default_is_read_until_it_is_changed(story: Story) -> None:
    story.create()
    story.read_config(persistence=5)
    story.configure(persistence=6)
    story.configure(persistence=5)
    story.read_config(persistence=5)
    story.holds()


def test_a_default_that_changes_by_itself(story: Story) -> None:
    story.create()
    story.read_config(sort_symbols=True)
    story.read_config(sort_symbols=False)
    story.read_config(sort_symbols=True)
    story.breaks("configuration.never_goes_back")


def test_a_configuration_that_is_lost(story: Story) -> None:
    story.create(config={"persistence": 3})
    lost = story.configure(persistence=7)
    read = story.read_config(persistence=3)
    story.breaks("configuration.last_one_counts", lost, read)


def test_a_configuration_that_nobody_set(story: Story) -> None:
    created = story.create(config={"persistence": 3})
    read = story.read_config(persistence=4)
    story.breaks("configuration.last_one_counts", created, read)


def test_a_configuration_that_goes_back(story: Story) -> None:
    story.create(config={"persistence": 3})
    story.configure(persistence=7, at=(5, 20))
    story.read_config(persistence=7, at=(6, 7))
    story.read_config(persistence=3, at=(8, 9))
    story.breaks("configuration.never_goes_back")


def test_a_setting_that_is_missing(story: Story) -> None:
    story.create()
    configured = story.configure(persistence=7)
    read = story.read_config(recall_threshold=0.1)
    story.breaks("configuration.complete", configured, read)


def test_no_settings_at_all(story: Story) -> None:
    created = story.create(session_config={"persistence": 5})
    story.read_config(persistence=5)
    read = story.read_config()
    story.breaks("configuration.complete", created, read)


# Times to live.

BORN = datetime(2026, 11, 28, tzinfo=UTC)  # by the service's clock, whatever that shows


def read_session(story: Story, left: int, *, ends: float | None = None, **more: Any) -> Request:
    answer: dict[str, Any] = {"ttl_seconds": left}
    if ends is not None:
        times = {"created_at": BORN, "expires_at": BORN + timedelta(seconds=ends)}
        answer |= {name: time.isoformat() for name, time in times.items()}
    return story.ask("read_session", answer, **more)


def test_a_read_promises_the_whole_life_again(story: Story) -> None:
    story.create(ttl=100)
    read_session(story, 99, ends=102.5)
    read_session(story, 99, ends=150.5, at=(51, 52))
    story.holds()


def test_a_read_after_an_extension_promises_what_is_left_of_it(story: Story) -> None:
    story.create(ttl=100)
    story.extend(1000)
    read_session(story, 952, ends=1002, at=(51, 52))
    story.extend(30)
    read_session(story, 99)
    story.extend(500, status=None)
    read_session(story, 99)
    read_session(story, 480, at=(70, 71))
    story.holds()


def test_an_extension_that_is_lost(story: Story) -> None:
    story.create(ttl=100)
    extended = story.extend(1000)
    read = read_session(story, 99)
    story.breaks("lifetimes.as_promised", extended, read)


def test_an_end_that_an_extension_did_not_move(story: Story) -> None:
    story.create(ttl=100)
    extended = story.extend(1000)
    read = read_session(story, 998, ends=100)
    story.breaks("lifetimes.as_promised", extended, read)


def test_an_extension_by_another_time(story: Story) -> None:
    story.create()
    wrong = story.ask("extend", {"status": "extended", "ttl_seconds": 1}, arguments={"ttl_seconds": 60})
    story.breaks("lifetimes.as_asked", wrong)
