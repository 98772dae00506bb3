"""Predictions of a node for an STM.

    prediction = predict(index, stm, config, emotives=fetch_windows, affinity=…, finalized=…)
    prediction.predictions         # list of dicts, fields and their order as in engine.md 5.10
    prediction.future_potentials   # list of dicts (5.8)

config: the session's effective configuration; keys of other concerns are ignored.
emotives: called once with the names of the patterns to be returned, best first, if there are any; answers the stored
    emotives windows by name. A name it leaves out has no emotives.
affinity: aff(x, e) by symbol for the configured `affinity_emotive`, None if the session has none. An emotive never
    learned is an empty mapping. For a state of two or more symbols only the entries of the state's symbols are looked
    at; for a one-symbol state those of all symbols of the patterns.
finalized: what the last finalize-training left, None if there was none since the last clear-all. `Finalized` says what
    has to be stored: V of that moment once for the node, and one number for every pattern there was.

`warm()` compiles or loads all kernels. Call it once per process before the first request, with NUMBA_CACHE_DIR set
before `engine` is imported.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from engine.index import Index
from engine.options import Options
from engine.plain import predict as plain
from engine.plain.knowledge import Knowledge, Pattern
from engine.stm import Stm

EmotivesOf = Callable[[list[str]], Mapping[str, list[dict[str, float]]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finalized:
    """The state that finalize-training leaves (4.4): entropy and tf of a pattern never change, so they are not stored.

    symbol_count: V at that moment.
    global_normalized_entropy: called with the names of the ensemble; answers the stored value of those patterns that
        existed at that moment. A name it leaves out was learned later: its metrics are computed on the fly.
    """

    symbol_count: int
    global_normalized_entropy: Callable[[list[str]], Mapping[str, float]]


class Prediction(NamedTuple):
    predictions: list[dict[str, Any]]
    future_potentials: list[dict[str, Any]]


def predict(
    index: Index,
    stm: Stm,
    config: Mapping[str, Any],
    *,
    emotives: EmotivesOf,
    affinity: Mapping[str, float] | None = None,
    finalized: Finalized | None = None,
) -> Prediction:
    """The predictions for `stm`, best first. Raises ValueError for an unknown filter or rank field."""
    names = list(index.knowledge().patterns)
    windows = emotives(names)
    patterns = index.knowledge().patterns.values()
    knowledge = Knowledge(
        Pattern(name=p.name, events=p.events, frequency=p.frequency, emotives=windows.get(p.name, [])) for p in patterns
    )
    return Prediction(*plain.predict(knowledge, stm, Options.from_config(config), affinity=affinity))


def warm() -> None:
    """Compile or load every kernel (seconds without a disk cache, a fraction of one with it)."""
