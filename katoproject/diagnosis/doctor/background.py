"""Redis, and the background work that it carries. Without them requests are slower, never incorrect."""

import time
from collections.abc import Iterator
from typing import Any

import redis as client
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from foundation.postgresql.trouble import first_line
from foundation.terminal.text import counted
from katoproject.celery import app
from katoproject.diagnosis.doctor.database import SKEW
from katoproject.diagnosis.doctor.findings import Finding, ok, problem, warning
from katoproject.upkeep import chores
from sessions_app.jobs import lifecycle

PATIENCE = 3.0  # seconds
LONG_QUEUE = 1000
LONGEST_LAG = 60.0  # seconds
LONGEST_SILENCE = 60.0  # seconds; the scheduler sends work every five


def redis() -> Iterator[Finding]:
    connection = client.Redis.from_url(settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    try:
        with connection:
            info = connection.info()
            seconds, microseconds = connection.time()
            waiting = connection.llen(app.conf.task_default_queue)
    except RedisError as error:
        fix = (
            "set REDIS_URL" if settings.ENV.effective_redis_url else "start the service (`make run`), or set REDIS_URL"
        )
        yield problem("redis", f"unavailable ({first_line(error)}): requests are slower, background work waits", fix)
        return
    yield from _server(info)
    skew = time.time() - seconds - microseconds / 1e6
    if abs(skew) > SKEW:
        yield warning("redis clock", f"{abs(skew):.1f} s off this machine's", "synchronise the clocks (chrony, ntpd)")
    if waiting > LONG_QUEUE:
        yield warning("queue", f"{waiting:,} messages are waiting in Redis", "start more workers")


def _server(info: dict[str, Any]) -> Iterator[Finding]:
    valkey = info.get("valkey_version")
    name = f"Valkey {valkey}" if valkey else f"Redis {info['redis_version']}"
    limit, policy = info.get("maxmemory", 0), info.get("maxmemory_policy", "")
    found = f"{name}, {info['used_memory_human']} used of {info['maxmemory_human'] if limit else 'no limit'}, {policy}"
    if policy.startswith("allkeys"):
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
    """Whether a worker runs, and whether the scheduler sends it work."""
    try:
        with app.connection_for_read(connect_timeout=PATIENCE) as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
        answers = app.control.ping(timeout=1.0)
    except (BrokerError, RedisError, OSError) as error:
        yield problem("worker", f"the broker is unavailable ({first_line(error)})", "see redis above")
        return
    if not answers:
        yield problem(
            "worker",
            "no worker answers: background jobs and upkeep wait",
            "start the service with `make run`, or a worker: celery -A katoproject worker",
        )
        return
    yield ok("worker", f"{counted(len(answers), 'worker')} answered")
    try:
        last = chores.seconds_since_scheduled()
    except RedisError as error:
        yield problem("beat", f"unknown ({first_line(error)})", "see redis above")
        return
    if last is None or last > LONGEST_SILENCE:
        since = "for an hour" if last is None else f"for {last:.0f} s"
        yield problem(
            "beat",
            f"the scheduler has sent no work {since}: expired sessions are not deleted, lost jobs are not found "
            "(this check needs some seconds after a start)",
            "start the service with `make run`, or one scheduler: celery -A katoproject beat",
        )
    else:
        yield ok("beat", f"sent work {last:.0f} s ago")


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
