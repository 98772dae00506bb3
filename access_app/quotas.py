"""Quotas of a key: how many sessions and jobs it may have at a time."""

from django.conf import settings

from access_app.errors import QuotaUsedUp
from access_app.keyring import KeyHolder
from access_app.limits import UNLIMITED, Limits
from access_app.models import AccessKey
from access_app.stored import known_limits
from foundation import callers
from foundation.postgresql import locks


def limits() -> Limits:
    """Those of the current caller."""
    caller = callers.current()
    return caller.limits if isinstance(caller, KeyHolder) else UNLIMITED


def limits_of(key_id: str | None) -> Limits:
    """Those of a key, valid or not, whichever caller asks."""
    if key_id is None or not settings.ENV.needs_keys:
        return UNLIMITED
    [stored] = AccessKey.objects.filter(id=key_id).values_list("limits", flat=True) or [{}]
    return known_limits(stored)


def hold(resource: str, *, key_id: str | None) -> None:
    """Let other transactions that add to this resource of the key wait for the end of this one.

    Then count in a statement of its own, which sees what those before committed, and `check`. Otherwise two
    transactions could both find the last place free.
    """
    locks.hold(f"quota:{resource}:{key_id}")


def check(resource: str, used: int, limits: Limits, *, key_id: str | None) -> None:
    """Raises QuotaUsedUp where the key has no place for one more. `used`: without that one."""
    quota = getattr(limits, resource)
    if quota is not None and used >= quota:
        raise QuotaUsedUp(resource, quota, whose="This key" if key_id == callers.current().key_id else f"Key {key_id}")
