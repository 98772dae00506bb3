"""`manage.py migrate`: Django's, but one at a time. Two hosts may start a new version in the same moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections

from foundation.postgresql.locks import lock_number
from foundation.postgresql.maintenance import maintenance_connection

_LOCK = lock_number("'migrate'")


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if options["check_unapplied"] or options["plan"]:
            super().handle(*args, **options)
            return
        with self._in_turn():
            super().handle(*args, **options)

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """The lock ends with its connection, so with this process, however that ends."""
        with connections[DEFAULT_DB_ALIAS].wrap_database_errors, maintenance_connection() as connection:
            if connection.execute(f"SELECT pg_try_advisory_lock({_LOCK})").fetchone() != (True,):
                self.stderr.write("Another process is migrating this database; waiting for it", style_func=str)
                connection.execute(f"SELECT pg_advisory_lock({_LOCK})")
            yield
