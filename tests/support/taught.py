"""Nodes that know many patterns, taught in this process: the fixture `same_database` leads to those of the service."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from engine.lesson import Lesson, prepare_lesson
from memory_app.operations.patterns import Counted, learn


def lesson(*events: str | Sequence[str], **parts: Any) -> Lesson:
    """A text is an event of one symbol."""
    made = prepare_lesson([[event] if isinstance(event, str) else list(event) for event in events], **parts)
    assert made is not None
    return made


def teach(node_id: str, *lessons: Lesson, times: int = 1) -> None:
    """One transaction; it is not known what they have added to affinities, as of files of other programs."""
    with transaction.atomic():
        counted = [Counted(times) for _ in lessons]
        learn(node_id=node_id, lessons=list(lessons), persistence=5, counted=counted)


def learn_each(node_id: str, *lessons: Lesson, persistence: int = 5) -> None:
    """One after the other, as sessions learn: it is known what each adds to affinities."""
    for one in lessons:
        with transaction.atomic():
            learn(node_id=node_id, lessons=[one], persistence=persistence)


def teach_many(node_id: str, count: int) -> list[str]:
    """Patterns `n · common`, in transactions of a thousand; returns their names in the order of learning."""
    lessons = [lesson(f"n{number}", "common", f"of {number % 7}") for number in range(count)]
    for start in range(0, count, 1000):
        teach(node_id, *lessons[start : start + 1000], times=1 + start // 1000)
    return [one.name for one in lessons]
