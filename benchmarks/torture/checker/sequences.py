"""What a response says of the events that it observed, one after the other: lengths, times, what was learned."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from benchmarks.torture.checker.report import Judge
from benchmarks.torture.checker.session import LIMIT, Session
from benchmarks.torture.history import Request

_Item = dict[str, Any]


def _responses(session: Session) -> Iterator[tuple[Request, dict[str, Any], dict[str, Any]]]:
    """With what was asked, and what the response says of it; that of a job when it is done."""
    for request in session.requests:
        if request.operation in ("observe", "sequence") and request.status == 200:
            yield request, request.arguments, request.answer
    for job in session.jobs:
        done = job.first_in("done")
        if done is not None and job.observations and isinstance(done.answer.get("result"), dict):
            yield done, job.body, done.answer["result"]


def _items(asked: dict[str, Any], answer: dict[str, Any]) -> list[_Item]:
    return answer.get("results", []) if "observations" in asked else [answer]


def one_by_one(session: Session, judge: Judge) -> None:
    """The STM grows by one event with each observation of a sequence, from the length that it had before to the one
    that it has in the end, and each counts one; unless it is learned, or cleared between, as the request asked."""
    for request, asked, answer in _responses(session):
        if "observations" not in asked or not (items := _items(asked, answer)):
            continue
        judge.compared(len(items))
        wrong = _wrong_length(session, asked, answer, items)
        if wrong is not None:
            judge.violated(wrong, request)
        times = [item["time"] for item in items if "time" in item]
        if any(later != time + 1 for time, later in pairwise(times)):
            judge.violated(f"its observations have the times {times}", request)


def _wrong_length(session: Session, asked: dict[str, Any], answer: dict[str, Any], items: list[_Item]) -> str | None:
    if asked.get("clear_stm_between") or asked.get("learn_after_each") or not all("stm_length" in one for one in items):
        return None
    lengths = [answer["initial_stm_length"]] if "initial_stm_length" in answer else []
    learned = [None] if lengths else []
    lengths += [item["stm_length"] for item in items]
    learned += [item.get("auto_learned_pattern") for item in items]
    for (before, after), pattern in zip(pairwise(lengths), learned[1:], strict=True):
        if pattern is None and 1 not in session.lengths and after != min(before + 1, LIMIT):
            return f"{before} events and one more are {after}"
    final = 0 if asked.get("learn_at_end") else lengths[-1]
    return (
        f"it ends with {answer['final_stm_length']} events" if answer.get("final_stm_length", final) != final else None
    )


def learned_by_itself(session: Session, judge: Judge) -> None:
    """An observation that leaves the STM empty has learned a pattern, and one that has learned leaves it empty, or with
    `max_pattern_length` - 1 events in mode ROLLING. A sequence lists what its observations learned."""
    if not session.lengths or 1 in session.lengths:
        allowed: set[int] = set()
    else:
        allowed = ({0} if session.modes != {"ROLLING"} else set()) | (
            {length - 1 for length in session.lengths} if "ROLLING" in session.modes else set()
        )
    for request, asked, answer in _responses(session):
        if asked.get("learn_after_each"):
            continue
        items = [item for item in _items(asked, answer) if "auto_learned_pattern" in item and "stm_length" in item]
        judge.compared(len(items))
        for item in items:
            learned, length = item["auto_learned_pattern"], item["stm_length"]
            if 1 not in session.lengths and (length not in allowed if learned else length == 0):
                judge.violated(f"{length} events are left, and it learned {learned}", request)
        if len(items) == len(asked.get("observations", ())) and "auto_learned_patterns" in answer:
            names = [item["auto_learned_pattern"] for item in items] + [answer.get("final_learned_pattern")]
            listed = answer["auto_learned_patterns"]
            if [name for name in names if name] != [name for name in listed if name]:
                judge.violated(f"it lists {listed}, its observations learned {names}", request)


RULES = (one_by_one, learned_by_itself)
