"""The state of a session as far as its responses tell it: enough to rebuild it in a new session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kato_client import types

LONGEST_STM = 1000  # events; also the most emotives and metadata that a session keeps


class Journal:
    """The observations whose effects are still in the session: those since the last learn or clear.

    `complete` is False if the session also holds events of other writers.
    """

    def __init__(self, config: types.Config | None = None) -> None:
        self.config: dict[str, Any] = dict(config or {})
        self.complete = True
        self._entries: list[types.Observation] = []

    def replay(self) -> list[types.Observation]:
        """Return what to observe, in order, in an empty session that does not learn by itself."""
        return list(self._entries)

    def configured(self, changes: types.Config) -> None:
        self.config.update(changes)

    def cleared(self) -> None:
        self._entries.clear()
        self.complete = True

    def changed_unseen(self) -> None:
        """Record that a job will change the session; the journal does not see its results."""
        self.complete = False

    def observed(self, observation: types.Observation, answer: types.Observed | types.SequenceItem) -> None:
        """Record one observation. If the STM is shorter than it would be with all entries, the session has learned."""
        self._entries.append({**observation})
        expected = min(self._events(), LONGEST_STM)
        if answer["auto_learned_pattern"] is not None or answer["stm_length"] < expected:
            self._forget_feelings()
        if answer["stm_length"] > expected:
            self.complete = False
        self._keep_events(answer["stm_length"])

    def sequence_observed(
        self,
        observations: Sequence[types.Observation],
        answer: types.SequenceObserved,
        *,
        learn_after_each: bool,
        clear_stm_between: bool,
    ) -> None:
        for position, (observation, item) in enumerate(zip(observations, answer["results"], strict=True)):
            if clear_stm_between and position:
                self._keep_events(0)
            self.observed(observation, item)
            if learn_after_each and _has_event(observation):
                self.cleared()
        if answer["final_learned_pattern"] is not None:
            self.cleared()
        self._keep_events(answer["final_stm_length"])

    def _events(self) -> int:
        return sum(map(_has_event, self._entries))

    def _keep_events(self, length: int) -> None:
        """Keep the last `length` events, which are still in the STM; of the others keep emotives and metadata."""
        too_many = self._events() - length
        for entry in self._entries:
            if too_many <= 0:
                break
            if _has_event(entry):
                entry["strings"], entry["vectors"] = [], []
                too_many -= 1
        self._tidy()

    def _forget_feelings(self) -> None:
        """Drop emotives and metadata: a learned pattern has consumed them."""
        for entry in self._entries:
            entry["emotives"], entry["metadata"] = {}, {}

    def _tidy(self) -> None:
        self._entries = [entry for entry in self._entries if _has_event(entry) or _has_feelings(entry)]
        del self._entries[: -2 * LONGEST_STM]


def _has_event(observation: types.Observation) -> bool:
    return bool(observation.get("strings") or observation.get("vectors"))


def _has_feelings(observation: types.Observation) -> bool:
    return bool(observation.get("emotives") or observation.get("metadata"))
