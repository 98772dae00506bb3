"""The checker: every rule over one recorded history."""

from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from benchmarks.torture.checker import (
    alone,
    configuration,
    events,
    idempotency,
    jobs,
    lifetimes,
    memory,
    predictions,
    retirement,
    sequences,
    sessions,
    stm_order,
    stm_times,
    stm_windows,
)
from benchmarks.torture.checker.acts import WRITES, Outcome, outcome_of
from benchmarks.torture.checker.answers import Answers
from benchmarks.torture.checker.events import Strangers
from benchmarks.torture.checker.jobs import Jobs
from benchmarks.torture.checker.node import Node
from benchmarks.torture.checker.report import Judge, Report
from benchmarks.torture.checker.session import Session
from benchmarks.torture.checker.sorting import Sorted, groups, sort
from benchmarks.torture.checker.stm_order import Stm
from benchmarks.torture.history import Event, Fault, Request

UNIQUE_RULES = (*stm_order.RULES, *stm_windows.RULES, stm_times.consecutive, jobs.in_turn)
SESSION_RULES = (
    *sessions.RULES,
    *lifetimes.RULES,
    *configuration.RULES,
    *sequences.RULES,
    *events.RULES,
    *alone.RULES,
)

Subject = TypeVar("Subject")
Rule = Callable[[Subject, Judge], None]


def _apply(rules: Iterable[Rule[Subject]], subject: Subject, report: Report) -> None:
    for rule in rules:
        rule(subject, Judge.of(rule, report))


def _count(request: Request, report: Report) -> None:
    report.requests += 1
    outcome = outcome_of(request)
    if request.operation not in WRITES:
        report.reads += outcome is Outcome.DONE
    elif outcome is Outcome.DONE:
        report.acknowledged += 1
    else:
        report.ambiguous += outcome is Outcome.UNKNOWN


def _sort(path: Path, folder: Path, report: Report, *, slowest: float) -> Sorted:
    answers = Answers(report, slowest=slowest)
    result = Sorted()
    for item in sort(path, folder):
        if isinstance(item, Sorted):
            result = item
        else:
            _count(item, report)
            answers.judge(item)
    return result


def _judge_session(session: Session, report: Report) -> None:
    stm = Stm(session)
    _apply((stm_times.counted,), stm, report)
    if not session.words:
        _apply(UNIQUE_RULES, stm, report)
    _apply(SESSION_RULES, session, report)
    _apply(jobs.RULES, Jobs(session.jobs, session.faults), report)
    _apply(idempotency.RULES, [request for request in session.requests if request.operation != "create"], report)


def _judge_node(node: Node, faults: list[Fault], report: Report) -> None:
    _apply(memory.OF_WORDS if node.words else memory.OF_UNIQUE, node, report)
    _apply(predictions.RULES, node, report)
    _apply(retirement.RULES, node, report)
    _apply(events.OF_A_NODE, node, report)
    _apply(jobs.RULES, Jobs(node.training, faults), report)
    _apply(idempotency.RULES, node.own, report)


def check(path: Path, *, slowest: float) -> Report:
    """Judge a history. A request that takes longer than `slowest` seconds is a violation.

    Time grows with n log n. Memory holds the entries of the largest session, and of the largest node; the disk, for the
    time of the call, a copy of the history. Raises NoHistory, and OSError, for what cannot be read.
    """
    report = Report()
    with TemporaryDirectory(dir=path.parent) as folder:
        found = _sort(path, Path(folder), report, slowest=slowest)
        strangers = Strangers([], [])
        for file in found.sessions:
            for name, entries in groups(file):
                heard = [entry for entry in entries if isinstance(entry, Event)]
                if len(heard) == len(entries):
                    strangers.events.append(heard)
                else:
                    _judge_session(Session.of(name, entries, found.listening, found.faults), report)
        for file in found.nodes:
            for name, entries in groups(file):
                node = Node.of(name, entries)
                strangers.creations.extend(node.open_creations)
                _judge_node(node, found.faults, report)
        _apply((events.someone_created,), strangers, report)
    return report
