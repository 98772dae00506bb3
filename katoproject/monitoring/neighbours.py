"""Other deployments on the same Redis. Each keeps to its own names there, but they share its memory."""

import re
import time
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from redis import Redis

from foundation.background import QUEUE
from foundation.redis_names import prefix
from foundation.terminal.text import counted

_OWNER = re.compile(rb"^kato:[0-9a-f]{10}:")
_BATCH = 1000  # names; Redis does nothing else meanwhile
# Of all deployments alike: when each of them was last here, by the clock of Redis.
HERE = "kato:here"
_STAYS = 60  # seconds


class Neighbours(BaseModel):
    """`waiting`: what the names of each begin with → messages in its queue; `unclaimed`: those of no deployment."""

    waiting: dict[str, int] = {}
    unclaimed: int = 0


def announce(redis: Redis) -> None:
    """Let other deployments see this one. Raises as `Search.look` does."""
    connection: Any = redis
    now = _now(connection)
    connection.zadd(HERE, {prefix(): now})
    connection.zremrangebyscore(HERE, "-inf", now - _STAYS)
    connection.expire(HERE, _STAYS)


class Search:
    """A search through all names, some at each look: a Redis may have millions.

    Deployments that run are seen at each look, because they announce themselves.
    """

    def __init__(self) -> None:
        self._cursor = 0
        self._round: set[bytes] = set()
        self._last_round: set[bytes] = set()

    def look(self, redis: Redis, *, seconds: float) -> Neighbours:
        """Raises RedisError, and DatabaseTrouble while it is not known which names are this deployment's own."""
        connection: Any = redis  # its types allow for an asynchronous client
        own, until = prefix().encode(), time.monotonic() + seconds
        self._go_on(connection, until)
        here = _owners(connection.zrangebyscore(HERE, _now(connection) - _STAYS, "+inf"))
        others = (self._round | self._last_round | here) - {own}
        return Neighbours(
            waiting={name: _messages(connection, name + QUEUE) for name in sorted(map(bytes.decode, others))},
            unclaimed=_messages(connection, QUEUE),
        )

    def _go_on(self, connection: Any, until: float) -> None:
        while True:
            self._cursor, names = connection.scan(self._cursor, count=_BATCH)
            self._round |= _owners(names)
            if self._cursor == 0:
                self._last_round, self._round = self._round, set()
                return
            if time.monotonic() > until:
                return


def _owners(names: list[bytes]) -> set[bytes]:
    return {found[0] for name in names if (found := _OWNER.match(name))}


def _messages(connection: Any, queue: str) -> int:
    return int(connection.llen(queue)) if connection.type(queue) == b"list" else 0


def _now(connection: Any) -> int:
    seconds, _ = connection.time()
    return int(seconds)


def complaints(seen: Neighbours) -> Iterator[tuple[str, str]]:
    """What is there beside this deployment, and what helps."""
    for theirs, waiting in seen.waiting.items():
        yield (
            f"another deployment uses this Redis: keys {theirs}* belong to another database "
            f"({counted(waiting, 'message')} waiting there). Each keeps to its own, but they share its memory",
            f"give each a Redis of its own. If that one is gone: redis-cli --scan --pattern '{theirs}*' | "
            "xargs redis-cli unlink",
        )
    if seen.unclaimed:
        yield (
            f"{counted(seen.unclaimed, 'message')} of an earlier release or of another program in the queue {QUEUE}: "
            "no worker of this release takes them, and no job is lost",
            f"stop what sends them; then redis-cli unlink {QUEUE}",
        )
