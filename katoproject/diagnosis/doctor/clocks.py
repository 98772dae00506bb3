"""The clocks of all hosts: this one's, those that sample, the workers', and that of PostgreSQL, which decides."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import DatabaseError, InterfaceError
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from foundation.background import celery_app
from foundation.postgresql.trouble import STORE_TROUBLE
from foundation.terminal.text import counted
from katoproject.celery import CLOCK
from katoproject.diagnosis.doctor.findings import Finding, ok, warning
from katoproject.monitoring import clocks as service_clocks
from katoproject.monitoring import latest
from katoproject.monitoring.stores import MONITORING

PATIENCE = 1.0  # seconds that workers have to answer

_SAMPLED = """
    SELECT DISTINCT ON (instance) instance, (snapshot->>'clock_ahead')::float8 FROM monitoring_sample
    WHERE at > now() - make_interval(secs => %(seconds)s) AND at <= now() AND snapshot->>'clock_ahead' IS NOT NULL
    ORDER BY instance, at DESC
"""


class _Reading(NamedTuple):
    """`ahead`: seconds ahead of PostgreSQL's clock, known to `error` seconds."""

    whose: str
    ahead: float
    error: float = 0.0


def clocks() -> Iterator[Finding]:
    try:
        own = service_clocks.measure()
        readings = [_Reading("this machine", own.ahead, own.took / 2), *_hosts(), *_workers(own.ahead)]
    except (*STORE_TROUBLE, DatabaseError, InterfaceError):
        return  # the check of the database reports it
    complaints = [service_clocks.complaint(one.whose, one.ahead, error=one.error) for one in readings]
    wrong = [one for one in complaints if one is not None]
    for found, fix in wrong:
        yield warning("clock", found, fix)
    if not wrong:
        furthest = max(abs(one.ahead) for one in readings)
        yield ok("clock", f"{counted(len(readings), 'clock')} within {furthest * 1000:.0f} ms of PostgreSQL's")


def _hosts() -> Iterator[_Reading]:
    for instance, ahead in MONITORING.execute(_SAMPLED, {"seconds": latest.FRESH}):
        yield _Reading(f"the host of instance {instance}", ahead)


def _workers(own_ahead: float) -> list[_Reading]:
    """They tell the time when they are asked, and this host's clock says when that was."""
    found: list[_Reading] = []

    def take(reply: dict[str, Any]) -> None:
        took = time.time() - asked
        for name, there in reply.items():
            if isinstance(there, float):  # workers of an earlier release do not know the question
                found.append(_Reading(f"worker {name}", there - (asked + took / 2) + own_ahead, took / 2))

    try:
        app = celery_app()
        with app.connection_for_write(connect_timeout=PATIENCE) as broker:
            broker.ensure_connection(max_retries=1, timeout=2)
            asked = time.time()
            app.control.broadcast(CLOCK, reply=True, timeout=PATIENCE, callback=take, connection=broker)
    except (BrokerError, RedisError, OSError):
        return []  # the check of the workers reports it
    return found
