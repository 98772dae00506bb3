"""Advisory locks: one at a time, in all processes and on all machines that share the database."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import InterfaceError, OperationalError

from foundation.postgresql.statements import OTHER


def lock_number(name: str) -> str:
    """SQL for the number that stands for the lock's name, which is itself an expression in SQL."""
    return f"hashtextextended({name}, 0)"


_TRY_LOCK = f"SELECT pg_try_advisory_lock({lock_number('%(name)s')})"
_UNLOCK = f"SELECT pg_advisory_unlock({lock_number('%(name)s')})"


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Whether nobody else is in a block of this name; the block must look at that, it is entered either way.

    PostgreSQL holds the lock for this thread's connection, so it ends with the process, however that ends. A connection
    that breaks inside the block loses it: who must not act twice has to see that from his rows.
    """
    [(taken,)] = OTHER.execute(_TRY_LOCK, {"name": name})
    try:
        yield taken
    finally:
        # Where the connection is gone, the lock is.
        with suppress(OperationalError, InterfaceError):
            if taken:
                OTHER.execute(_UNLOCK, {"name": name})
