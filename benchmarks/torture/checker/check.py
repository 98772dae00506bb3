"""The checker: every rule over one recorded history."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.torture.checker import stm_order, stm_times, stm_windows
from benchmarks.torture.checker.acts import WRITES, Outcome, outcome_of
from benchmarks.torture.checker.answers import Answers
from benchmarks.torture.checker.report import Judge, Report
from benchmarks.torture.checker.session import Session
from benchmarks.torture.checker.sorting import Sorted, groups, sort
from benchmarks.torture.checker.stm_order import Stm
from benchmarks.torture.history import Request

STM_RULES = (*stm_order.RULES, *stm_windows.RULES, *stm_times.RULES)


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


def _judge_sessions(sessions: Iterable[Session], report: Report) -> None:
    stm_judges = [(rule, Judge.of(rule, report)) for rule in STM_RULES]
    for session in sessions:
        if not session.words:
            stm = Stm(session)
            for rule, judge in stm_judges:
                rule(stm, judge)


def check(path: Path, *, slowest: float) -> Report:
    """Judge a history. A request that takes longer than `slowest` seconds is a violation.

    Time grows with n log n. Memory holds the entries of the largest session, and of the largest node; the disk, for the
    time of the call, a copy of the history.
    """
    report = Report()
    with TemporaryDirectory(dir=path.parent) as folder:
        found = _sort(path, Path(folder), report, slowest=slowest)
        for file in found.sessions:
            _judge_sessions(
                (
                    Session.of(name, entries, found.listening, found.faults)
                    for name, entries in groups(file, by_node=False)
                    if any(isinstance(entry, Request) for entry in entries)
                ),
                report,
            )
    return report
