"""Recurring work, which the scheduler does, or an operator with `manage.py upkeep`.

A chore is a function without arguments that does one small batch of work and returns how much that was, 0 when nothing
is left. The setting CHORES names them. Any chore may run at any time, twice at once, or not for a while.
"""

import time
from collections.abc import Callable
from math import inf
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string
from prometheus_client import Counter

from foundation.metrics.registry import registry
from foundation.postgresql.locks import alone
from katoproject.upkeep import records

_counter = Counter("kato_upkeep", "Pieces of scheduled work that were done", ["chore"], registry=registry)


def chore(name: str) -> Callable[[], int]:
    """Raises KeyError for an unknown name."""
    path, _ = settings.CHORES[name]
    return cast(Callable[[], int], import_string(path))


def perform(name: str, *, seconds: float = inf) -> int | None:
    """Do batches until nothing is left or `seconds` have passed; return how much was done.

    None if another process is doing this chore, and so nothing was done.
    """
    batch = chore(name)
    deadline = time.monotonic() + seconds
    with alone(f"upkeep:{name}") as is_ours:
        if not is_ours:
            return None
        done = 0
        while did := batch():
            _counter.labels(name).inc(did)
            done += did
            if time.monotonic() > deadline:
                break
        records.end(name)
        return done
