"""Every operation of the API, one method each: the first class for `Kato` and `AsyncKato`, the second for sessions."""

from collections.abc import Mapping, Sequence
from typing import Any

from kato_client import types
from kato_client._call import Call, given, route
from kato_client._journal import Journal


class ServiceOperations:
    """Operations of the service, and of nodes by their id. Without `node_id`: the node `default_node`."""

    @route("GET", "/")
    def root(self) -> Call[types.Root]:
        """Return name, version and uptime of the service."""
        return Call()

    @route("GET", "/health")
    def health(self) -> Call[types.Health]:
        """Return whether the process is alive; succeeds even if the stores are unavailable."""
        return Call()

    @route("GET", "/health/ready")
    def ready(self) -> Call[types.Ready]:
        """Return whether the service can do its work; if not, `ready` is False and `parts` has the reason."""
        return Call(also_fine=(503,))

    @route("GET", "/status")
    def status(self) -> Call[types.Status]:
        """Return the sessions and nodes in use."""
        return Call()

    @route("POST", "/sessions")
    def create_session(
        self,
        node_id: str,
        *,
        config: types.Config | None = None,
        metadata: Mapping[str, Any] | None = None,
        ttl_seconds: int | None = None,
    ) -> Call[types.SessionInfo]:
        """Create a session. `session()` does the same and returns an object with its operations."""
        return Call(body={"node_id": node_id, **given(config=config, metadata=metadata, ttl_seconds=ttl_seconds)})

    @route("GET", "/sessions")
    def list_sessions(self, *, node_id: str | None = None, skip: int = 0, limit: int = 100) -> Call[types.SessionPage]:
        """Return the live sessions, newest first."""
        return Call(query={"skip": skip, "limit": limit, **given(node_id=node_id)})

    @route("GET", "/sessions/count")
    def session_count(self) -> Call[types.SessionCount]:
        """Return the number of live sessions."""
        return Call()

    @route("GET", "/sessions/test/{test_id}")
    def routing_test(self, test_id: str) -> Call[types.RoutingTest]:
        """Return the given id, to test the routing."""
        return Call(path={"test_id": test_id})

    @route("GET", "/pattern/{pattern_id}")
    def pattern(self, pattern_id: str, *, node_id: str | None = None) -> Call[types.PatternAnswer]:
        """Return a pattern by its name, with or without `PTRN|`. For an unknown name, `status` is `error`."""
        return Call(path={"pattern_id": pattern_id}, query=given(node_id=node_id))

    @route("GET", "/patterns/count")
    def pattern_count(self, *, node_id: str | None = None) -> Call[types.PatternCount]:
        """Return how many patterns a node has learned."""
        return Call(query=given(node_id=node_id))

    @route("GET", "/percept-data")
    def percept_data(self, *, node_id: str | None = None) -> Call[types.NodePercept]:
        """Deprecated, always empty: percepts belong to sessions."""
        return Call(query=given(node_id=node_id))

    @route("GET", "/cognition-data")
    def cognition_data(self, *, node_id: str | None = None) -> Call[types.NodeCognition]:
        """Deprecated, always empty: cognition belongs to sessions."""
        return Call(query=given(node_id=node_id))

    @route("GET", "/symbols/affinity")
    def symbol_affinities(self, *, node_id: str | None = None, after: str | None = None) -> Call[types.Affinities]:
        """Return the emotives that each symbol was learned with, summed. `after`: the `next` of the page before."""
        return Call(query=given(node_id=node_id, after=after))

    @route("GET", "/symbols/stats")
    def symbol_statistics(self, *, node_id: str | None = None, after: str | None = None) -> Call[types.Symbols]:
        """Return how often each symbol was learned, and how many patterns contain it.

        `after`: the `next` of the page before.
        """
        return Call(query=given(node_id=node_id, after=after))

    @route("GET", "/symbols/{symbol}/affinity")
    def symbol_affinity(self, symbol: str, *, node_id: str | None = None) -> Call[types.Affinity]:
        """Return the affinity of one symbol; empty if it is unknown."""
        return Call(path={"symbol": symbol}, query=given(node_id=node_id))

    @route("POST", "/jobs")
    def train(
        self,
        node_id: str,
        sequences: Sequence[Sequence[Sequence[str] | types.Observation]],
        *,
        config: types.Config | None = None,
    ) -> Call[types.Job]:
        """Train a node on many sequences in the background; `wait_for_job` waits until it is done.

        A sequence is a list of events; an event is a list of symbols, or an observation with emotives and metadata.
        """
        return Call(body={"kind": "train", "node_id": node_id, "sequences": sequences, **given(config=config)})

    @route("GET", "/jobs")
    def list_jobs(
        self,
        *,
        state: str | None = None,
        kind: str | None = None,
        node_id: str | None = None,
        skip: int = 0,
        limit: int = 100,
    ) -> Call[types.JobPage]:
        """Return background jobs, the most recent first."""
        return Call(query={"skip": skip, "limit": limit, **given(state=state, kind=kind, node_id=node_id)})

    @route("GET", "/jobs/{job_id}")
    def job(self, job_id: str) -> Call[types.Job]:
        """Return a job with its state, progress and result."""
        return Call(path={"job_id": job_id})

    @route("DELETE", "/jobs/{job_id}")
    def cancel_job(self, job_id: str) -> Call[types.Job]:
        """Cancel an unfinished job; what it has done stays."""
        return Call(path={"job_id": job_id})

    @route("POST", "/jobs/{job_id}/retry")
    def retry_job(self, job_id: str) -> Call[types.Job]:
        """Resume a failed or cancelled job where it stopped."""
        return Call(path={"job_id": job_id})

    @route("GET", "/metrics")
    def metrics(self) -> Call[types.Metrics]:
        """Return the current numbers as JSON: requests, rates, resources."""
        return Call()

    @route("GET", "/metrics/{metric_name}")
    def metric_history(self, metric_name: str, *, minutes: int = 10) -> Call[types.MetricHistory]:
        """Return one number over time. Raises ApiError (404) if there is no data."""
        return Call(path={"metric_name": metric_name}, query={"minutes": minutes})

    @route("GET", "/metrics-prom")
    def prometheus_metrics(self) -> Call[str]:
        """Return the metrics in Prometheus's text format."""
        return Call(text=True)

    @route("GET", "/stats")
    def stats(self, *, minutes: int = 10) -> Call[types.Stats]:
        """Return all numbers over time."""
        return Call(query={"minutes": minutes})

    @route("GET", "/concurrency")
    def concurrency(self) -> Call[types.Concurrency]:
        """Return the requests in progress, and their limits."""
        return Call()

    @route("GET", "/cache/stats")
    def cache_stats(self) -> Call[types.CacheStats]:
        """Return hits, misses and state of the cache."""
        return Call()

    @route("POST", "/cache/invalidate")
    def invalidate_cache(self, *, session_id: str | None = None) -> Call[types.CacheInvalidated]:
        """Drop the cached entries of a session, or of all sessions."""
        return Call(query=given(session_id=session_id))

    @route("GET", "/distributed-stm/stats")
    def distributed_stm_stats(self) -> Call[types.DistributedStmStats]:
        """Return status `disabled`: this feature of KATO does not exist here."""
        return Call()

    @route("GET", "/connection-pools")
    def connection_pools(self) -> Call[types.ConnectionPools]:
        """Return the stores and the connections to them."""
        return Call()


class SessionOperations:
    """Operations of one session. All raise SessionNotFound if it is gone."""

    @route("GET", "/sessions/{session_id}")
    def info(self) -> Call[types.SessionInfo]:
        """Return the session; like every access, this extends its life."""
        return Call()

    @route("DELETE", "/sessions/{session_id}")
    def delete(self) -> Call[types.Deleted]:
        """Delete the session. Its node keeps what it has learned."""
        return Call()

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
        return Call(body={"config": config}, remember=lambda journal, _: journal.configured(config))

    @route("POST", "/sessions/{session_id}/extend")
    def extend(self, ttl_seconds: int = 3600) -> Call[types.Extended]:
        """Let the session live for `ttl_seconds` from now."""
        return Call(query={"ttl_seconds": ttl_seconds})

    @route("POST", "/sessions/{session_id}/observe")
    def observe(
        self,
        strings: Sequence[str] = (),
        *,
        vectors: Sequence[Sequence[float]] = (),
        emotives: Mapping[str, float] | None = None,
        metadata: Mapping[str, Any] | None = None,
        unique_id: str | None = None,
    ) -> Call[types.Observed]:
        """Append one event to the STM; without strings and vectors, add only emotives and metadata."""
        if isinstance(strings, str):
            raise TypeError('strings must be a list of symbols: ["text"], not "text"')
        observation = types.Observation(
            strings=list(strings),
            vectors=[list(vector) for vector in vectors],
            emotives=emotives or {},
            metadata=metadata or {},
        )
        if unique_id is not None:
            observation["unique_id"] = unique_id

        def remember(journal: Journal, answer: types.Observed) -> None:
            journal.observed(observation, answer)

        return Call(body=observation, remember=remember)

    @route("POST", "/sessions/{session_id}/observe-sequence")
    def observe_sequence(
        self,
        observations: Sequence[types.Observation],
        *,
        learn_after_each: bool = False,
        learn_at_end: bool = False,
        clear_stm_between: bool = False,
    ) -> Call[types.SequenceObserved]:
        """Observe many events in one request: all of them, or none if one is invalid."""
        body = _sequence(observations, learn_after_each, learn_at_end, clear_stm_between)

        def remember(journal: Journal, answer: types.SequenceObserved) -> None:
            journal.sequence_observed(
                observations, answer, learn_after_each=learn_after_each, clear_stm_between=clear_stm_between
            )

        return Call(body=body, remember=remember)

    @route("POST", "/sessions/{session_id}/observe-sequence")
    def start_observe_sequence(
        self,
        observations: Sequence[types.Observation],
        *,
        learn_after_each: bool = False,
        learn_at_end: bool = False,
        clear_stm_between: bool = False,
    ) -> Call[types.Job]:
        """Run `observe_sequence` in the background; `wait_for_job` waits until it is done."""
        return Call(
            query={"mode": "async"},
            body=_sequence(observations, learn_after_each, learn_at_end, clear_stm_between),
            remember=lambda journal, _: journal.changed_unseen(),
        )

    @route("GET", "/sessions/{session_id}/stm")
    def stm(self) -> Call[types.Stm]:
        """Return the events observed since the last learn or clear."""
        return Call()

    @route("POST", "/sessions/{session_id}/learn")
    def learn(self) -> Call[types.Learned]:
        """Learn the STM as a pattern of the node, and clear it. Raises EmptyStm."""
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
        """Let the node predict and learn retired patterns again; what was purged can be learned anew."""
        return Call(body=_acted_on(pattern_ids, why))

    @route("POST", "/sessions/{session_id}/patterns/purge")
    def purge_patterns(
        self, pattern_ids: Sequence[str] | None = None, *, max_patterns: int = 1000, why: str | None = None
    ) -> Call[types.PatternsPurged]:
        """Take back all that retired patterns added to the node: of these, or of all that are retired. Irreversible."""
        return Call(body={**_acted_on(pattern_ids, why), "max_patterns": max_patterns})

    @route("GET", "/sessions/{session_id}/predictions")
    def predictions(self) -> Call[types.Predictions]:
        """Return the learned patterns that match the STM, best first."""
        return Call()

    @route("GET", "/sessions/{session_id}/percept-data")
    def percept_data(self) -> Call[types.PerceptData]:
        """Return the last observation."""
        return Call()

    @route("GET", "/sessions/{session_id}/cognition-data")
    def cognition_data(self) -> Call[types.CognitionData]:
        """Return the STM, and the predictions of the last observation."""
        return Call()


def _acted_on(pattern_ids: Sequence[str] | None, why: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {} if pattern_ids is None else {"pattern_ids": list(pattern_ids)}
    return body if why is None else {**body, "why": why}


def _sequence(
    observations: Sequence[types.Observation], learn_after_each: bool, learn_at_end: bool, clear_stm_between: bool
) -> dict[str, Any]:
    return {
        "observations": list(observations),
        "learn_after_each": learn_after_each,
        "learn_at_end": learn_at_end,
        "clear_stm_between": clear_stm_between,
    }
