"""The checker on the life of sessions, their configuration, keys and jobs."""

from typing import Any

import pytest

from benchmarks.torture.history import Request
from tests.torture.story import Fault, Story

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


# Keys.


def test_a_repeated_request_gets_the_first_response(story: Story) -> None:
    story.create()
    first = story.observe("a", key="k", length=1, time=1)
    story.again(first, replayed=True)
    story.clear()
    story.again(first, replayed=True)
    story.read()
    story.holds()


def test_a_key_is_refused_for_another_request(story: Story) -> None:
    story.create()
    story.observe("a", key="k")
    story.observe("b", key="k", status=422)
    story.read("a")
    story.holds()


def test_another_response_to_a_key(story: Story) -> None:
    story.create()
    first = story.observe("a", key="k", length=1)
    other = story.again(first, replayed=True, answer={"status": "okay", "stm_length": 2})
    story.breaks("idempotency.same_answer", first, other)


def test_a_request_that_is_performed_twice_under_a_key(story: Story) -> None:
    story.create()
    first = story.observe("a", key="k")
    other = story.again(first)
    story.breaks("idempotency.performed_once", first, other)


def test_a_first_request_that_is_answered_as_a_repeated_one(story: Story) -> None:
    story.create()
    wrong = story.observe("a", key="k", replayed=True)
    story.breaks("idempotency.performed_once", wrong)


def test_two_requests_under_one_key(story: Story) -> None:
    story.create()
    one, other = story.observe("a", key="k"), story.observe("b", key="k")
    story.breaks("idempotency.one_request_per_key", one, other)


def test_a_key_that_is_refused_without_a_reason(story: Story) -> None:
    story.create()
    refused = story.observe("a", key="k", status=422)
    story.breaks("idempotency.one_request_per_key", refused)


def test_a_creation_that_makes_another_session_under_the_same_key(story: Story) -> None:
    one = story.create(key="k")
    other = story.again(one, answer={"session_id": "s2"}, replayed=True)
    story.breaks("idempotency.same_answer", one, other)


# Jobs.


def submit(story: Story, *events: str, job: str = "j1", **more: Any) -> Request:
    observations = [{"strings": [event]} for event in events]
    answer = {"job_id": job, "state": "waiting", "done": 0}
    return story.ask("submit", answer, status=more.pop("status", 202), arguments={"observations": observations}, **more)


def look(story: Story, state: str, *, done: int = 0, job: str = "j1", **more: Any) -> Request:
    answer = {"job_id": job, "state": state, "done": done, "total": more.pop("total", 2)}
    return story.ask("read_job", answer, arguments={"job_id": job}, **more)


def test_a_job_is_done_once(story: Story) -> None:
    story.create()
    story.observe("a")
    submit(story, "b", "c")
    look(story, "waiting")
    story.observe("d")
    look(story, "running")
    look(story, "done", done=2)
    story.read("a", "d", "b", "c")
    story.holds()


def test_a_job_that_failed_has_done_nothing(story: Story) -> None:
    story.create()
    submit(story, "a", "b")
    failed = look(story, "failed")
    read = story.read("a", "b")
    story.breaks("stm_order.only_what_was_asked")
    assert failed
    assert read


def test_a_job_that_is_done_and_left_nothing(story: Story) -> None:
    story.create()
    submit(story, "a", "b")
    done = look(story, "done", done=2)
    read = story.read()
    story.breaks("stm_windows.emptied_by_someone", done, read)


def test_a_job_that_is_done_twice(story: Story) -> None:
    story.create()
    submit(story, "a", "b")
    look(story, "done", done=2)
    read = story.read("a", "b", "a", "b")
    story.breaks("stm_order.one_order", read)


def test_a_job_that_goes_back(story: Story) -> None:
    story.create()
    submit(story, "a", "b")
    done, again = look(story, "done", done=2), look(story, "running", done=1)
    story.breaks("jobs.forward", done, again)


def test_a_job_that_never_ends(story: Story) -> None:
    story.create()
    accepted = submit(story, "a", "b")
    look(story, "running")
    story.entries.append(Fault("the worker killed", 10, 11, 20))
    look(story, "running", at=(160, 161))
    story.holds()
    assert story.judge().unfinished == 1
    last = look(story, "running", at=(180, 181))
    story.breaks("jobs.ends", accepted, last)


def test_a_job_that_has_done_less(story: Story) -> None:
    story.create()
    accepted = submit(story, "a", "b")
    done = look(story, "done", done=1)
    story.breaks("jobs.wholly", accepted, done)


def test_jobs_that_run_in_another_order(story: Story) -> None:
    story.create()
    one, other = submit(story, "a", "b"), submit(story, "c", "d", job="j2")
    look(story, "done", done=2)
    look(story, "done", done=2, job="j2")
    story.read("c", "d", "a", "b")
    story.breaks("jobs.in_turn", one, other)


def test_a_job_that_was_accepted_once_more_under_its_key(story: Story) -> None:
    story.create()
    first = submit(story, "a", "b", key="k", status=None)
    again = story.again(first, status=202, answer={"job_id": "j1", "state": "waiting"})
    look(story, "done", done=2)
    story.read("a", "b")
    story.holds()
    other = story.again(first, status=202, answer={"job_id": "j2", "state": "waiting"})
    story.breaks("idempotency.same_answer", again, other)
