"""The keys that are not revoked, read from the table in one statement."""

import hmac
import time
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from pydantic_core import from_json

from access_app.limits import Limits
from access_app.stored import known_limits, known_scopes
from access_app.stores import ACCESS
from foundation.callers import Scope

# One snapshot: the keys are exactly those of the version.
_VALID_KEYS = """
    SELECT version.version, now(), key.id, key.name, key.digest, key.previous_digest, key.previous_until, key.scopes,
        key.nodes, key.limits, key.expires_at
    FROM access_app_accessversion AS version LEFT JOIN access_app_accesskey AS key ON key.revoked_at IS NULL
"""


class _KeyRow(NamedTuple):
    """The columns of _VALID_KEYS. All from `id` on are None where there are no keys."""

    version: int
    now: datetime
    id: str | None
    name: str
    digest: bytes
    previous_digest: bytes | None
    previous_until: datetime | None
    scopes: list[str]
    nodes: list[str] | None
    limits: str
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class ValidKey:
    """A key that is not revoked. Its times are those of PostgreSQL's clock, in seconds since 1970."""

    id: str
    name: str
    digest: bytes
    previous_digest: bytes | None
    previous_until: float
    scopes: frozenset[Scope]
    nodes: tuple[str, ...] | None
    limits: Limits
    expires_at: float

    def valid_until(self, digest: bytes | None) -> float:
        """When the token with this digest ends to be valid, or without a digest the key; 0 for another token."""
        if digest is None or hmac.compare_digest(self.digest, digest):
            return self.expires_at
        former = self.previous_digest
        if former is not None and hmac.compare_digest(former, digest):
            return min(self.expires_at, self.previous_until)
        return 0.0


class ValidKeys(NamedTuple):
    """`clock_ahead`: seconds by which PostgreSQL's clock is ahead of the monotonic clock of this process."""

    version: int
    keys: dict[str, ValidKey]
    clock_ahead: float


def read() -> ValidKeys:
    begun = time.monotonic()
    rows = [_KeyRow._make(row) for row in ACCESS.execute(_VALID_KEYS, {})]
    ahead = rows[0].now.timestamp() - (begun + time.monotonic()) / 2
    keys = {row.id: _valid_key(row) for row in rows if row.id is not None}
    return ValidKeys(rows[0].version, keys, ahead)


def _valid_key(row: _KeyRow) -> ValidKey:
    assert row.id is not None
    return ValidKey(
        id=row.id,
        name=row.name,
        digest=bytes(row.digest),
        previous_digest=None if row.previous_digest is None else bytes(row.previous_digest),
        previous_until=_seconds(row.previous_until),
        scopes=known_scopes(row.scopes),
        nodes=None if row.nodes is None else tuple(row.nodes),
        limits=known_limits(from_json(row.limits)),
        expires_at=_seconds(row.expires_at),
    )


def _seconds(moment: datetime | None) -> float:
    return float("inf") if moment is None else moment.timestamp()
