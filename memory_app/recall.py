"""Predicting from a node's memory."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from engine.predict import Prediction, predict
from engine.stm import state
from katoproject.postgresql.statements import execute
from memory_app.index import Followed, NodeVersion, indexes
from memory_app.learning import key_of

_EMOTIVES = """
    SELECT encode(name, 'hex'), emotives::text FROM memory_app_pattern
    WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)s::text[]) AS hex))
      AND emotives::text <> '[]'
"""
_AFFINITY = (
    "SELECT symbol, value FROM memory_app_symbolaffinity WHERE memory = %(memory)s AND emotive_key = %(emotive_key)s"
)
_AFFINITY_OF_STATE = f"{_AFFINITY} AND symbol_key = ANY(%(symbol_keys)s::bytea[])"


@dataclass(frozen=True, slots=True)
class Memory:
    """What one node knows at one moment: everything that was learned before it was asked for (P5)."""

    followed: Followed

    @property
    def version(self) -> NodeVersion:
        return self.followed.version

    def predict(self, stm: list[list[str]], config: Mapping[str, Any]) -> Prediction:
        """`config`: the session's effective one."""
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
        rows = execute(_EMOTIVES, {"memory": self.version.memory, "names": names})
        return {name: from_json(emotives) for name, emotives in rows}

    def _affinity(self, stm: list[list[str]], emotive: str) -> dict[str, float]:
        """aff(x, e) of the symbols that the engine asks about: the state's, or for a state of one symbol all."""
        symbols = state(stm)
        rows = execute(
            _AFFINITY if len(symbols) == 1 else _AFFINITY_OF_STATE,
            {
                "memory": self.version.memory,
                "emotive_key": key_of(emotive),
                "symbol_keys": [key_of(symbol) for symbol in symbols],
            },
        )
        return {symbol: float(value) for symbol, value in rows}


def recall(node_id: str) -> Memory:
    """The node's memory as it is now."""
    return Memory(indexes.follow(node_id))
