"""Advisory locks: one holder at a time, among all processes and machines that share the database."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import InterfaceError, OperationalError

from foundation.postgresql.statements import OTHER


def lock_number(name: str) -> str:
    """SQL for the number of a lock; `name` is an SQL expression of its name."""
    return f"hashtextextended({name}, 0)"


_TRY_LOCK = f"SELECT pg_try_advisory_lock({lock_number('%(name)s')})"
_HOLD = f"SELECT pg_advisory_xact_lock({lock_number('%(name)s')})"
_UNLOCK = f"SELECT pg_advisory_unlock({lock_number('%(name)s')})"


def hold(name: str) -> None:
    """Let other transactions that hold this name wait for the end of this one."""
    OTHER.execute(_HOLD, {"name": name})


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Whether this is the only block of this name. The caller must check that, for the block runs either way.

    PostgreSQL ties the lock to the connection of this thread, so the lock ends with the process, however that ends. A
    connection that breaks inside the block loses the lock, and another process may take it while the block still runs:
    code that must not act twice decides that by its rows.
    """
    [(taken,)] = OTHER.execute(_TRY_LOCK, {"name": name})
    try:
        yield taken
    finally:
        # A broken connection has released the lock.
        with suppress(OperationalError, InterfaceError):
            if taken:
                OTHER.execute(_UNLOCK, {"name": name})
