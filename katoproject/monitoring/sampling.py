"""The sampler: every ten seconds, what one instance has counted becomes a row in PostgreSQL.

Each process of an instance runs one in a thread of its own, which says every two seconds what the process holds in
memory. Whoever has the lock samples. The kernel gives the lock up with its holder, and another process takes over.
"""

import fcntl
import logging
import threading
import time
from typing import IO, Any

import psutil
from django.db import Error as DatabaseTrouble
from django.db import close_old_connections
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from foundation.metrics.board import board
from foundation.metrics.folder import folder
from katoproject.monitoring import latest, resources, snapshot
from katoproject.monitoring.latest import Latest, Point
from katoproject.monitoring.snapshot import Shared, Snapshot
from katoproject.monitoring.stores import MONITORING
from memory_app.index import indexes

EVERY = 10.0  # seconds
_BEAT = 2.0  # seconds
_FIRST = 0.5

_INSERT = """
    INSERT INTO monitoring_sample (at, instance, snapshot)
    VALUES (to_timestamp(%(at)s), %(instance)s, %(snapshot)s::jsonb) ON CONFLICT DO NOTHING
"""
_OTHERS = """
    SELECT DISTINCT ON (instance) snapshot::text FROM monitoring_sample
    WHERE at > now() - make_interval(secs => %(seconds)s) AND instance <> %(instance)s ORDER BY instance, at DESC
"""
_SHARED = """
    SELECT (SELECT count(*) FROM sessions_app_session WHERE expires_at > now()),
           (SELECT count(*) FROM sessions_app_session WHERE expires_at <= now()),
           COALESCE((SELECT extract(epoch FROM now() - min(expires_at)) FROM sessions_app_session
                     WHERE expires_at <= now()), 0)::float,
           count(*) FILTER (WHERE state = 'waiting'), count(*) FILTER (WHERE state = 'running'),
           GREATEST(0, extract(epoch FROM now() - min(waiting_since) FILTER (WHERE state = 'waiting')))::float
    FROM sessions_app_job WHERE state IN ('waiting', 'running')
"""

log = logging.getLogger(__name__)


class Sampler:
    def __init__(self, lock_file: IO[str]) -> None:
        self._lock_file = lock_file
        self._points: list[Point] = []
        self._database_serves = True

    def run(self) -> None:
        time.sleep(_FIRST)
        while True:
            try:
                self.beat()
            except Exception:
                # The next beat must come whatever this one met: without samples nobody sees what went wrong.
                log.exception("Sampling failed")
            time.sleep(_BEAT)

    def beat(self) -> None:
        publish_indexes()
        if self._is_ours() and time.time() - latest.collected_at() > EVERY - _BEAT / 2:
            self.sample()

    def _is_ours(self) -> bool:
        try:
            # Not flock, which children that are forked later would hold as well.
            fcntl.lockf(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        if not self._points and (before := latest.read()):
            self._points = before.points
        return True

    def sample(self) -> None:
        taken = snapshot.take()
        taken.resources = resources.measure()
        self._points = [one for one in self._points if taken.at - one.at <= latest.MINUTE][-10:]
        taken.minute = latest.minute_of(taken, self._points)
        self._points.append(latest.point_of(taken))
        taken.shared, others = Shared(queue_length=_queue_length()), []
        try:
            close_old_connections()  # Django does this before a request, but this thread sees no requests
            _ask_database(taken.shared)
            others = self._keep(taken)
            self._database_serves = True
        except DatabaseTrouble as error:
            if self._database_serves:
                log.warning("No samples are kept until PostgreSQL serves again: %s", error)
            self._database_serves = False
        latest.write(Latest(snapshot=taken, points=self._points, others=others))

    def _keep(self, taken: Snapshot) -> list[Snapshot]:
        """Store the sample; answers what the other instances said last."""
        MONITORING.execute(_INSERT, {"at": taken.at, "instance": taken.instance, "snapshot": taken.model_dump_json()})
        rows = MONITORING.execute(_OTHERS, {"seconds": latest.FRESH, "instance": taken.instance})
        return [Snapshot.model_validate_json(row[0]) for row in rows]


def _ask_database(shared: Shared) -> None:
    [row] = MONITORING.execute(_SHARED, {})
    shared.sessions_active, shared.sessions_expired, shared.cleanup_lag_seconds = row[:3]
    shared.jobs_waiting, shared.jobs_running, shared.job_lag_seconds = row[3:]


def _queue_length() -> int | None:
    try:
        length: Any = get_redis_connection("default").llen("celery")
        return int(length)
    except RedisError:
        return None  # shown as unknown; the requests that need Redis say so themselves


def publish_indexes() -> None:
    """What this process holds in memory, for all to see."""
    held = indexes.held()
    board.publish(
        nodes=len(held),
        patterns=sum(node.patterns for node in held),
        symbols=sum(node.symbols for node in held),
        index_bytes=sum(node.memory_bytes for node in held),
        resident_bytes=psutil.Process().memory_info().rss,
    )


def start() -> None:
    """Sample from this process, if the service it belongs to keeps counts."""
    found = folder()
    if found is None:
        return
    lock_file = (found / "sampler.lock").open("a")  # and never closed, which would give the lock up
    threading.Thread(target=Sampler(lock_file).run, name="sampler", daemon=True).start()
