"""The checker on keys and jobs."""

from typing import Any

from benchmarks.torture.history import Request
from tests.torture.story import Fault, Story

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


def test_a_repeated_response_without_a_key(story: Story) -> None:
    story.create()
    wrong = story.observe("a", replayed=True)
    story.breaks("idempotency.only_with_a_key", wrong)


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


def test_a_job_that_is_accepted_and_never_seen(story: Story) -> None:
    story.create()
    accepted = submit(story, "a", "b")
    story.ask("read_job", status=None, arguments={"job_id": "j1"})
    story.holds()
    last = story.ask("read_job", status=503, retry_after="1", arguments={"job_id": "j1"}, at=(180, 181))
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
