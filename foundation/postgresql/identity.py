"""Which database this process uses, whatever its address is.

Several deployments may share one Redis. A database restored beside the first has the same sessions at the same
versions, and its deployment the same secret: only this keeps apart what they cache, and the messages of their jobs.

PostgreSQL gives each cluster a number when it is made, which a standby shares and keeps when it is promoted. A database
that is restored into another cluster, or dropped and created again, is another one.
"""

import hashlib
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.errors import InsufficientPrivilege

_CLUSTER = "(SELECT system_identifier FROM pg_control_system())"
_ASK = "SELECT {cluster}, oid::bigint FROM pg_database WHERE datname = current_database()"
_BYTES = 5

# Of the newest connection. Where the address leads to another database by now, the older connections are broken.
_newest: str | None = None


def remember(connection: psycopg.Connection[Any]) -> None:
    """Ask a new connection, which must be in no transaction."""
    global _newest
    try:
        found = connection.execute(_ASK.format(cluster=_CLUSTER), prepare=False).fetchone()
    except InsufficientPrivilege:
        # Every role may ask, unless an administrator has revoked that.
        found = connection.execute(_ASK.format(cluster="0"), prepare=False).fetchone()
    _newest = hashlib.blake2b(repr(found).encode(), digest_size=_BYTES, person=b"kato-database").hexdigest()


def of_database() -> str:
    """Ten hexadecimal digits. Raises OperationalError if this process has had no connection yet and gets none."""
    if _newest is None:
        connections[DEFAULT_DB_ALIAS].ensure_connection()
    assert _newest is not None
    return _newest
