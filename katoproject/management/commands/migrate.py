"""`manage.py migrate`: Django's, but one at a time. Two hosts may start a new version in the same moment."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections

from foundation.postgresql.locks import lock_number
from foundation.postgresql.maintenance import maintenance_connection

_LOCK = lock_number("'migrate'")
_TRY = f"SELECT pg_try_advisory_lock({_LOCK})"
_PATIENCE = 0.2  # seconds between two attempts


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
            if connection.execute(_TRY).fetchone() != (True,):
                self.stderr.write("Another process is migrating this database; waiting for it", style_func=str)
                # Not in one statement: CREATE INDEX CONCURRENTLY in the other process would wait for its end.
                while connection.execute(_TRY).fetchone() != (True,):
                    time.sleep(_PATIENCE)
            yield
