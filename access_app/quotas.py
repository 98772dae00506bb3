"""Quotas of a key: how many sessions and jobs it may have at a time."""

from access_app.errors import QuotaUsedUp
from access_app.keyring import KeyHolder
from access_app.limits import UNLIMITED, Limits
from access_app.stores import ACCESS
from foundation import callers
from foundation.postgresql.locks import lock_number

_HOLD = f"SELECT pg_advisory_xact_lock({lock_number('%(name)s')})"


def limits() -> Limits:
    """Those of the current caller."""
    caller = callers.current()
    return caller.limits if isinstance(caller, KeyHolder) else UNLIMITED


def hold(resource: str) -> None:
    """Let other transactions that add to this resource of the caller wait for the end of this one.

    Then count in a statement of its own, which sees what those before committed, and `check`. Otherwise two
    transactions could both find the last place free.
    """
    ACCESS.execute(_HOLD, {"name": f"quota:{resource}:{callers.current().key_id}"})


def check(resource: str, used: int) -> None:
    """Raises QuotaUsedUp where there is no place for one more."""
    quota = getattr(limits(), resource)
    if quota is not None and used >= quota:
        raise QuotaUsedUp(resource, quota)
