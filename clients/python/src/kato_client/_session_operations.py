"""Every operation of a session, one method each."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, cast

from kato_client import _given, types
from kato_client._call import Call, given, route
from kato_client._journal import Journal
from kato_client.errors import Unfit
from kato_client.types import AnyPrediction


class SessionOperations(Generic[AnyPrediction]):
    """Operations of one session. All raise SessionNotFound if it is gone."""

    @route("GET", "/sessions/{session_id}")
    def info(self) -> Call[types.SessionInfo]:
        """Return the session; like every access, this extends its life."""
        return Call()

    @route("DELETE", "/sessions/{session_id}")
    def delete(self) -> Call[types.Deleted]:
        """Delete the session. Its node keeps what it has learned."""
        return Call(deleted=lambda names: {"status": "deleted", "session_id": names["session_id"]})

    @route("GET", "/sessions/{session_id}/exists")
    def exists(self) -> Call[types.Existence]:
        """Return whether the session is alive; does not extend its life."""
        return Call()

    @route("GET", "/sessions/{session_id}/config")
    def config(self) -> Call[types.SessionConfig]:
        """Return the configuration in force."""
        return Call()

    @route("POST", "/sessions/{session_id}/config")
    def update_config(self, config: types.Config) -> Call[types.ConfigUpdated]:
        """Change settings: all of them, or none if one is invalid."""
        return Call(body={"config": _given.settings(config)}, remember=lambda journal, _: journal.configured(config))

    @route("POST", "/sessions/{session_id}/extend")
    def extend(self, ttl_seconds: int = 3600) -> Call[types.Extended]:
        """Let the session live for `ttl_seconds` from now."""
        return Call(query={"ttl_seconds": ttl_seconds})

    @route("POST", "/sessions/{session_id}/observe")
    def observe(
        self,
        strings: types.AnyEvent = (),
        *,
        vectors: Sequence[Sequence[float]] = (),
        emotives: Mapping[str, float] | None = None,
        metadata: Mapping[str, Any] | None = None,
        unique_id: str | None = None,
    ) -> Call[types.Observed]:
        """Append one event to the STM; without strings and vectors, add only emotives and metadata.

        strings: a list of symbols; or all of the observation, as in a sequence, and then nothing else.
        """
        parts = given(
            vectors=[list(vector) for vector in vectors] or None,
            emotives=emotives,
            metadata=metadata,
            unique_id=unique_id,
        )
        if isinstance(strings, Mapping) and parts:
            raise Unfit(f"an observation has all its parts: give {', '.join(parts)} in it")
        empty = types.Observation(strings=[], vectors=[], emotives={}, metadata={})
        observation = cast(types.Observation, {**empty, **_given.observation(strings), **parts})

        def remember(journal: Journal, answer: types.Observed) -> None:
            journal.observed(observation, answer)

        return Call(body=observation, remember=remember)

    @route("POST", "/sessions/{session_id}/observe-sequence")
    def observe_sequence(
        self,
        observations: Sequence[types.AnyEvent],
        *,
        learn_after_each: bool = False,
        learn_at_end: bool = False,
        clear_stm_between: bool = False,
    ) -> Call[types.SequenceObserved]:
        """Observe many events in one request: all of them, or none if one is invalid.

        An event is a list of symbols, or an observation with emotives and metadata.
        """
        given_events = _given.observations(observations)
        body = _sequence(given_events, learn_after_each, learn_at_end, clear_stm_between)

        def remember(journal: Journal, answer: types.SequenceObserved) -> None:
            journal.sequence_observed(
                given_events, answer, learn_after_each=learn_after_each, clear_stm_between=clear_stm_between
            )

        return Call(body=body, remember=remember)

    @route("POST", "/sessions/{session_id}/observe-sequence")
    def start_observe_sequence(
        self,
        observations: Sequence[types.AnyEvent],
        *,
        learn_after_each: bool = False,
        learn_at_end: bool = False,
        clear_stm_between: bool = False,
    ) -> Call[types.Job]:
        """Run `observe_sequence` in the background; `wait_for_job` waits until it is done."""
        return Call(
            query={"mode": "async"},
            body=_sequence(_given.observations(observations), learn_after_each, learn_at_end, clear_stm_between),
            remember=lambda journal, _: journal.changed_unseen(),
        )

    @route("GET", "/sessions/{session_id}/stm")
    def stm(self) -> Call[types.Stm]:
        """Return the events observed since the last learn or clear."""
        return Call()

    @route("POST", "/sessions/{session_id}/learn")
    def learn(self) -> Call[types.Learned]:
        """Learn the STM as a pattern of the node, and clear it. Raises EmptyStm and RetiredPattern."""
        return Call(remember=lambda journal, _: journal.cleared())

    @route("POST", "/sessions/{session_id}/finalize-training")
    def finalize_training(self) -> Call[types.TrainingFinalized]:
        """Fix the node's statistics as they are now, for the predictions that follow."""
        return Call()

    @route("POST", "/sessions/{session_id}/finalize-training")
    def start_finalize_training(self) -> Call[types.Job]:
        """Run `finalize_training` in the background; `wait_for_job` waits until it is done."""
        return Call(query={"mode": "async"})

    @route("POST", "/sessions/{session_id}/clear-stm")
    def clear_stm(self) -> Call[types.Cleared]:
        """Clear the STM with its emotives, metadata, vectors and percept."""
        return Call(remember=lambda journal, _: journal.cleared())

    @route("POST", "/sessions/{session_id}/clear-all")
    def clear_all(self) -> Call[types.AllCleared]:
        """Clear the session **and make its node forget everything it has learned**."""
        return Call(remember=lambda journal, _: journal.cleared())

    @route("POST", "/sessions/{session_id}/patterns/retire")
    def retire_patterns(self, pattern_ids: Sequence[str], *, why: str | None = None) -> Call[types.PatternsRetired]:
        """Let the node neither predict nor learn these patterns, until they are un-retired."""
        return Call(body=_acted_on(pattern_ids, why))

    @route("POST", "/sessions/{session_id}/patterns/un-retire")
    def un_retire_patterns(
        self, pattern_ids: Sequence[str], *, why: str | None = None
    ) -> Call[types.PatternsUnRetired]:
        """Let the node predict and learn retired patterns again; what was purged can be learned again."""
        return Call(body=_acted_on(pattern_ids, why))

    @route("POST", "/sessions/{session_id}/patterns/purge")
    def purge_patterns(
        self, pattern_ids: Sequence[str] | None = None, *, max_patterns: int = 1000, why: str | None = None
    ) -> Call[types.PatternsPurged]:
        """Take back all that retired patterns added to the node: of these, or of all that are retired. Irreversible."""
        return Call(body={**_acted_on(pattern_ids, why), "max_patterns": max_patterns})

    @route("GET", "/sessions/{session_id}/predictions")
    def predictions(self) -> Call[types.Predictions[AnyPrediction]]:
        """Return the learned patterns that match the STM, best first."""
        return Call()

    @route("GET", "/sessions/{session_id}/percept-data")
    def percept_data(self) -> Call[types.PerceptData]:
        """Return the last observation."""
        return Call()

    @route("GET", "/sessions/{session_id}/cognition-data")
    def cognition_data(self) -> Call[types.CognitionData[AnyPrediction]]:
        """Return the STM, and the predictions of the last observation."""
        return Call()


def _acted_on(pattern_ids: Sequence[str] | None, why: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {} if pattern_ids is None else {"pattern_ids": list(pattern_ids)}
    return body if why is None else {**body, "why": why}


def _sequence(
    observations: list[types.Observation], learn_after_each: bool, learn_at_end: bool, clear_stm_between: bool
) -> dict[str, Any]:
    return {
        "observations": observations,
        "learn_after_each": learn_after_each,
        "learn_at_end": learn_at_end,
        "clear_stm_between": clear_stm_between,
    }
