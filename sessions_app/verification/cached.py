"""What Redis holds of sessions is what their rows say. Of no snapshot: each entry names its version."""

from collections.abc import Iterator

from redis.exceptions import RedisError

from katoproject.verification import Check, Connection, Fault, NotChecked
from sessions_app import cache, comparing
from sessions_app.cache import CachedEntry


def _entries(snapshot: Connection, node_id: str | None) -> Iterator[Fault]:
    try:
        for entry in cache.entries():
            expected = comparing.expected(entry)
            if expected is not None and expected != entry.payload:
                yield Fault(
                    (entry,), f"session {entry.session_id}: the {entry.kind} of version {entry.version} in Redis"
                )
    except RedisError as error:
        raise NotChecked(f"Redis does not serve: {error}") from error


def _delete(connection: Connection, faults: list[Fault]) -> None:
    entries: list[CachedEntry] = [fault.key[0] for fault in faults]
    for entry in entries:
        cache.delete(entry)


CHECKS = [Check("cache", "what Redis holds of a session is what its row says", _entries, _delete, of_node=False)]
