"""A migrated database without a web server, for benchmarks that call the service's code in their own process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from benchmarks.stack.stores import Stores, temporary_folder
from katoproject.configuration.locations import postgres_url

_NODE = "INSERT INTO memory_app_node (node_id, memory) VALUES (%s, nextval('memory_app_memory')) RETURNING memory"
_AT_ONCE = 100_000


@contextmanager
def own_database(**environment: str) -> Iterator[psycopg.Connection]:
    """Set up Django in this process for stores of its own. What imports Django's models is imported afterwards.

    environment: further settings of this process and of those that it starts.
    """
    with temporary_folder() as folder, Stores(folder / "data", private=True) as stores:
        url = postgres_url(stores.data)
        os.environ |= {
            "DATABASE_URL": url,
            "KATO_DATA_DIR": str(stores.data),
            "DJANGO_SETTINGS_MODULE": "katoproject.settings",
            **environment,
        }
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0, interactive=False)
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection


def fill_node(connection: psycopg.Connection, node_id: str, statement: str, patterns: int) -> int:
    """Make a node of so many patterns; return its memory.

    statement: inserts those with the numbers `first` to `last` into `memory`.
    """
    row = connection.execute(_NODE, [node_id]).fetchone()
    assert row is not None
    memory: int = row[0]
    for first in range(1, patterns + 1, _AT_ONCE):
        last = min(patterns, first + _AT_ONCE - 1)
        connection.execute(statement, {"memory": memory, "first": first, "last": last})
    return memory
