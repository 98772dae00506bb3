"""Every operation of the API, one method each. `Kato` and `AsyncKato` have the first class's, sessions the second's."""

from collections.abc import Mapping, Sequence
from typing import Any

from kato_client import types
from kato_client._call import Call, given, route
from kato_client._journal import Journal


class ServiceOperations:
    """What is asked of the service, and of nodes by their id. Without `node_id`: the node `default_node`."""

    @route("GET", "/")
    def root(self) -> Call[types.Root]:
        """Name, version, uptime."""
        return Call()

    @route("GET", "/health")
    def health(self) -> Call[types.Health]:
        """Does the process live? Answers whatever the stores do."""
        return Call()

    @route("GET", "/health/ready")
    def ready(self) -> Call[types.Ready]:
        """Can the service do its work? `ready` is False, with the reason in `parts`, where it cannot."""
        return Call(also_fine=(503,))

    @route("GET", "/status")
    def status(self) -> Call[types.Status]:
        """Sessions and nodes in use."""
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
        """Create a session; `session()` does this and gives you its operations."""
        return Call(body={"node_id": node_id, **given(config=config, metadata=metadata, ttl_seconds=ttl_seconds)})

    @route("GET", "/sessions")
    def list_sessions(self, *, node_id: str | None = None, skip: int = 0, limit: int = 100) -> Call[types.SessionPage]:
        """Living sessions, newest first."""
        return Call(query={"skip": skip, "limit": limit, **given(node_id=node_id)})

    @route("GET", "/sessions/count")
    def session_count(self) -> Call[types.SessionCount]:
        """How many sessions live."""
        return Call()

    @route("GET", "/sessions/test/{test_id}")
    def routing_test(self, test_id: str) -> Call[types.RoutingTest]:
        """Answers what it is asked."""
        return Call(path={"test_id": test_id})

    @route("GET", "/pattern/{pattern_id}")
    def pattern(self, pattern_id: str, *, node_id: str | None = None) -> Call[types.PatternAnswer]:
        """One pattern by its name, with or without `PTRN|`. An unknown one is an answer with status `error`."""
        return Call(path={"pattern_id": pattern_id}, query=given(node_id=node_id))

    @route("GET", "/patterns/count")
    def pattern_count(self, *, node_id: str | None = None) -> Call[types.PatternCount]:
        """How many patterns a node knows."""
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
    def symbol_affinities(self, *, node_id: str | None = None) -> Call[types.Affinities]:
        """Which emotives every symbol was learned with, summed."""
        return Call(query=given(node_id=node_id))

    @route("GET", "/symbols/stats")
    def symbol_statistics(self, *, node_id: str | None = None) -> Call[types.Symbols]:
        """How often every symbol was learned, and in how many patterns it is."""
        return Call(query=given(node_id=node_id))

    @route("GET", "/symbols/{symbol}/affinity")
    def symbol_affinity(self, symbol: str, *, node_id: str | None = None) -> Call[types.Affinity]:
        """The affinity of one symbol; empty for an unknown one."""
        return Call(path={"symbol": symbol}, query=given(node_id=node_id))

    @route("POST", "/jobs")
    def train(
        self,
        node_id: str,
        sequences: Sequence[Sequence[Sequence[str] | types.Observation]],
        *,
        config: types.Config | None = None,
    ) -> Call[types.Job]:
        """Let a node learn many sequences in the background; `wait_for_job` tells when that is done.

        Each is a list of events; an event is a list of symbols, or an observation with emotives and metadata.
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
        """Background jobs, the last accepted first."""
        return Call(query={"skip": skip, "limit": limit, **given(state=state, kind=kind, node_id=node_id)})

    @route("GET", "/jobs/{job_id}")
    def job(self, job_id: str) -> Call[types.Job]:
        """A job: its state, its progress, its result."""
        return Call(path={"job_id": job_id})

    @route("DELETE", "/jobs/{job_id}")
    def cancel_job(self, job_id: str) -> Call[types.Job]:
        """Cancel a job that is not finished; what it did stays."""
        return Call(path={"job_id": job_id})

    @route("POST", "/jobs/{job_id}/retry")
    def retry_job(self, job_id: str) -> Call[types.Job]:
        """Take up a failed or cancelled job where it stopped."""
        return Call(path={"job_id": job_id})

    @route("GET", "/metrics")
    def metrics(self) -> Call[types.Metrics]:
        """Requests, rates, resources: the numbers of now, as JSON."""
        return Call()

    @route("GET", "/metrics/{metric_name}")
    def metric_history(self, metric_name: str, *, minutes: int = 10) -> Call[types.MetricHistory]:
        """One number over time. 404 (`ApiError`) where there is no data."""
        return Call(path={"metric_name": metric_name}, query={"minutes": minutes})

    @route("GET", "/metrics-prom")
    def prometheus_metrics(self) -> Call[str]:
        """The metrics in Prometheus's text format."""
        return Call(text=True)

    @route("GET", "/stats")
    def stats(self, *, minutes: int = 10) -> Call[types.Stats]:
        """All numbers over time."""
        return Call(query={"minutes": minutes})

    @route("GET", "/concurrency")
    def concurrency(self) -> Call[types.Concurrency]:
        """Requests under way, and how many there may be."""
        return Call()

    @route("GET", "/cache/stats")
    def cache_stats(self) -> Call[types.CacheStats]:
        """How well the cache does."""
        return Call()

    @route("POST", "/cache/invalidate")
    def invalidate_cache(self, *, session_id: str | None = None) -> Call[types.CacheInvalidated]:
        """Let the cache forget."""
        return Call(query=given(session_id=session_id))

    @route("GET", "/distributed-stm/stats")
    def distributed_stm_stats(self) -> Call[types.DistributedStmStats]:
        """A feature of KATO that does nothing here: status `disabled`."""
        return Call()

    @route("GET", "/connection-pools")
    def connection_pools(self) -> Call[types.ConnectionPools]:
        """The stores and the connections to them."""
        return Call()


class SessionOperations:
    """What is asked of one session. All raise SessionNotFound where it is gone."""

    @route("GET", "/sessions/{session_id}")
    def info(self) -> Call[types.SessionInfo]:
        """The session; asking extends its life, as every access does."""
        return Call()

    @route("DELETE", "/sessions/{session_id}")
    def delete(self) -> Call[types.Deleted]:
        """Delete the session. What its node learned stays."""
        return Call()

    @route("GET", "/sessions/{session_id}/exists")
    def exists(self) -> Call[types.Existence]:
        """Whether the session lives; does not extend its life."""
        return Call()

    @route("GET", "/sessions/{session_id}/config")
    def config(self) -> Call[types.SessionConfig]:
        """The configuration in force."""
        return Call()

    @route("POST", "/sessions/{session_id}/config")
    def update_config(self, config: types.Config) -> Call[types.ConfigUpdated]:
        """Change settings; all of them or none."""
        return Call(body={"config": config}, remember=lambda journal, _: journal.configured(config))

    @route("POST", "/sessions/{session_id}/extend")
    def extend(self, ttl_seconds: int = 3600) -> Call[types.Extended]:
        """Let the session live so many seconds from now."""
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
        """Append one event to the STM; without strings and vectors, only its emotives and metadata."""
        if isinstance(strings, str):
            raise TypeError('strings is a list of symbols: ["text"], not "text"')
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
        """Observe many events in one request: all of them or, where one is wrong, none."""
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
        """`observe_sequence` in the background; `wait_for_job` tells when it is done."""
        return Call(
            query={"mode": "async"},
            body=_sequence(observations, learn_after_each, learn_at_end, clear_stm_between),
            remember=lambda journal, _: journal.changed_unseen(),
        )

    @route("GET", "/sessions/{session_id}/stm")
    def stm(self) -> Call[types.Stm]:
        """The events observed since the last learn or clear."""
        return Call()

    @route("POST", "/sessions/{session_id}/learn")
    def learn(self) -> Call[types.Learned]:
        """Learn the STM as a pattern of the node, and empty it. Raises EmptyStm."""
        return Call(remember=lambda journal, _: journal.cleared())

    @route("POST", "/sessions/{session_id}/finalize-training")
    def finalize_training(self) -> Call[types.TrainingFinalized]:
        """Keep the node's statistics of this moment for the predictions that follow."""
        return Call()

    @route("POST", "/sessions/{session_id}/finalize-training")
    def start_finalize_training(self) -> Call[types.Job]:
        """`finalize_training` in the background; `wait_for_job` tells when it is done."""
        return Call(query={"mode": "async"})

    @route("POST", "/sessions/{session_id}/clear-stm")
    def clear_stm(self) -> Call[types.Cleared]:
        """Empty the STM and what goes with it."""
        return Call(remember=lambda journal, _: journal.cleared())

    @route("POST", "/sessions/{session_id}/clear-all")
    def clear_all(self) -> Call[types.AllCleared]:
        """Empty the session **and let its node forget everything it learned**."""
        return Call(remember=lambda journal, _: journal.cleared())

    @route("GET", "/sessions/{session_id}/predictions")
    def predictions(self) -> Call[types.Predictions]:
        """Which learned patterns match the STM, best first."""
        return Call()

    @route("GET", "/sessions/{session_id}/percept-data")
    def percept_data(self) -> Call[types.PerceptData]:
        """The last observation."""
        return Call()

    @route("GET", "/sessions/{session_id}/cognition-data")
    def cognition_data(self) -> Call[types.CognitionData]:
        """The STM, and the predictions of the last observation."""
        return Call()


def _sequence(
    observations: Sequence[types.Observation], learn_after_each: bool, learn_at_end: bool, clear_stm_between: bool
) -> dict[str, Any]:
    return {
        "observations": list(observations),
        "learn_after_each": learn_after_each,
        "learn_at_end": learn_at_end,
        "clear_stm_between": clear_stm_between,
    }
