"""Advisory locks: one at a time, in all processes and on all machines that share the database."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import InterfaceError, OperationalError

from foundation.postgresql.statements import execute

# The number that stands for a lock's name, in SQL.
LOCK_NUMBER = "hashtextextended(%(name)s, 0)"


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Whether nobody else is in a block of this name; the block must look at that, it is entered either way.

    PostgreSQL holds the lock for this thread's connection, so it ends with the process, however that ends. A connection
    that breaks inside the block loses it: who must not act twice has to see that from his rows.
    """
    [(taken,)] = execute(f"SELECT pg_try_advisory_lock({LOCK_NUMBER})", {"name": name})
    try:
        yield taken
    finally:
        # Where the connection is gone, the lock is.
        with suppress(OperationalError, InterfaceError):
            if taken:
                execute(f"SELECT pg_advisory_unlock({LOCK_NUMBER})", {"name": name})
