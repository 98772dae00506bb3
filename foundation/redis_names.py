"""The names of everything that this service keeps in Redis: keys, queues and channels."""

from foundation.postgresql.identity import of_database


def prefix() -> str:
    """Of this database alone: deployments that share a Redis never see each other's entries and messages.

    Raises OperationalError while the database is not known yet.
    """
    return f"kato:{of_database()}:"
