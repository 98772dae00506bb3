"""Whatever the order of their steps, two operations lead to what one after the other leads to; and a fault is found.

`make schedules` tries every order of every pair. Here: a few pairs, a sample of others, and planted faults.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

import sessions_app.operations
from benchmarks.schedules.laboratory import Laboratory, laboratory
from benchmarks.schedules.operations import ALL
from benchmarks.schedules.pairs import Extent, Report, examine
from benchmarks.schedules.plan import plan
from benchmarks.schedules.search import every_run
from benchmarks.schedules.verdict import Experiment
from sessions_app import cache
from sessions_app.jobs import running
from sessions_app.observations import Observation, Observed
from sessions_app.operations import idempotency, locked_session
from sessions_app.stores import SESSIONS

pytestmark = pytest.mark.long

# Of the sample, whose pairs are others for another seed.
SEED, PAIRS, SCHEDULES = 14, 8, 6


@pytest.fixture(scope="module")
def room(django_db_blocker: DjangoDbBlocker) -> Iterator[Laboratory]:
    with django_db_blocker.unblock(), laboratory("every_schedule") as opened:
        yield opened


@pytest.mark.parametrize(
    ("names", "schedules"),
    [
        # Two steps, two orders.
        (("observe", "observe"), 2),
        # The second waits for the first, whichever of the two that is, from the statement on that locks the session.
        (("observe", "learn"), 9),
        (("clear-stm", "observe"), 3),
    ],
)
def test_every_order_of_two_operations_is_tried(room: Laboratory, names: tuple[str, str], schedules: int) -> None:
    report = examine(room, names)
    assert (report.schedules, report.extent, report.holds) == (schedules, Extent.ALL, True)


@pytest.mark.parametrize("names", [("delete", "observe, repeatable"), ("learn", "read STM, cached")])
def test_a_crash_at_every_step_leaves_an_operation_done_or_not_done(room: Laboratory, names: tuple[str, str]) -> None:
    report = examine(room, names, crashes=True, sample=Random(SEED), at_most=25)
    assert report.crashes > 12
    assert report.holds, report.first


def test_a_sample_of_all_pairs_holds(room: Laboratory) -> None:
    choice = Random(SEED)
    for names, one_process in choice.sample(plan(None), PAIRS):
        report = examine(room, names, sample=choice, at_most=SCHEDULES, one_process=one_process)
        assert report.holds, (names, report.first, report.faults)


def test_time_that_passes_is_the_time_of_each_transaction(room: Laboratory) -> None:
    """An observation that began before its session expired is in time; one that begins afterwards is not."""
    report = examine(room, ("time passes", "observe, repeatable"))
    assert report.holds, report.first
    assert report.schedules >= 5


def test_a_prediction_is_of_one_moment_of_the_session_and_its_node(room: Laboratory) -> None:
    """Not of the STM before a learn and of the pattern that was learned from it."""
    for learning in ("learn", "observe, rolling"):
        report = examine(room, (learning, "predict"), at_most=25)
        assert report.holds, report.first


def test_an_import_says_of_a_session_that_is_deleted_meanwhile_that_it_was_there(room: Laboratory) -> None:
    """Not that it has expired according to the file."""
    report = examine(room, ("import", "delete"))
    assert report.extent is not Extent.SAMPLE
    assert report.holds, report.first


def test_a_retry_is_told_of_a_cancel_only_what_it_has_resumed(room: Laboratory) -> None:
    """Not that the job is cancelled, which a cancel after the retry has made it."""
    report = examine(room, ("cancel the job", "retry the job"))
    assert report.extent is not Extent.SAMPLE
    assert report.holds, report.first


@pytest.mark.parametrize(
    "names",
    [
        ("read STM", "learn"),
        pytest.param(("delete", "observe, repeatable"), marks=pytest.mark.exhaustive),
        pytest.param(("import", "delete"), marks=pytest.mark.exhaustive),
    ],
)
def test_the_reduced_search_reaches_every_outcome(room: Laboratory, names: tuple[str, str]) -> None:
    experiment = Experiment(room, [ALL[name] for name in names])

    def outcomes(*, reduced: bool) -> set[tuple[str, str]]:
        found = (experiment.outcome(run) for run in every_run(experiment.begin, reduced=reduced))
        return {(str(sorted(outcome.results.items())), outcome.state) for outcome in found}

    assert outcomes(reduced=True) == outcomes(reduced=False)


Plant = Callable[[pytest.MonkeyPatch], None]


def learns_without_the_lock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(locked_session, "_LOCK", locked_session._LOCK.replace("FOR UPDATE", ""))


def caches_without_the_version(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(cache, "key", lambda session_id, version, view: f"{cache._prefix()}{session_id}:0:{view}")


def reads_the_position_first(patch: pytest.MonkeyPatch) -> None:
    def observe(*, session_id: str, observation: Observation) -> tuple[str, Observed]:
        with transaction.atomic():
            [(node_id, end)] = SESSIONS.execute(
                "SELECT node_id, stm_end FROM sessions_app_session WHERE id = %(id)s", {"id": session_id}
            )
            parameters = {"id": session_id, "end": end + 1, "event": f'["{observation.strings[0]}"]'}
            SESSIONS.execute(
                "INSERT INTO sessions_app_entry (session_id, stream, position, value)"
                " VALUES (%(id)s, 0, %(end)s, %(event)s::json) ON CONFLICT DO NOTHING",
                parameters,
            )
            SESSIONS.execute("UPDATE sessions_app_session SET stm_end = %(end)s WHERE id = %(id)s", parameters)
        return node_id, Observed(observation.unique_id, end + 1, end + 1)

    patch.setattr(sessions_app.operations, "observe", observe)


def claims_a_key_in_a_transaction_of_its_own(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(idempotency, "once", idempotency.once.__wrapped__)  # type: ignore[attr-defined]


def steps_without_a_transaction(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(running, "_step", running._step.__wrapped__)  # type: ignore[attr-defined]


def finishes_a_cancelled_job(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(running, "_ADVANCE", running._ADVANCE.replace("AND state = 'running'", ""))


@pytest.mark.parametrize(
    ("plant", "names", "crashes"),
    [
        (learns_without_the_lock, ("learn", "observe"), False),
        (caches_without_the_version, ("read STM, cached", "observe"), False),
        (reads_the_position_first, ("observe", "observe"), False),
        (claims_a_key_in_a_transaction_of_its_own, ("observe, repeatable", "read exists"), True),
        (steps_without_a_transaction, ("job", "read exists"), True),
        (finishes_a_cancelled_job, ("job", "cancel the job"), False),
    ],
)
def test_a_planted_fault_is_found(
    room: Laboratory, monkeypatch: pytest.MonkeyPatch, plant: Plant, names: tuple[str, str], crashes: bool
) -> None:
    plant(monkeypatch)
    report = examine(room, names, crashes=crashes, until_violated=True)
    assert found_with_a_schedule(report)


def found_with_a_schedule(report: Report) -> bool:
    """The schedule names the statements, in the order in which they were done."""
    first: Any = report.first
    return bool(report.violations and len(first.schedule) >= 2 and first.what)
