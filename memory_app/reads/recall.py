"""Predicting from a node's memory.

What most predictions need of a node is in the index. The rest, emotives of the patterns returned and the affinity of
some symbols, is read when it is needed, so a moment after the index was followed; a learn may commit in between. Its
emotives beside the older frequencies would be a memory that never was, cached under the older version. So those rows
tell whether they are newer than the index, and then it is followed and asked again.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import transaction
from pydantic_core import from_json

from engine.predict import Prediction, predict
from engine.stm import state
from memory_app.index import Followed, NodeVersion, indexes
from memory_app.operations.learning import key_of
from memory_app.stores import PATTERNS

# As in the index's change feed: ids that are still to be given out are left over from another life of the database.
_NEWER = """(changed < pg_snapshot_xmax(pg_current_snapshot())
    AND NOT pg_visible_in_snapshot(changed, %(snapshot)s::pg_snapshot))"""
_EMOTIVES = f"""
    SELECT encode(name, 'hex'), emotives::text, {_NEWER} FROM memory_app_pattern
    WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)s::text[]) AS hex))
      AND emotives::text <> '[]'
"""
_AFFINITY = f"""
    SELECT symbol, value, {_NEWER} FROM memory_app_symbolaffinity
    WHERE memory = %(memory)s AND emotive_key = %(emotive_key)s
"""
_AFFINITY_OF_STATE = f"{_AFFINITY} AND symbol_key = ANY(%(symbol_keys)s::bytea[])"


# Nobody learns while this is held; it waits for learns that are under way.
_HOLD = "SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s FOR UPDATE"

# How often a prediction is begun again because of a learn, before it makes learns wait.
TRIES = 4

Answer = TypeVar("Answer")


class LearnedMeanwhile(Exception):
    """Something that a prediction needs was learned after the index was followed."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What one node knows at one moment: everything that was learned before it was asked for (P5)."""

    followed: Followed

    @property
    def version(self) -> NodeVersion:
        return self.followed.version

    def predict(self, stm: list[list[str]], config: Mapping[str, Any]) -> Prediction:
        """`config`: the session's effective one. Raises LearnedMeanwhile."""
        emotive = config.get("affinity_emotive")
        moment = self.followed.moment
        return predict(
            self.followed.view,
            stm,
            config,
            emotives=self._emotives,
            affinity=self._affinity(stm, emotive) if emotive is not None else None,
            finalized=moment.finalized() if moment else None,
        )

    def _emotives(self, names: list[str]) -> dict[str, list[dict[str, float]]]:
        if not self.followed.has_emotives:
            return {}
        return {name: from_json(emotives) for name, emotives in self._read(_EMOTIVES, names=names)}

    def _affinity(self, stm: list[list[str]], emotive: str) -> dict[str, float]:
        """aff(x, e) of the symbols that the engine asks about: the state's, or for a state of one symbol all."""
        symbols = state(stm)
        rows = self._read(
            _AFFINITY if len(symbols) == 1 else _AFFINITY_OF_STATE,
            emotive_key=key_of(emotive),
            symbol_keys=[key_of(symbol) for symbol in symbols],
        )
        return {symbol: float(value) for symbol, value in rows}

    def _read(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Rows of this memory without their last column, which tells whether they are newer than it."""
        rows = PATTERNS.execute(
            statement, {**parameters, "memory": self.version.memory, "snapshot": self.followed.snapshot}
        )
        if any(row[-1] for row in rows):
            raise LearnedMeanwhile
        return [row[:-1] for row in rows]


def recall(node_id: str, use: Callable[[Memory], Answer]) -> Answer:
    """What `use` makes of the node's memory as it is now. Begins again if what it reads was learned meanwhile."""
    for _ in range(TRIES):
        with suppress(LearnedMeanwhile):
            return use(Memory(indexes.follow(node_id)))
    with transaction.atomic():
        PATTERNS.execute(_HOLD, {"node_id": node_id})
        return use(Memory(indexes.follow(node_id)))
