"""Performing a request once, however often it is sent: the optional `Idempotency-Key` header (R26)."""

import hashlib
from collections.abc import Callable

from django.db import transaction

from sessions_app.errors import IdempotencyKeyReused
from sessions_app.stores import SESSIONS

_CLAIM = """
    INSERT INTO sessions_app_idempotencykey (scope, key, fingerprint, created_at)
    VALUES (%(scope)s, %(key)s, %(fingerprint)s, now())
    ON CONFLICT (scope, key) DO NOTHING RETURNING key
"""
_FIRST = "SELECT fingerprint, answer FROM sessions_app_idempotencykey WHERE scope = %(scope)s AND key = %(key)s"
_REMEMBER = "UPDATE sessions_app_idempotencykey SET answer = %(answer)s WHERE scope = %(scope)s AND key = %(key)s"
_DELETE_OLD = """
    DELETE FROM sessions_app_idempotencykey WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM sessions_app_idempotencykey
        WHERE created_at < now() - interval '24 hours' LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    )) RETURNING key
"""


def fingerprint(*parts: bytes) -> bytes:
    """A hash of what identifies a request: method, path, query and body."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


@transaction.atomic
def once(*, scope: str, key: str, fingerprint: bytes, perform: Callable[[], bytes]) -> tuple[bytes, bool]:
    """The result of `perform`, and whether this is a repeat: then it is the first result, and nothing was performed.

    One transaction claims the key, does the work and stores the result. A second request with the key waits at the
    claim until the first commits (and then returns its result) or rolls back (and then does the work itself). So a
    failed request leaves nothing behind. Raises IdempotencyKeyReused for another request under the same key.
    """
    claimed = SESSIONS.execute_one(_CLAIM, {"scope": scope, "key": key, "fingerprint": fingerprint})
    if claimed is None:
        [(known_fingerprint, answer)] = SESSIONS.execute(_FIRST, {"scope": scope, "key": key})
        if known_fingerprint != fingerprint:
            raise IdempotencyKeyReused(key)
        return bytes(answer), True
    answer = perform()
    SESSIONS.execute(_REMEMBER, {"scope": scope, "key": key, "answer": answer})
    return answer, False


def delete_old(*, limit: int = 5000) -> int:
    """Delete up to `limit` keys that are older than a day; returns how many."""
    return len(SESSIONS.execute(_DELETE_OLD, {"limit": limit}))
