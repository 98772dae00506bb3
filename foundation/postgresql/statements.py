"""Running the statements of the request path, and counting them."""

from collections.abc import Generator
from functools import cached_property
from time import perf_counter
from typing import Any, cast

from django.db import DEFAULT_DB_ALIAS, Error, OperationalError, ProgrammingError, connections, transaction
from prometheus_client import Counter, Summary
from psycopg import Connection
from psycopg.pq import ExecStatus

from foundation.metrics.registry import registry
from foundation.postgresql.base import DatabaseWrapper, OutdatedStatement
from foundation.postgresql.trouble import WrongSchema, first_line, means_wrong_schema

Parameters = dict[str, Any]
Row = tuple[Any, ...]

_DURATIONS = Summary(
    "kato_postgresql_duration_seconds",
    "Statements of the request and background paths, by what they are about",
    ["store"],
    registry=registry,
)
_ERRORS = Counter("kato_postgresql_errors", "Statements that failed", ["store"], registry=registry)


class Store:
    """Runs statements about one kind of data, and counts them under its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    # Bound at the first statement, so that a store that a process never uses has no series.
    @cached_property
    def _durations(self) -> Summary:
        _ERRORS.labels(self._name)  # starts at 0: a rate shows the first error only where there was a 0 before it
        return _DURATIONS.labels(self._name)

    @cached_property
    def _errors(self) -> Counter:
        return _ERRORS.labels(self._name)

    def execute(self, sql: str, parameters: Parameters, *, prepare: bool = True, binary: bool = False) -> list[Row]:
        """Run one statement on this thread's connection, inside its transaction if there is one.

        The connection keeps the statement prepared. Pass `prepare=False` when its text is different each time, and
        `binary=True` for long values of bytes, of which PostgreSQL would send two digits each.

        A statement costs three times as much with Django's cursor as with psycopg's. So this uses Django's connection
        alone: its transactions, its reconnecting and its exceptions (`django.db.OperationalError`, …).
        """
        # Not the proxy `django.db.connection`, which looks up the connection of the thread for each attribute.
        connection = cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS])
        try:
            return self._execute(connection, sql, parameters, prepare=prepare, binary=binary)
        except OperationalError as error:
            # In a transaction, what went before is lost.
            if connection.in_atomic_block or not isinstance(error.__cause__, OutdatedStatement):
                raise
        connection.close()
        return self._execute(connection, sql, parameters, prepare=prepare, binary=binary)

    def _execute(
        self, connection: DatabaseWrapper, sql: str, parameters: Parameters, *, prepare: bool, binary: bool
    ) -> list[Row]:
        durations = self._durations
        begun = perf_counter()
        try:
            connection.ensure_connection()
            with connection.wrap_database_errors:
                cursor = connection.kept_cursor().execute(sql, parameters, prepare=prepare, binary=binary)
                result = cursor.pgresult
                if result is None or result.status != ExecStatus.TUPLES_OK:
                    return []
                rows = cursor.fetchall()
                result.clear()  # the cursor keeps it until the next statement, and it may be megabytes
                return rows
        except Error as error:
            self._errors.inc()
            if isinstance(error, ProgrammingError) and means_wrong_schema(error):
                raise WrongSchema(first_line(error)) from error.__cause__
            raise
        finally:
            durations.observe(perf_counter() - begun)

    def execute_one(self, sql: str, parameters: Parameters) -> Row | None:
        """Like `execute`, for a statement that returns at most one row."""
        rows = self.execute(sql, parameters)
        return rows[0] if rows else None

    @transaction.atomic
    def execute_in_order(self, sql: str, parameters: Parameters, *, binary: bool = False) -> list[Row]:
        """Like `execute`, for a page of a long list: reads its rows in the order of an index.

        PostgreSQL plans for a node of average size. For that it would sort all rows, which is quick, and then also sort
        a million rows of a large node.
        """
        self.execute("SET LOCAL enable_sort = off", {})
        return self.execute(sql, parameters, binary=binary)

    def fetch_in_batches(
        self, sql: str, parameters: Parameters, *, size: int = 10_000
    ) -> Generator[list[Row], None, None]:
        """The rows of a large result, from one snapshot, a batch at a time in bounded memory."""
        connection = connections[DEFAULT_DB_ALIAS]
        with transaction.atomic(), connection.wrap_database_errors:
            connection.ensure_connection()
            raw = cast(Connection[Any], connection.connection)
            with raw.cursor(name="batches") as cursor:
                cursor.execute(sql, parameters)
                while batch := cursor.fetchmany(size):
                    yield batch


# Statements about the server itself, or about no data.
OTHER = Store("other")
