"""The exceptions that mean that PostgreSQL is unavailable."""

from django.db import InterfaceError, InternalError, OperationalError
from psycopg.errors import InsufficientPrivilege, InvalidSchemaName, UndefinedColumn, UndefinedTable

# It is gone, refuses, is too slow, or is read-only.
STORE_TROUBLE = (OperationalError, InterfaceError, InternalError)


_NOT_THERE = (UndefinedTable, UndefinedColumn, InvalidSchemaName, InsufficientPrivilege)


class WrongSchema(OperationalError):
    """The tables are not those of this program: not migrated yet, being restored, in another schema, not permitted."""


def means_wrong_schema(error: BaseException) -> bool:
    return isinstance(error.__cause__, _NOT_THERE)


def is_reply(error: Exception) -> bool:
    """Whether PostgreSQL itself reported the error. Without an SQLSTATE there was no connection, or it broke."""
    return getattr(error.__cause__, "sqlstate", None) is not None


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def is_standby(error: Exception) -> bool:
    """Whether a connection was refused because it led to a standby, by libpq or by this program."""
    # Not "server is not in hot standby mode", of a URL that asks for a standby.
    return "server is in hot standby mode" in str(error)


_DISK_FULL = "53100"


def is_disk_full(error: BaseException) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == _DISK_FULL


def reason_for_clients(error: BaseException) -> str:
    """What a client may know of the reason, and can use; empty where there is nothing."""
    return "its disk is full" if is_disk_full(error) else ""
