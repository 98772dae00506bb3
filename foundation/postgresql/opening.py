"""What holds for every connection before its first use: it leads to the primary, and has the settings asked for.

After a failover the address may for a moment lead to the old primary, which is a standby by then. There, a session that
was just created is missing. PostgreSQL cannot turn from a primary into a standby without ending its connections, so a
connection that began on the primary stays there. libpq asks, too (`target_session_attrs`), and then tries other hosts
of the URL; but through a pooler it may believe what the pooler remembers of another server.
"""

from typing import Any, NamedTuple, cast

import psycopg
from django.conf import settings
from prometheus_client import Counter

from foundation.metrics.registry import registry

counter = Counter(
    "kato_postgresql_connections",
    "Connections to PostgreSQL: opened, failed, refused as they led to a standby, closed as they were read_only",
    ["outcome"],
    registry=registry,
)


class OnStandby(psycopg.OperationalError):
    def __init__(self) -> None:
        super().__init__("the server is in hot standby mode: promote it, or let its address lead to the primary")


class Place(NamedTuple):
    """Where a connection leads: a server, known by the moment of its start, and the process that serves there."""

    server: str
    backend: int


def prepare(connection: psycopg.Connection[Any]) -> Place:
    """Apply the settings DATABASE_SESSION and DATABASE_KEEPALIVE. Raises OnStandby.

    One statement, and none of the start-up `options`, which poolers refuse or drop.
    """
    wanted = settings.DATABASE_SESSION | settings.DATABASE_KEEPALIVE
    columns = "pg_is_in_recovery(), extract(epoch FROM pg_postmaster_start_time())::text, pg_backend_pid()"
    row = connection.execute(
        f"SELECT {columns}" + ", set_config(%s, %s, false)" * len(wanted),
        [text for setting in wanted.items() for text in setting],
        prepare=False,
    ).fetchone()
    is_standby, server, backend, *_ = cast(tuple[Any, ...], row)
    if is_standby:
        raise OnStandby
    return Place(server, backend)
