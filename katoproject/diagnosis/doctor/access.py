"""Access keys: may everybody on the network in, and can anybody at all?"""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import Q
from django.db.models.functions import Now

from access_app.models import AccessKey
from foundation.terminal.text import counted
from katoproject.configuration.exposure import Exposed, check_exposure, strangers
from katoproject.diagnosis.doctor.findings import Finding, ok, problem, warning

SOON = timedelta(days=14)
_SHOWN = 5
_CHECK = "access"


def access() -> Iterator[Finding]:
    if not settings.ENV.needs_keys:
        yield _open(settings.ENV.host)
        return
    try:
        yield _keys()
    except (DatabaseError, InterfaceError):
        return  # other checks report it


def _open(host: str) -> Finding:
    try:
        check_exposure(settings.ENV, host)
    except Exposed:
        return problem(
            _CHECK,
            f"no key is needed, and {host} is not loopback: the service refuses to start",
            "set KATO_ACCESS=keys; or KATO_ACCESS=open and KATO_OPEN_TO_THE_NETWORK=yes, if that is wanted",
        )
    if (let_in := strangers(settings.ENV)) is None:
        return ok(_CHECK, f"no key is needed, and only this machine reaches {host}")
    return warning(
        _CHECK,
        f"no key is needed: {let_in} may read and change every session",
        "set KATO_ACCESS=keys, and create a key with `manage.py key create NAME`",
    )


def _keys() -> Finding:
    valid = AccessKey.objects.filter(Q(expires_at=None) | Q(expires_at__gt=Now()), revoked_at=None)
    count = valid.count()
    if not count:
        return problem(
            _CHECK, "every request needs a key, and none is valid", "create one: `manage.py key create NAME`"
        )
    ending = valid.filter(expires_at__lt=Now() + SOON).order_by("expires_at")
    if not (ending_count := ending.count()):
        return ok(_CHECK, f"every request needs a key; {counted(count, 'valid key')}")
    names = [f"{key.name} ({key.expires_at:%Y-%m-%d %H:%M} UTC)" for key in ending[:_SHOWN]]
    return warning(
        _CHECK,
        f"{ending_count} of {counted(count, 'valid key')} expire within {SOON.days} days: {', '.join(names)}"
        + (", …" if ending_count > _SHOWN else ""),
        "create a key for each (`manage.py key create NAME`) and give it to the clients of the one that expires",
    )
