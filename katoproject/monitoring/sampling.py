"""The sampler: every ten seconds, it stores the counts of one instance as a row in PostgreSQL.

Each process of an instance runs a sampler in a thread of its own, which publishes every two seconds what the process
holds in memory. The process with the lock samples for the instance. The kernel releases the lock when that process
ends, and another one takes over.
"""

import fcntl
import logging
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil
from django.db import Error as DatabaseTrouble
from django.db import close_old_connections
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from foundation.background import QUEUE
from foundation.metrics import counts
from foundation.metrics.board import board
from foundation.metrics.folder import folder
from foundation.postgresql import fitness
from foundation.postgresql.trouble import first_line, is_disk_full, is_reply
from foundation.redis_names import prefix
from katoproject.monitoring import clocks, history, latest, neighbours, resources, snapshot
from katoproject.monitoring.latest import Latest, Point
from katoproject.monitoring.snapshot import Shared, Snapshot
from katoproject.monitoring.stores import MONITORING
from katoproject.upkeep import records
from memory_app.index import indexes
from sessions_app import reads
from sessions_app.jobs import lifecycle

EVERY = history.EVERY
_BEAT = 2.0  # seconds
_FIRST = 0.5
# Seconds of each sample for the search for neighbours: Redis finds some twenty thousand names in that time.
_SEARCH = 0.05

_INSERT = """
    INSERT INTO monitoring_sample (at, instance, snapshot)
    VALUES (clock_timestamp(), %(instance)s, %(snapshot)s::jsonb) ON CONFLICT DO NOTHING
"""
_OTHERS = """
    SELECT DISTINCT ON (instance) extract(epoch FROM now() - at)::float8, snapshot::text FROM monitoring_sample
    WHERE at > now() - make_interval(secs => %(seconds)s) AND at <= now() AND instance <> %(instance)s
    ORDER BY instance, at DESC
"""

log = logging.getLogger(__name__)


class Sampler:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock_file: IO[str] | None = None
        self._points: list[Point] = []
        self._sampled_at = -EVERY  # on the monotonic clock
        self._neighbours = neighbours.Search()
        self._database_is_available = True

    def run(self) -> None:
        time.sleep(_FIRST)
        while True:
            try:
                self.beat()
            except OSError as error:
                # No file to open, a full disk: the state of the machine, and no fault of the code.
                log.error("Sampling failed: %s", error)
            except Exception:
                # The thread must outlive any failure: without samples, operators would not see what went wrong.
                log.exception("Sampling failed")
            time.sleep(_BEAT)

    def beat(self) -> None:
        counts.publish()
        publish_indexes()
        if self._is_sampler() and time.monotonic() - self._sampled_at > EVERY - _BEAT / 2:
            self._sampled_at = time.monotonic()
            self.sample()

    def _is_sampler(self) -> bool:
        try:
            if self._lock_file is None:
                # Never closed: that would release the lock.
                self._lock_file = (self._folder / "sampler.lock").open("a")
        except OSError:
            return False  # the disk of the counters is full, which `counts` says
        try:
            # Not flock: processes forked later would inherit that lock.
            fcntl.lockf(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        if not self._points and (before := latest.read()):
            self._points = before.points
        return True

    def sample(self) -> None:
        taken = snapshot.take()
        taken.resources = resources.measure()
        self._points = [one for one in self._points if 0 <= taken.uptime - one.uptime <= latest.MINUTE][-10:]
        taken.minute = latest.minute_of(taken, self._points)
        self._points.append(latest.point_of(taken))
        taken.shared, others = Shared(), []
        self._measure_redis(taken.shared)
        try:
            close_old_connections()  # Django does this before each request; this thread has no requests
            clock = clocks.measure()
            if clock.took < clocks.MOST:  # else it is not known well enough
                taken.clock_ahead = clock.ahead
            taken.database_fitness = _fitness()
            _measure_database(taken.shared)
            others = self._store(taken)
            self._database_is_available = True
        except DatabaseTrouble as error:
            if is_reply(error):
                taken.shared.write_refusal = first_line(error)
                taken.shared.database_disk_full = is_disk_full(error)
            if self._database_is_available:
                log.warning("PostgreSQL stores no samples until it is well again: %s", error)
            self._database_is_available = False
        with suppress(OSError):  # the disk of the counters is full, which `counts` says
            latest.write(Latest(snapshot=taken, points=self._points, others=others))

    def _measure_redis(self, shared: Shared) -> None:
        try:
            redis: Any = get_redis_connection("redis")
            shared.queue_length = int(redis.llen(prefix() + QUEUE))
            shared.neighbours = self._neighbours.look(redis, seconds=_SEARCH)
            neighbours.announce(redis)  # a replica refuses it
        except (RedisError, DatabaseTrouble):
            return  # shown as unknown; the requests that need Redis report the error

    def _store(self, taken: Snapshot) -> list[Snapshot]:
        """Store the sample. Returns the last samples of the other instances."""
        MONITORING.execute(_INSERT, {"instance": taken.instance, "snapshot": taken.model_dump_json()})
        rows = MONITORING.execute(_OTHERS, {"seconds": latest.FRESH, "instance": taken.instance})
        return [history.dated(text, taken.at - age) for age, text in rows]


def _fitness() -> str:
    """Raises DatabaseTrouble."""
    try:
        fitness.check()
    except fitness.REASONS as reason:
        return type(reason).__name__
    return "Fit"


def _measure_database(shared: Shared) -> None:
    """Raises DatabaseTrouble."""
    population, backlog = reads.population(), lifecycle.backlog()
    shared.sessions_active, shared.sessions_expired = population.active, population.expired
    shared.cleanup_lag_seconds = population.cleanup_lag_seconds
    shared.jobs_waiting, shared.jobs_running = backlog.waiting, backlog.running
    shared.job_lag_seconds = backlog.lag_seconds
    shared.chore_ages = {one.name: one.done for one in records.read() if one.done is not None}


def publish_indexes() -> None:
    """Show what this process holds in memory to all processes."""
    held = indexes.held()
    board.publish(
        nodes=len(held),
        patterns=sum(node.patterns for node in held),
        symbols=sum(node.symbols for node in held),
        index_bytes=sum(node.memory_bytes for node in held),
        shared_bytes=sum(node.shared_bytes for node in held),
        builds=len(indexes.builds()),
        resident_bytes=psutil.Process().memory_info().rss,
    )


def start() -> None:
    """Start the sampler of this process, if its service counts into a folder."""
    found = folder()
    if found is None:
        return
    threading.Thread(target=Sampler(found).run, name="sampler", daemon=True).start()
