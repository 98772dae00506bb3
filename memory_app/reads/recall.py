"""Predicting from a node's memory.

Most of what a prediction needs of a node is in the index. The rest (emotives of the patterns returned, the affinity of
some symbols) is read when it is needed, a moment after the index was followed, and a learn may commit in between. Its
emotives beside the older frequencies would be a memory that never existed, cached under the older version. So those
rows say whether they are newer than the index, and the node's row says it for those that a purge has deleted, or the
chore that follows a clear-all; if any is, the index is followed and asked again.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from django.conf import settings
from django.db import transaction
from pydantic_core import from_json

from engine.contracts import Contract, Semantics
from engine.finalize import Finalized
from engine.limits import MEBI, PredictionTooLarge
from engine.predict import Prediction, predict
from engine.ranges import clamped
from engine.stm import state
from engine.stopping import NEVER, Stop
from memory_app.content import NO_MEMORY
from memory_app.errors import PredictionRefused
from memory_app.index import indexes
from memory_app.models import affinity_key
from memory_app.node_index import NodeVersion, NodeView
from memory_app.patience import PREDICTION_SECONDS, Bounded
from memory_app.stores import PATTERNS

_MOST_EMOTIVES = 32 * MEBI
"""Bytes of JSON that the emotives of all predicted patterns may have; ten times as much in memory."""

# As in the index's change feed: ids that are still to be assigned are left over from another life of the database.
_NEWER = """(changed < pg_snapshot_xmax(pg_current_snapshot())
    AND NOT pg_visible_in_snapshot(changed, %(snapshot)s::pg_snapshot))"""
# A node that does not exist yet has no rows that could go.
_ROWS_MAY_BE_GONE = f"""
    UNION ALL SELECT NULL, NULL, true WHERE %(memory)s <> {NO_MEMORY} AND NOT EXISTS (
        SELECT FROM memory_app_node WHERE memory = %(memory)s AND acts_version = %(acts)s)
"""
_EMOTIVES = f"""
    SELECT encode(name, 'hex'), CASE WHEN sum(size) OVER () <= {_MOST_EMOTIVES} THEN emotives::text END, newer
    FROM (
        SELECT name, emotives, octet_length(emotives::text) AS size, {_NEWER} AS newer FROM memory_app_pattern
        WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)s::text[]) AS hex))
          AND emotives::text <> '[]'
    ) AS remembered {_ROWS_MAY_BE_GONE}
"""
_AFFINITY_OF_ALL = f"""
    SELECT symbol, value, {_NEWER} FROM memory_app_symbolaffinity
    WHERE memory = %(memory)s AND emotive_key = %(emotive_key)s
"""
_AFFINITY_OF_STATE = f"{_AFFINITY_OF_ALL} AND symbol_key = ANY(%(symbol_keys)s::bytea[]) {_ROWS_MAY_BE_GONE}"
_AFFINITY = f"{_AFFINITY_OF_ALL} {_ROWS_MAY_BE_GONE}"
# Which patterns there were at the moment of finalize-training. No learn of later can change that.
_EXISTED = f"""
    SELECT encode(name, 'hex'), NULL, false FROM memory_app_pattern
    WHERE memory = %(memory)s AND name = ANY(ARRAY(SELECT decode(hex, 'hex') FROM unnest(%(names)s::text[]) AS hex))
      AND pg_visible_in_snapshot(created, %(finalized)s::pg_snapshot) {_ROWS_MAY_BE_GONE}
"""
# Waits for learns that are under way; later ones wait for the end of this transaction.
_LOCK_NODE = "SELECT memory FROM memory_app_node WHERE node_id = %(node_id)s FOR UPDATE"

# How often a prediction starts again because of a learn, before it makes learns wait.
TRIES = 4

Result = TypeVar("Result")


class LearnedMeanwhile(Exception):
    """Something that a prediction needs was learned after the index was followed."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What one node knows at one moment: everything that was learned before it was asked for (P5).

    `is_held`: nobody can learn before the transaction that asks has ended.
    """

    node: NodeView
    stop: Stop = NEVER
    is_held: bool = False

    @property
    def version(self) -> NodeVersion:
        return self.node.version

    def predict(self, stm: list[list[str]], config: Mapping[str, Any], *, contract: Contract) -> Prediction:
        """`config`: the session's effective configuration. `contract`: whose predictions they are to be.

        Raises LearnedMeanwhile, PredictionRefused, and the reason of `stop`.
        """
        emotive = config.get("affinity_emotive")
        try:
            return predict(
                self.node.view,
                stm,
                config,
                contract=contract,
                emotives=self._emotives,
                affinity=self._affinity(stm, emotive, contract.semantics) if emotive is not None else None,
                finalized=self._finalized(),
                stop=self.stop,
                threads=settings.ENV.prediction_threads,
            )
        except PredictionTooLarge as error:
            raise PredictionRefused(error.setting, str(error)) from error

    def _emotives(self, names: list[str]) -> dict[str, list[dict[str, float]]]:
        if not self.node.has_emotives:
            return {}
        windows = {}
        for name, emotives in self._read(_EMOTIVES, names=names).items():
            self.stop.check()
            if emotives is None:
                raise PredictionTooLarge("max_predictions", "the predicted patterns have too many emotives")
            windows[name] = from_json(emotives)
        return windows

    def _affinity(self, stm: list[list[str]], emotive: str, semantics: Semantics) -> dict[str, float]:
        """aff(x, e) of the symbols that the engine asks about: the state's, or all where one symbol is apart."""
        symbols = state(stm)
        affinity = self._read(
            _AFFINITY if len(symbols) == 1 and semantics.one_symbol_apart else _AFFINITY_OF_STATE,
            emotive_key=affinity_key(emotive),
            symbol_keys=[affinity_key(symbol) for symbol in symbols],
        )
        return {symbol: clamped(float(value)) for symbol, value in affinity.items()}

    def _finalized(self) -> Finalized | None:
        moment = self.node.moment
        if moment is None:
            return None

        def existed(names: list[str]) -> dict[str, Any]:
            return self._read(_EXISTED, names=names, finalized=moment.snapshot)

        return Finalized(statistics=moment.statistics, existed=existed)

    def _read(self, statement: str, **parameters: Any) -> dict[str, Any]:
        """Values of this memory by key, of rows that also say whether they are newer than the index."""
        version = self.version
        moment = {"memory": version.memory, "acts": version.acts, "snapshot": self.node.snapshot}
        rows = PATTERNS.execute(statement, {**parameters, **moment})
        if any(is_newer for _, _, is_newer in rows):
            raise LearnedMeanwhile
        return {key: value for key, value, _ in rows}


def recall(node_id: str, use: Callable[[Memory], Result], *, seconds: float | None = PREDICTION_SECONDS) -> Result:
    """Call `use` with the node's memory as it is now; start again if what it reads was learned meanwhile.

    `use` may raise LearnedMeanwhile, too, where the memory is not held. seconds: how long all of this may take; None:
    any time. Raises PredictionTimedOut, and ClientLeft.
    """
    with Bounded(seconds) as stop:
        for _ in range(TRIES):
            with suppress(LearnedMeanwhile):
                return use(Memory(indexes.follow(node_id, stop), stop))
        with transaction.atomic():
            PATTERNS.execute(_LOCK_NODE, {"node_id": node_id})
            return use(Memory(indexes.follow(node_id, stop), stop, is_held=True))
