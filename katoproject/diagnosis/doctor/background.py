"""Redis, and the background work that it carries. Requests are answered without any of it: slower, never wrongly."""

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
RARELY = 60.0  # seconds; the scheduler has something to do every five


def redis() -> Iterator[Finding]:
    connection = client.Redis.from_url(settings.REDIS_URL, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    try:
        with connection:
            info = connection.info()
            seconds, microseconds = connection.time()
            waiting = connection.llen(app.conf.task_default_queue)
    except RedisError as error:
        where = (
            "set REDIS_URL" if settings.ENV.effective_redis_url else "start the service (`make run`), or set REDIS_URL"
        )
        yield problem(
            "redis", f"does not serve ({first_line(error)}): requests are slower, background work waits", where
        )
        return
    yield from _server(info)
    skew = time.time() - seconds - microseconds / 1e6
    if abs(skew) > SKEW:
        yield warning("redis clock", f"{abs(skew):.1f} s off this machine's", "synchronise the clocks (chrony, ntpd)")
    if waiting > LONG_QUEUE:
        yield warning("queue", f"{waiting:,} messages wait in Redis", "start workers, or more of them")


def _server(info: dict[str, Any]) -> Iterator[Finding]:
    valkey = info.get("valkey_version")
    name = f"Valkey {valkey}" if valkey else f"Redis {info['redis_version']}"
    limit, policy = info.get("maxmemory", 0), info.get("maxmemory_policy", "")
    found = (
        f"{name}, {info['used_memory_human']} used of {info['maxmemory_human'] if limit else 'any amount'}, {policy}"
    )
    if policy.startswith("allkeys"):
        yield problem(
            "redis",
            f"{found}: when it is full it drops waiting background work, not only cached entries",
            "set maxmemory-policy to volatile-lru",
        )
    elif not limit:
        yield warning("redis", f"{found}: it may fill the machine", "set maxmemory, and maxmemory-policy volatile-lru")
    elif policy == "noeviction":
        yield warning(
            "redis",
            f"{found}: when cached entries have filled it, it takes no background work",
            "set maxmemory-policy to volatile-lru",
        )
    else:
        yield ok("redis", found)


def workers() -> Iterator[Finding]:
    """Whether anybody does background work, and whether the scheduler has them do the rest."""
    try:
        with app.connection_for_read(connect_timeout=PATIENCE) as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
        answers = app.control.ping(timeout=1.0)
    except (BrokerError, RedisError, OSError) as error:
        yield problem("worker", f"the broker cannot be asked ({first_line(error)})", "see redis")
        return
    if not answers:
        yield problem(
            "worker",
            "none answers: background jobs and upkeep wait",
            "start the service with `make run`, or a worker: celery -A katoproject worker",
        )
        return
    yield ok("worker", f"{counted(len(answers), 'worker')} answered")
    try:
        last = chores.seconds_since_scheduled()
    except RedisError as error:
        yield problem("beat", f"cannot be told ({first_line(error)})", "see redis")
        return
    if last is None or last > RARELY:
        since = "for an hour" if last is None else f"for {last:.0f} s"
        yield problem(
            "beat",
            f"workers were sent nothing by a scheduler {since}: expired sessions are not deleted, lost jobs not found "
            "(this takes some seconds to be right after a start)",
            "start the service with `make run`, or one scheduler: celery -A katoproject beat",
        )
    else:
        yield ok("beat", f"had work done {last:.0f} s ago")


def jobs() -> Iterator[Finding]:
    try:
        backlog = lifecycle.backlog()
        failed = lifecycle.count_failed(hours=24)
    except (DatabaseError, InterfaceError):
        return  # said by the examination of the database
    if backlog.lag > LONGEST_LAG:
        yield warning(
            "jobs",
            f"{backlog.jobs:,} wait, the oldest for {backlog.lag:.0f} s",
            "start workers, or more of them; `manage.py job list --state waiting`",
        )
    elif failed:
        yield warning(
            "jobs",
            f"{counted(failed, 'job')} failed within a day",
            "`manage.py job list --state failed` tells why; `manage.py job retry JOB` takes one up again",
        )
    else:
        yield ok("jobs", f"{backlog.jobs:,} wait, none failed within a day")
