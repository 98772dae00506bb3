"""How often a password may be tried.

A stranger can make a limit on a user alone a weapon: enough wrong passwords lock out the operator. So the strict limit
is on a user at one address. A wide limit on the address stops one that tries many users; a wide limit on the user stops
many addresses that try one user, except at addresses where that user has logged in before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import Now

from foundation.addresses import owner_of
from foundation.postgresql import locks
from katoproject.logins.errors import HashingBusy, TooManyFailures
from katoproject.logins.models import Attempt

# Times the failures of one user at one address: those of an address with any users, or of a user at any addresses.
WIDE = 4
# How long an address stays one where the user has logged in.
KNOWN_FOR = timedelta(days=30)

_AGE = ExpressionWrapper(Now() - F("at"), output_field=DurationField())


@contextmanager
def counted(*, username: str, address: str) -> Iterator[None]:
    """Around the comparison of a password, which raises an exception if it is wrong. Raises TooManyFailures."""
    attempt = _begin(username, owner_of(address))
    try:
        yield
    except HashingBusy:
        attempt.delete()  # the password was not compared
        raise
    _succeed(attempt)


@transaction.atomic
def _begin(username: str, network: str) -> Attempt:
    """Count the attempt as a failure in advance: otherwise many at once are compared before the first one counts."""
    # Two attempts at once would not see each other's rows.
    locks.hold("logins")
    most, failures = settings.ENV.login_failures, recent_failures()
    waits = [
        _wait(failures.filter(username=username, network=network), most),
        _wait(failures.filter(network=network), WIDE * most),
    ]
    if not _is_known(username, network):
        waits.append(_wait(failures.filter(username=username), WIDE * most))
    if wait := max(waits):
        raise TooManyFailures(wait)
    return Attempt.objects.create(username=username, network=network)


@transaction.atomic
def _succeed(attempt: Attempt) -> None:
    """Forget the failures of this user at this address, and remember the address."""
    Attempt.objects.filter(username=attempt.username, network=attempt.network).exclude(pk=attempt.pk).delete()
    Attempt.objects.filter(pk=attempt.pk).update(succeeded=True)


def unlock(*, username: str | None = None, address: str | None = None) -> int:
    """Forget the failures of a user, of an address, or of a user at an address. Returns how many there were."""
    failures = Attempt.objects.filter(succeeded=False)
    if username is not None:
        failures = failures.filter(username=username)
    if address is not None:
        failures = failures.filter(network=owner_of(address))
    number, _ = failures.delete()
    return number


def recent_failures() -> QuerySet[Attempt]:
    """Those that count now, the last first."""
    return Attempt.objects.filter(succeeded=False, at__gt=Now() - _cool_off()).order_by("-at")


def delete_old(*, limit: int = 1000) -> int:
    """Delete up to `limit` attempts to log in that no longer count; returns how many."""
    old = Q(succeeded=False, at__lt=Now() - _cool_off()) | Q(at__lt=Now() - KNOWN_FOR)
    number, _ = Attempt.objects.filter(pk__in=Attempt.objects.filter(old).values("pk")[:limit]).delete()
    return number


def _cool_off() -> timedelta:
    return timedelta(seconds=settings.ENV.login_cool_off)


def _is_known(username: str, network: str) -> bool:
    return Attempt.objects.filter(username=username, network=network, succeeded=True, at__gt=Now() - KNOWN_FOR).exists()


def _wait(failures: QuerySet[Attempt], most: int) -> timedelta:
    """Until fewer than `most` of these failures count; zero if fewer do."""
    # The oldest of the last `most` is the first whose end makes room.
    ages = failures.annotate(age=_AGE).values_list("age", flat=True)[most - 1 : most]
    return max((_cool_off() - age for age in ages), default=timedelta())
