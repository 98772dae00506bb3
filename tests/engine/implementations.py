"""The two implementations of prediction, called in the same way."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic_core import from_json

from engine.contracts import KATO_3_10, Contract
from engine.finalize import Finalized, statistics_of
from engine.index import Index
from engine.options import Options
from engine.plain import predict as plain
from engine.plain.knowledge import Knowledge, Pattern, finalize
from engine.predict import Prediction, predict
from engine.view import View


class Inputs(NamedTuple):
    """A node and a prediction to make.

    finalized_patterns: those of the last finalize-training, if there was one.
    """

    patterns: list[Pattern]
    stm: list[list[str]]
    config: Mapping[str, Any]
    affinity: Mapping[str, float] | None = None
    finalized_patterns: list[Pattern] | None = None
    contract: Contract = KATO_3_10


class Outcome(NamedTuple):
    """The two JSON arrays of a prediction, parsed."""

    predictions: list[dict[str, Any]]
    future_potentials: list[dict[str, Any]]


def predict_plain(inputs: Inputs) -> Outcome:
    finalized = None
    if inputs.finalized_patterns is not None:
        finalized = finalize(Knowledge(inputs.finalized_patterns))
    options = Options.from_config(inputs.config)
    knowledge = Knowledge(inputs.patterns)
    return Outcome(
        *plain.predict(
            knowledge,
            inputs.stm,
            options,
            contract=inputs.contract,
            affinity=inputs.affinity,
            finalized=finalized,
        )
    )


def predict_parsed(inputs: Inputs) -> Outcome:
    """What the fast implementation returns, parsed."""
    prediction = predict_fast(inputs)
    return Outcome(from_json(prediction.predictions), from_json(prediction.future_potentials))


def predict_fast(inputs: Inputs, *, threads: int = 1) -> Prediction:
    """What the fast implementation returns."""
    index = Index()
    index.upsert((pattern.name, pattern.events, pattern.frequency) for pattern in inputs.patterns)
    index.retire(pattern.name for pattern in inputs.patterns if pattern.retired)
    windows = {pattern.name: pattern.emotives for pattern in inputs.patterns}
    return predict(
        index.view(),
        inputs.stm,
        inputs.config,
        contract=inputs.contract,
        emotives=lambda names: {name: windows[name] for name in names},
        affinity=inputs.affinity,
        finalized=_finalized(inputs.finalized_patterns, index.view()),
        threads=threads,
    )


def _finalized(patterns: list[Pattern] | None, view: View) -> Finalized | None:
    if patterns is None:
        return None
    knowledge = Knowledge(patterns)
    return Finalized(
        statistics=statistics_of(view, knowledge.pattern_count, knowledge.pattern_membership),
        existed=lambda names: [name for name in names if name in knowledge.patterns],
    )


IMPLEMENTATIONS: dict[str, Callable[[Inputs], Outcome]] = {"plain": predict_plain, "fast": predict_parsed}
