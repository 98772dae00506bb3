"""What it looks like when PostgreSQL is unavailable."""

from django.db import InterfaceError, InternalError, OperationalError

# Gone, refusing, too slow, read-only.
STORE_TROUBLE = (OperationalError, InterfaceError, InternalError)


def is_reply(error: Exception) -> bool:
    """Whether PostgreSQL itself reported this error. Without an SQLSTATE there is no connection, or none any more."""
    return getattr(error.__cause__, "sqlstate", None) is not None


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
