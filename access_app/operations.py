"""Creating, rotating and revoking keys. Each moves the version of the table on, in the same transaction."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Value
from django.db.models.functions import Now

from access_app.errors import KeyExpired, KeyRevoked, KeyUnknown, NameTaken
from access_app.limits import UNLIMITED, Limits
from access_app.models import AccessKey
from access_app.naming import fit_name, fit_prefix
from access_app.stores import ACCESS
from access_app.tokens import digest_of, new_id, new_token
from foundation.callers import Scope

LONGEST_LIFETIME = timedelta(days=36_500)
DEFAULT_SCOPES = (Scope.READ, Scope.WRITE)

# The row lock also orders the operations: two at once get two versions. A version jumps to the clock's microseconds, so
# that after a restore of the database no process takes an old version for the one it has.
_MOVE_ON = """
    UPDATE access_app_accessversion
    SET version = GREATEST(version + 1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    RETURNING version
"""
_NOTE_USE = """
    UPDATE access_app_accesskey SET last_used_at = now()
    WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at < now() - interval '30 seconds')
"""


@dataclass(frozen=True, slots=True)
class Issued:
    """A key and its token, which cannot be shown again.

    `ended_early`: until when an older token would have been valid that the rotation made invalid, if there was one.
    """

    key: AccessKey
    token: str
    ended_early: datetime | None = None


def find(key: str) -> AccessKey:
    """The key with this id or, else, this name; of several with the name the valid one. Raises KeyUnknown."""
    if "\0" in key:
        raise KeyUnknown(key)
    found = AccessKey.objects.filter(id=key).first()
    found = found or AccessKey.objects.filter(name=key).order_by(F("revoked_at").desc(nulls_first=True)).first()
    if found is None:
        raise KeyUnknown(key)
    return found


@transaction.atomic
def create(
    *,
    name: str,
    scopes: Collection[Scope],
    nodes: Collection[str] | None = None,
    lifetime: timedelta | None = None,
    limits: Limits = UNLIMITED,
) -> Issued:
    """Raises Unfit and NameTaken. `nodes`: prefixes of node ids, or None for all nodes."""
    name, nodes = fit_name(name), None if nodes is None else [fit_prefix(prefix) for prefix in nodes]
    ACCESS.execute(_MOVE_ON, {})
    if AccessKey.objects.filter(name=name, revoked_at=None).exists():
        raise NameTaken(name)
    key_id = new_id()
    token = new_token(key_id)
    AccessKey.objects.create(
        id=key_id,
        name=name,
        digest=digest_of(token),
        scopes=sorted(scopes),
        nodes=None if nodes is None else sorted(nodes),
        limits=limits.to_store(),
        created_at=Now(),
        expires_at=None if lifetime is None else _after(lifetime),
    )
    return Issued(find(key_id), token)


@transaction.atomic
def rotate(*, key: str, overlap: timedelta) -> Issued:
    """Give the key another token. The former one stays valid for the time `overlap`, one before that no longer.

    Raises KeyUnknown, KeyRevoked and KeyExpired.
    """
    ACCESS.execute(_MOVE_ON, {})
    found = _not_revoked(key)
    if AccessKey.objects.filter(id=found.id, expires_at__lte=Now()).exists():
        raise KeyExpired(found.name)
    overlapping = AccessKey.objects.filter(id=found.id, previous_until__gt=Now())
    ended_early = overlapping.values_list("previous_until", flat=True).first()
    token = new_token(found.id)
    AccessKey.objects.filter(id=found.id).update(
        previous_digest=F("digest"), previous_until=_after(overlap), digest=digest_of(token)
    )
    return Issued(find(found.id), token, ended_early)


@transaction.atomic
def revoke(*, key: str) -> AccessKey:
    """From the commit on, no process accepts the key. Raises KeyUnknown, KeyRevoked."""
    ACCESS.execute(_MOVE_ON, {})
    found = _not_revoked(key)
    AccessKey.objects.filter(id=found.id).update(revoked_at=Now())
    return find(found.id)


def note_use(*, key_id: str) -> None:
    ACCESS.execute(_NOTE_USE, {"id": key_id})


def _not_revoked(key: str) -> AccessKey:
    found = find(key)
    if found.revoked_at is not None:
        raise KeyRevoked(found.name)
    return found


def _after(duration: timedelta) -> Any:
    return ExpressionWrapper(Now() + Value(duration), output_field=DateTimeField())
