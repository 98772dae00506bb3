"""The races of the old design, which the two servers hid, and the same schedules against this service."""

import uuid

from benchmarks.baseline.learning import INSERTED_AFTER
from benchmarks.investigation.findings import Of, Table
from benchmarks.investigation.schedules import (
    SERVICES,
    Case,
    Explored,
    Processes,
    explore,
    explore_after_the_answer,
)
from katoproject.diagnosis.remote import Answer

# Predictions in advance, each on a new connection, so that every process has had the chance to cache one.
ASKED_BEFORE = 4


def lost_update(processes: Processes) -> Case:
    """R01: two processes observe for one session."""
    session = processes.new_session("before")
    return Case(
        first=lambda: processes.ask_a("POST", f"{session}/observe", {"strings": ["first"]}),
        second=lambda: processes.ask_b("POST", f"{session}/observe", {"strings": ["second"]}),
        is_wrong=lambda first, second: (
            {first.status, second.status} != {200} or sorted(processes.stm(session)) != ["before", "first", "second"]
        ),
    )


def stale_rewrite(processes: Processes) -> Case:
    """R02: a read, which renews the life of the session, and an observation."""
    session = processes.new_session("before")
    processes.make_touch_due(session)
    return Case(
        first=lambda: processes.ask_a("GET", f"{session}/stm"),
        second=lambda: processes.ask_b("POST", f"{session}/observe", {"strings": ["second"]}),
        is_wrong=lambda _, observed: observed.status != 200 or processes.stm(session) != ["before", "second"],
    )


def resurrection(processes: Processes) -> Case:
    """R08: an observation and the deletion of its session."""
    session = processes.new_session("before")

    def is_wrong(observed: Answer, deleted: Answer) -> bool:
        lives = processes.ask_b("GET", f"{session}/exists").body["exists"]
        return deleted.status != 200 or lives or observed.status not in (200, 404)

    return Case(
        first=lambda: processes.ask_a("POST", f"{session}/observe", {"strings": ["first"]}),
        second=lambda: processes.ask_b("DELETE", session),
        is_wrong=is_wrong,
    )


def missed_pattern(processes: Processes) -> Case:
    """D03: a prediction after an acknowledged learn does not show the pattern."""
    node = uuid.uuid4().hex
    teacher = processes.new_session("kettle", "water", "tea", node=node)
    asker = processes.new_session("kettle", "water", node=node)
    for _ in range(ASKED_BEFORE):
        processes.ask_b("GET", f"{asker}/predictions")
    return Case(
        first=lambda: processes.ask_a("POST", f"{teacher}/learn"),
        second=lambda: processes.ask_b("GET", f"{asker}/predictions"),
        is_wrong=lambda learned, predicted: (
            {learned.status, predicted.status} != {200} or not predicted.body["predictions"]
        ),
    )


def explored(old: Processes, old_of_that_day: Processes, ours: Processes) -> Table:
    table = Table("races", SERVICES)
    for what, race, baseline in (
        ("observe in A while B observes the same session", lost_update, old),
        ("read in A while B observes", stale_rewrite, old_of_that_day),
        ("observe in A while B deletes the session", resurrection, old),
    ):
        _compare(table, what, explore(baseline, race), explore(ours, race))
    work = 2 * INSERTED_AFTER
    learned = [explore_after_the_answer(one, missed_pattern, work=work) for one in (old, ours)]
    _compare(table, "learn in A; when it is acknowledged, predict in B", *learned)
    return table


def _compare(table: Table, what: str, old: Explored, ours: Explored) -> None:
    table.compare(
        what,
        Of("wrong at some stop", old.text, any(old.wrong)),
        Of("right at every stop", ours.text, bool(ours.stops) and not any(ours.wrong)),
    )
