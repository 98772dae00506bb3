"""The names of everything that this service keeps in Redis: keys, queues and channels."""

from django.db import InterfaceError, OperationalError

from foundation.postgresql.identity import of_database


def prefix() -> str:
    """Of this database alone: deployments that share a Redis never see each other's entries and messages.

    Raises OperationalError while the database is not known yet.
    """
    return f"kato:{of_database()}:"


def search_prefix() -> str:
    """For a search in Redis: `prefix`, or that of every deployment while the database is not known yet."""
    try:
        return prefix()
    except (OperationalError, InterfaceError):
        return "kato:*:"
