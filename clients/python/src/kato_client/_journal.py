"""What a client knows of a session's state from the answers it got: enough to build it again in a new session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kato_client import types

LONGEST_STM = 1000  # events; also the most emotives and metadata that a session keeps


class Journal:
    """The observations whose effects are still in the session: since the last learn or clear.

    `complete` is False where the session holds events of other writers too.
    """

    def __init__(self, config: types.Config | None = None) -> None:
        self.config: dict[str, Any] = dict(config or {})
        self.complete = True
        self._entries: list[types.Observation] = []

    def replay(self) -> list[types.Observation]:
        """What to observe, in order, in an empty session that does not learn by itself."""
        return list(self._entries)

    def configured(self, changes: types.Config) -> None:
        self.config.update(changes)

    def cleared(self) -> None:
        self._entries.clear()
        self.complete = True

    def changed_unseen(self) -> None:
        """A job will change the session, and its answers do not come here."""
        self.complete = False

    def observed(self, observation: types.Observation, answer: types.Observed | types.SequenceItem) -> None:
        """One more observation. The STM being shorter than it would make it tells that something was learned."""
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
        """Only the last `length` events are still in the STM; emotives and metadata of the others stay."""
        too_many = self._events() - length
        for entry in self._entries:
            if too_many <= 0:
                break
            if _has_event(entry):
                entry["strings"], entry["vectors"] = [], []
                too_many -= 1
        self._tidy()

    def _forget_feelings(self) -> None:
        """A pattern took the emotives and metadata with it."""
        for entry in self._entries:
            entry["emotives"], entry["metadata"] = {}, {}

    def _tidy(self) -> None:
        self._entries = [entry for entry in self._entries if _has_event(entry) or _has_feelings(entry)]
        del self._entries[: -2 * LONGEST_STM]


def _has_event(observation: types.Observation) -> bool:
    return bool(observation.get("strings") or observation.get("vectors"))


def _has_feelings(observation: types.Observation) -> bool:
    return bool(observation.get("emotives") or observation.get("metadata"))
