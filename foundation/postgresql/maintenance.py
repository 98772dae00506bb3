"""A connection for maintenance that takes minutes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections

from foundation.postgresql import opening

_SETTINGS = (
    "SET statement_timeout = 0",
    "SET lock_timeout = 0",
    # Several processes would share memory through /dev/shm, of which a container has little.
    "SET max_parallel_maintenance_workers = 0",
    "SET maintenance_work_mem = '512MB'",
)


@contextmanager
def maintenance_connection() -> Iterator[psycopg.Connection[Any]]:
    """A separate connection to the same database: each statement commits by itself and has no time limit.

    `CREATE INDEX CONCURRENTLY` needs both: it refuses to run in a transaction and takes longer than a request may.
    """
    parameters = connections[DEFAULT_DB_ALIAS].get_connection_params()
    del parameters["cursor_factory"], parameters["context"]  # Django's own
    with psycopg.connect(**parameters, autocommit=True) as connection:
        opening.prepare(connection)
        for setting in _SETTINGS:
            connection.execute(setting)
        yield connection
