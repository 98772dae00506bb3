"""Redis, and the background work that it carries. Without them requests are slower, never incorrect."""

from collections.abc import Iterator
from typing import Any

import redis as client
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import NoPermissionError, RedisError

from foundation.background import QUEUE, celery_app
from foundation.postgresql.statements import OTHER
from foundation.postgresql.trouble import first_line
from foundation.redis_names import prefix
from foundation.terminal.text import counted
from katoproject.diagnosis.doctor.findings import Finding, ok, problem, warning
from katoproject.monitoring import neighbours, redis_trouble
from katoproject.upkeep import records
from sessions_app.jobs import lifecycle

PATIENCE = 3.0  # seconds
LONG_QUEUE = 1000
LONGEST_LAG = 60.0  # seconds
LONGEST_LOOK = 1.0  # seconds

_IS_READ_ONLY = "SELECT current_setting('transaction_read_only')::bool"
# The check of the database says why.
_REFUSAL = "PostgreSQL refuses writes: see connection"


def redis() -> Iterator[Finding]:
    connection = client.Redis.from_url(settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    try:
        with connection:
            info = connection.info()
            of_deployments = list(_deployments(connection))
    except RedisError as error:
        found = f"unavailable ({first_line(error)}): requests are slower, background work waits"
        yield problem("redis", found, _how_to_reach_redis(error))
        return
    yield from _server(info)
    yield from of_deployments


def _deployments(connection: client.Redis) -> Iterator[Finding]:
    """This one and others; nothing while the database is unknown, which decides what its names begin with."""
    try:
        waiting = connection.llen(prefix() + QUEUE)
    except (DatabaseError, InterfaceError):
        return  # another check reports it
    if waiting > LONG_QUEUE:
        yield warning("queue", f"{waiting:,} messages are waiting in Redis", "start more workers")
    yield from _neighbours(connection)


def _neighbours(connection: client.Redis) -> Iterator[Finding]:
    try:
        seen = neighbours.Search().look(connection, seconds=LONGEST_LOOK)
    except NoPermissionError as error:
        found = f"not known: the service may not look ({first_line(error)})"
        yield warning("neighbours", found, f"let its user of Redis SCAN, and use the key {neighbours.HERE}")
        return
    for found, fix in neighbours.complaints(seen):
        yield warning("neighbours", found, fix)


def _how_to_reach_redis(error: RedisError) -> str:
    if (remedy := redis_trouble.remedy(error)) is not None:
        return remedy
    return "set REDIS_URL" if settings.ENV.redis_server else "start the service (`make run`), or set REDIS_URL"


def _server(info: dict[str, Any]) -> Iterator[Finding]:
    valkey = info.get("valkey_version")
    name = f"Valkey {valkey}" if valkey else f"Redis {info['redis_version']}"
    limit, policy = info.get("maxmemory", 0), info.get("maxmemory_policy", "")
    found = f"{name}, {info['used_memory_human']} used of {info['maxmemory_human'] if limit else 'no limit'}, {policy}"
    if info.get("rdb_last_bgsave_status") == "err":
        yield problem(
            "redis",
            f"{found}: it cannot save to its disk, and refuses writes if stop-writes-on-bgsave-error is on",
            'free some space on the disk of Redis; or switch saving off (CONFIG SET save ""): nothing here needs it',
        )
    elif policy.startswith("allkeys"):
        yield problem(
            "redis",
            f"{found}: when it is full, it evicts waiting background work, not only cached entries",
            "set maxmemory-policy to volatile-lru",
        )
    elif not limit:
        yield warning(
            "redis",
            f"{found}: it may use all memory of the machine",
            "set maxmemory, and maxmemory-policy volatile-lru",
        )
    elif policy == "noeviction":
        yield warning(
            "redis",
            f"{found}: when cached entries have filled it, it rejects background work",
            "set maxmemory-policy to volatile-lru",
        )
    else:
        yield ok("redis", found)


def workers() -> Iterator[Finding]:
    """Whether a worker runs."""
    try:
        app = celery_app()
        with app.connection_for_write(connect_timeout=PATIENCE) as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
            answers = app.control.ping(timeout=1.0, connection=broker)
    except (BrokerError, RedisError, OSError) as error:
        fix = "see database and redis above"
        yield problem("worker", f"the broker is unavailable ({first_line(error)})", fix)
        return
    if not answers:
        yield problem(
            "worker",
            "no worker answers: background jobs and upkeep wait",
            "start the service with `make run`, or a worker: celery -A katoproject worker",
        )
        return
    yield ok("worker", f"{counted(len(answers), 'worker')} answered")


def upkeep() -> Iterator[Finding]:
    """Whether the chores are done, by the clock of the database."""
    try:
        found, [(is_read_only,)] = records.read(), OTHER.execute(_IS_READ_ONLY, {})
    except (DatabaseError, InterfaceError):
        return  # the check of the database reports it
    if complaint := records.complaint(found, _REFUSAL if is_read_only else None):
        yield problem("upkeep", f"{complaint[0]} (this needs some seconds after a start)", complaint[1])
    else:
        newest = min(one.done for one in found if one.done is not None)
        yield ok("upkeep", f"no chore is overdue, the last was done {newest:.0f} s ago")


def jobs() -> Iterator[Finding]:
    try:
        backlog = lifecycle.backlog()
        failed = lifecycle.count_failed(hours=24)
    except (DatabaseError, InterfaceError):
        return  # the check of the database reports it
    if backlog.lag_seconds > LONGEST_LAG:
        yield warning(
            "jobs",
            f"{backlog.waiting:,} waiting, the oldest for {backlog.lag_seconds:.0f} s",
            "start more workers; `manage.py job list --state waiting` shows the jobs",
        )
    elif failed:
        yield warning(
            "jobs",
            f"{counted(failed, 'job')} failed within a day",
            "`manage.py job list --state failed` shows why; `manage.py job retry JOB` continues one",
        )
    else:
        yield ok("jobs", f"{backlog.waiting:,} waiting, none failed within a day")
