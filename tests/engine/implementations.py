"""The two implementations of prediction behind one call."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic_core import from_json

from engine.finalize import Finalized, statistics_of
from engine.index import Index
from engine.options import Options
from engine.plain import predict as plain
from engine.plain.knowledge import Knowledge, Pattern, finalize
from engine.predict import Prediction, predict
from engine.view import View


class Question(NamedTuple):
    patterns: list[Pattern]
    stm: list[list[str]]
    config: Mapping[str, Any]
    affinity: Mapping[str, float] | None = None
    finalized_patterns: list[Pattern] | None = None


class Answer(NamedTuple):
    predictions: list[dict[str, Any]]
    future_potentials: list[dict[str, Any]]


def ask_plain(question: Question) -> Answer:
    finalized = None
    if question.finalized_patterns is not None:
        finalized = finalize(Knowledge(question.finalized_patterns))
    options = Options.from_config(question.config)
    knowledge = Knowledge(question.patterns)
    return Answer(*plain.predict(knowledge, question.stm, options, affinity=question.affinity, finalized=finalized))


def ask_fast(question: Question) -> Answer:
    """The same, parsed."""
    answer = predict_fast(question)
    return Answer(from_json(answer.predictions), from_json(answer.future_potentials))


def predict_fast(question: Question) -> Prediction:
    index = Index()
    index.upsert((pattern.name, pattern.events, pattern.frequency) for pattern in question.patterns)
    windows = {pattern.name: pattern.emotives for pattern in question.patterns}
    return predict(
        index.view(),
        question.stm,
        question.config,
        emotives=lambda names: {name: windows[name] for name in names},
        affinity=question.affinity,
        finalized=_finalized(question.finalized_patterns, index.view()),
    )


def _finalized(patterns: list[Pattern] | None, view: View) -> Finalized | None:
    if patterns is None:
        return None
    knowledge = Knowledge(patterns)
    return Finalized(
        statistics=statistics_of(view, knowledge.pattern_count, knowledge.pattern_membership),
        existed=lambda names: [name for name in names if name in knowledge.patterns],
    )


IMPLEMENTATIONS: dict[str, Callable[[Question], Answer]] = {"plain": ask_plain, "fast": ask_fast}
