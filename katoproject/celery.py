"""The Celery application: background work, by way of Redis. `celery -A katoproject worker` / `beat`."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from celery import Celery, signals
from kombu import Connection
from kombu.exceptions import OperationalError as BrokerError
from kombu.transport.redis import Channel, QoS, Transport
from redis.exceptions import RedisError, ResponseError

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "katoproject.settings")

# The question to all workers what their clock shows.
CLOCK = "kato_clock"


# Redis is a replica by now (READONLY, UNBLOCKED), cannot save (MISCONF), has no memory left, or lost its replicas
# (NOREPLICAS). To Celery that is a fault of one message, on which a worker ends; so it tries again.
Transport.connection_errors += (ResponseError,)


class Acknowledging(QoS):
    def ack(self, delivery_tag: str) -> None:
        with self._place_freed(delivery_tag):
            super().ack(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        with self._place_freed(delivery_tag):
            super().reject(delivery_tag, requeue)

    @contextmanager
    def _place_freed(self, delivery_tag: str) -> Iterator[None]:
        """Celery only logs that Redis refuses, or does not answer, and the consumer's connection stays. The message
        would hold one of the worker's few places for ever: after two, it takes no job and still answers. (It may be
        delivered again: the job's row decides.)"""
        try:
            yield
        except RedisError:
            super(QoS, self).ack(delivery_tag)
            raise

    def restore_unacked(self, client: Any = None) -> None:
        if self.channel.connection.client is None:
            # Kombu has given up this connection, and then closes the channels that it could not close before that. The
            # error would end the worker. Redis keeps the messages; until it delivers them again, the jobs' rows count.
            self._delivered.clear()  # type: ignore[union-attr]
            return
        super().restore_unacked(client)


class Closing(Channel):
    """Its connections end even where Redis refuses to delete the queue of questions to this worker."""

    QoS = Acknowledging

    def close(self) -> None:
        try:
            super().close()
        except RedisError:
            self.auto_delete_queues.clear()  # the next connection has the same queue
            super().close()


Transport.Channel = Closing
_register = Transport.register_with_event_loop


def _register_or_close(self: Transport, connection: Any, loop: Any) -> None:
    """Kombu returns messages to their queue here. Where Redis refuses that, Celery begins again, several times a
    second, and leaves this connection open: after two minutes a worker has no file descriptors left.
    """
    try:
        _register(self, connection, loop)
    except Exception:
        self.close_connection(connection)
        raise


Transport.register_with_event_loop = _register_or_close  # type: ignore[method-assign]


class Application(Celery):
    """All its keys and channels in Redis are those of this database: other deployments may use the same Redis."""

    def connection_for_read(self, url: str | None = None, **options: Any) -> Connection:
        return super().connection_for_read(url, **_with_names(options))

    def connection_for_write(self, url: str | None = None, **options: Any) -> Connection:
        return super().connection_for_write(url, **_with_names(options))


def _with_names(options: dict[str, Any]) -> dict[str, Any]:
    return {
        **options,
        "transport_options": {**(options.get("transport_options") or {}), "global_keyprefix": _names()},
    }


def _names() -> str:
    # Not at the top: Django is not set up yet when this module is imported.
    from django.db import DatabaseError

    from foundation.redis_names import prefix

    try:
        return prefix()
    except DatabaseError as error:
        raise BrokerError(f"which queue is ours depends on PostgreSQL, which is unavailable: {error}") from error


def app_of_this_database() -> Celery:
    """To send tasks and to ask workers. It has no tasks itself. Raises BrokerError while the database is not known.

    If the address of the database leads to another one later, that has another application: each keeps its connections.
    """
    return _app_of(_names())


@lru_cache(2)
def _app_of(names: str) -> Celery:
    found = Application("kato", set_as_current=False)
    found.config_from_object("django.conf:settings", namespace="CELERY")
    # A request waits for its message to be sent: one attempt, the relay makes the next. Kombu would pause for seconds.
    found.conf.broker_transport_options = {**found.conf.broker_transport_options, "max_retries": 0}
    return found


# Of workers and the scheduler.
app = Application("kato")
app.config_from_object("django.conf:settings", namespace="CELERY")


@signals.celeryd_init.connect
def _find_tasks(**_: Any) -> None:
    """Of workers only: the scheduler sends tasks by name, and does not need the engine and its compiler for that."""
    app.autodiscover_tasks(["katoproject.upkeep", "sessions_app.jobs"], force=True)


@signals.celeryd_init.connect
@signals.beat_init.connect
def _wait_for_the_database(**_: Any) -> None:
    from katoproject.upkeep import same_database

    same_database.wait()


@signals.worker_ready.connect
@signals.beat_init.connect
def _end_with_the_database(**_: Any) -> None:
    from katoproject.upkeep import same_database

    same_database.watch()


@signals.worker_init.connect
def _answer_questions(**_: Any) -> None:
    from celery.worker.control import inspect_command  # only workers need it

    @inspect_command(name=CLOCK)
    def clock(state: Any) -> float:
        return time.time()


@signals.task_postrun.connect
def _publish_counts(**_: Any) -> None:
    from foundation.metrics import counts

    counts.publish()


@signals.worker_ready.connect
def _sample(**_: Any) -> None:
    """Sample what workers count: there may be no web process on this machine to do that."""
    from katoproject.monitoring import sampling

    sampling.start()
