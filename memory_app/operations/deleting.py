"""Deleting a pattern: retiring and purging it at once."""

from django.db import transaction

from memory_app.errors import NodeUnknown, PatternUnknown
from memory_app.operations.purging import lock_for_purge, take_back
from memory_app.stores import PATTERNS

_IS_KNOWN = """
    SELECT EXISTS (SELECT FROM memory_app_pattern WHERE memory = %(memory)s AND name = decode(%(name)s, 'hex'))
"""


@transaction.atomic
def delete(*, node_id: str, name: str, why: str | None = None) -> None:
    """Let the node forget a pattern that it has, and refuse to learn it again.

    Raises NodeUnknown, PatternUnknown, and PredictionTimedOut as `purge`.
    """
    memory = lock_for_purge(node_id)
    if memory is None:
        raise NodeUnknown(node_id)
    # After the lock, so that a learn is either seen, or finds the pattern retired.
    if PATTERNS.execute(_IS_KNOWN, {"memory": memory, "name": name}) != [(True,)]:
        raise PatternUnknown(name)
    take_back(node_id, memory, [name], why=why, retire_first=True)
