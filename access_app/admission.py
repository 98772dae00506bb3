"""Which rows a caller may use, as SQL beside the conditions of the statements that use them.

A statement that admits a request compares the caller's version of the table of keys with the present one. So a key that
is revoked is refused by the statement itself, before it does anything, in whichever process it runs; and no statement
is spent on asking first.
"""

from functools import lru_cache

from django.conf import settings

from access_app.keyring import PRESENT_VERSION, KeyHolder
from foundation import callers
from foundation.postgresql.statements import Parameters, Row, Store

# NULL for the operator, whose commands and chores no key admits. `^@`: starts with.
_VALID = f"(%(caller_version)s::bigint IS NULL OR %(caller_version)s::bigint = ({PRESENT_VERSION}))"
_OF_CALLER = "(%(caller_nodes)s::text[] IS NULL OR node_id ^@ ANY(%(caller_nodes)s::text[]))"

# The caller is still valid; the row's node is one of the caller's; both.
CONFIRMED, OF_CALLER = (_VALID, _OF_CALLER) if settings.ENV.needs_keys else ("true", "true")
PERMITTED = f"{CONFIRMED} AND {OF_CALLER}"


@lru_cache(1024)
def _array(texts: tuple[str, ...] | None) -> str | None:
    """The literal of an array, in PostgreSQL's syntax."""
    if texts is None:
        return None
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return "{" + ",".join(quoted) + "}"


class GuardedStore(Store):
    """A store whose statements may contain the conditions above."""

    def execute(self, sql: str, parameters: Parameters, *, prepare: bool = True, binary: bool = False) -> list[Row]:
        caller = callers.current()
        # As texts: psycopg takes four times as long for a list.
        version = None if caller.version is None else str(caller.version)
        guarded = {**parameters, "caller_version": version, "caller_nodes": _array(caller.nodes)}
        return super().execute(sql, guarded, prepare=prepare, binary=binary)

    def execute_one(self, sql: str, parameters: Parameters) -> Row | None:
        """As in the base. If it finds nothing because a key was changed, it looks again with the keys as they are now.

        Raises Unauthorized where the caller's key is no longer valid.
        """
        row = super().execute_one(sql, parameters)
        while row is None and _VALID in sql:
            caller = callers.current()
            if not isinstance(caller, KeyHolder):
                break
            caller.confirm()
            if callers.current() is caller:  # the version has not moved, so there is nothing to find
                break
            row = super().execute_one(sql, parameters)
        return row


def store(name: str) -> Store:
    """The store of this name: guarded where callers need keys."""
    return GuardedStore(name) if settings.ENV.needs_keys else Store(name)
