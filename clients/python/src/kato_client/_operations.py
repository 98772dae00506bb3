"""Every operation of the service and of nodes, one method each; `_session_operations.py` has those of sessions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from kato_client import _given, types
from kato_client._call import Call, given, listing, route


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
        config = config and _given.settings(config)
        return Call(body={"node_id": node_id, **given(config=config, metadata=metadata, ttl_seconds=ttl_seconds)})

    @route("GET", "/sessions")
    def list_sessions(
        self, *, node_id: str | None = None, after: str | None = None, skip: int = 0, limit: int = 100
    ) -> Call[types.SessionPage]:
        """Return live sessions, newest first. `after`: the `next` of the page before; far pages are slow with `skip`.

        A page with `after` does not say how many there are.
        """
        return Call(query={"skip": skip, "limit": limit, **given(node_id=node_id, after=after)})

    sessions = listing(
        list_sessions,
        lambda page: page["sessions"],
        "Iterate over the live sessions, newest first; arguments as for `list_sessions`, which returns one page.",
    )

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
        """Return a pattern by its name, with or without `PTRN|`.

        For an unknown name, `status` is `error`; under contract 6.3 it raises PatternNotFound.
        """
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

    @route("GET", "/nodes")
    def list_nodes(
        self, *, prefix: str | None = None, after: str | None = None, limit: int = 100
    ) -> Call[types.NodePage]:
        """Return nodes that have learned something, by id. `after`: the `next` of the page before."""
        return Call(query={"limit": limit, **given(prefix=prefix, after=after)})

    nodes = listing(list_nodes, lambda page: page["nodes"], "Iterate over the nodes that have learned, by id.")

    @route("GET", "/nodes/{node_id}/patterns")
    def list_patterns(
        self,
        node_id: str,
        *,
        symbol: str | None = None,
        prefix: str | None = None,
        min_frequency: int | None = None,
        retired: bool | None = None,
        order: Literal["newest", "frequency"] | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Call[types.PatternPage]:
        """Return patterns of a node, the last learned first, or the most frequent.

        symbol: one that they have in any event. prefix: the first digits of their names. retired: only those that are,
        or that are not; all, if it is None. after: the `next` of the page before.
        """
        wanted = given(
            symbol=symbol,
            prefix=prefix,
            min_frequency=min_frequency,
            retired=None if retired is None else str(retired).lower(),
            order=order,
            after=after,
        )
        return Call(path={"node_id": node_id}, query={"limit": limit, **wanted})

    patterns = listing(
        list_patterns,
        lambda page: page["patterns"],
        "Iterate over the patterns of a node; arguments as for `list_patterns`, which returns one page.",
    )

    @route("DELETE", "/nodes/{node_id}/patterns/{name}")
    def delete_pattern(self, node_id: str, name: str, *, why: str | None = None) -> Call[types.PatternDeleted]:
        """Retire and purge a pattern at once: the node forgets it, and refuses to learn it again. Irreversible.

        Raises PatternNotFound.
        """
        bare = name.removeprefix("PTRN|")
        done = types.PatternDeleted(status="deleted", pattern_name=f"PTRN|{bare}", node_id=node_id)
        return Call(path={"node_id": node_id, "name": bare}, query=given(why=why), deleted=lambda _: done)

    @route("GET", "/nodes/{node_id}/export")
    def node_export(
        self,
        node_id: str,
        *,
        after: str | None = None,
        after_symbol: str | None = None,
        after_retired: str | None = None,
        moment: str | None = None,
    ) -> Call[str]:
        """Return the file of a node as one text. `export_node` writes it to a file, however large it is.

        after, after_symbol, after_retired: what the last line names that you have; the rest begins after it. moment:
        that of the first line; raises ApiError (409) if the node has changed since.
        """
        wanted = given(after=after, after_symbol=after_symbol, after_retired=after_retired, moment=moment)
        return Call(path={"node_id": node_id}, query=wanted, text=True)

    @route("POST", "/nodes/{node_id}/import")
    def import_node(
        self, node_id: str, file: Path | bytes, *, add: bool = False, partial: bool = False
    ) -> Call[types.Job]:
        """Add what a node's file has to a node, in the background; `wait_for_job` waits until it is done.

        file: its path, or its content. add: also to a node that has patterns; frequencies add up. partial: also a file
        without its last line, which counts the others: a part of one that is too large for a request.
        """
        wanted = {name: "true" for name, value in (("add", add), ("partial", partial)) if value}
        lines = file.read_bytes() if isinstance(file, Path) else file
        return Call(path={"node_id": node_id}, query=wanted, lines=lines)

    @route("POST", "/jobs")
    def train(
        self,
        node_id: str,
        sequences: Sequence[Sequence[types.AnyEvent]],
        *,
        config: types.Config | None = None,
    ) -> Call[types.Job]:
        """Train a node on many sequences in the background; `wait_for_job` waits until it is done.

        A sequence is a list of events; an event is a list of symbols, or an observation with emotives and metadata.
        """
        body = {"kind": "train", "node_id": node_id, "sequences": _given.sequences(sequences)}
        return Call(body={**body, **given(config=config and _given.settings(config))})

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
