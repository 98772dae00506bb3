"""What has to be done now and then: by the scheduler, or by hand with `manage.py upkeep`.

A chore is a function without arguments that does one small batch of work and answers how much that was, 0 when nothing
is left. Settings name them (`CHORES`). Any chore may run at any time, twice, or not for a while.
"""

import time
from collections.abc import Callable
from math import inf
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string
from django_redis import get_redis_connection
from prometheus_client import Counter

from foundation.metrics.registry import registry
from foundation.postgresql.locks import alone

_counter = Counter("kato_upkeep", "Pieces of scheduled work that were done", ["chore"], registry=registry)

_MARK = "kato:scheduled"
_MARK_LASTS = 3600  # seconds


def chore(name: str) -> Callable[[], int]:
    """Raises KeyError for a name that settings do not know."""
    path, _ = settings.CHORES[name]
    return cast(Callable[[], int], import_string(path))


def note_scheduled() -> None:
    """Leave a mark that a scheduler is alive, and a worker does what it says. Raises RedisError.

    In Redis, because that is what such work comes through: a mark that is lost there is made again within seconds.
    """
    get_redis_connection("default").set(_MARK, "", ex=_MARK_LASTS)


def seconds_since_scheduled() -> float | None:
    """Since the last mark; None if that is more than an hour ago. By Redis' clock alone. Raises RedisError."""
    left = get_redis_connection("default").pttl(_MARK)
    return None if left < 0 else _MARK_LASTS - left / 1000


def perform(name: str, *, seconds: float = inf) -> int | None:
    """Do batches until nothing is left, or so many seconds are over; answers how much was done.

    None: somebody else is doing this right now, so nothing was done.
    """
    batch = chore(name)
    deadline = time.monotonic() + seconds
    with alone(f"upkeep:{name}") as nobody_else:
        if not nobody_else:
            return None
        done = 0
        while did := batch():
            _counter.labels(name).inc(did)
            done += did
            if time.monotonic() > deadline:
                break
        return done
