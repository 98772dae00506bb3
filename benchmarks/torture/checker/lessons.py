"""What the sessions and jobs of a node learned, or may have learned."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.torture.checker.acts import Act
from benchmarks.torture.checker.alone import Content, Moment, content_of, is_learned
from benchmarks.torture.checker.background import Job
from benchmarks.torture.checker.session import Session
from benchmarks.torture.history import Request


@dataclass(frozen=True, slots=True)
class Lesson:
    """One pattern, learned once at some moment of an interval."""

    request: Request
    start: float
    end: float
    sure: bool
    name: str | None
    """Without the prefix. None: no response says it."""
    content: Content | None
    """None: it depends on the order of concurrent requests."""
    words: frozenset[str] = frozenset()
    """If neither is known: the symbols of which it consists."""
    ending: Content = ()
    """If neither is known: the events with which it ends."""

    def may_be(self, content: Content) -> bool:
        ends = not self.ending or content[-len(self.ending) :] == self.ending
        return ends and all(symbol in self.words for event in content for symbol in event)


def bare(name: str) -> str:
    return name.removeprefix("PTRN|")


def _names(answer: Any) -> list[str]:
    """The patterns that a response says were learned."""
    if not isinstance(answer, dict):
        return []
    answer = answer.get("result") or answer  # of a job
    if "auto_learned_patterns" in answer:
        found = answer["auto_learned_patterns"]
    else:
        found = [answer.get("pattern_name"), answer.get("auto_learned_pattern"), answer.get("final_learned_pattern")]
    return [bare(name) for name in found if name]


def _may_learn(session: Session, act: Act) -> int:
    """How many patterns it may have learned."""
    asked = act.asked.arguments
    match act.asked.operation:
        case "learn":
            return 1
        case "observe":
            return int(bool(session.lengths))
        case "sequence" | "submit":
            number = len(asked.get("observations", []))
            automatic = number if session.lengths else 0
            return automatic + (number if asked.get("learn_after_each") else 0) + bool(asked.get("learn_at_end"))
    return 0


def _words(act: Act) -> Iterator[str]:
    asked = act.asked.arguments
    for observation in asked.get("observations", [asked] if "strings" in asked else []):
        yield from observation["strings"]


def _ending(session: Session, act: Act) -> Content:
    asked = act.asked.arguments
    whole = asked.get("learn_at_end") and not (session.lengths or asked.get("learn_after_each"))
    return content_of(asked["observations"]) if whole and not asked.get("clear_stm_between") else ()


def of_session(session: Session, moments: Iterable[Moment]) -> Iterator[Lesson]:
    known = {id(moment.request): moment.learned for moment in moments if moment.act is not None}
    words = frozenset(word for act in session.acts if not act.refused for word in _words(act))
    effects = {id(job.act): job.effect for job in session.jobs}
    for accepted in session.acts:
        act = effects.get(id(accepted), accepted)
        if act.refused:
            continue
        contents = known.get(id(act.told))
        if act.answered is not None:
            names = _names(act.answered.answer)
            told = contents if contents is not None and len(contents) == len(names) else [None] * len(names)
            for name, content in zip(names, told, strict=True):
                yield Lesson(act.told, act.start, act.end, True, name, content)
        elif contents is not None:
            for content in contents:
                yield Lesson(act.told, act.start, math.inf, False, None, content)
        else:
            for _ in range(_may_learn(session, accepted)):
                yield Lesson(act.told, act.start, math.inf, False, None, None, words, _ending(session, accepted))


def of_training(jobs: Iterable[Job]) -> Iterator[Lesson]:
    for job in jobs:
        if job.act.refused:
            continue
        done = job.first_in("done")
        for sequence in job.sequences:
            content = content_of(sequence)
            if is_learned(content):
                end = done.end if done is not None else math.inf
                yield Lesson(job.act.told, job.act.start, end, done is not None, None, content)
