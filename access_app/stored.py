"""What the table says that a key may do, as far as this release knows it.

While a service is upgraded, processes of the former release read keys that the new one has made. One key that they
could not read would stop them all, because each process reads all keys.

A scope that is not known grants nothing. A limit that is not known is not kept: the only other way would be to refuse
the key. Its scopes and nodes still hold, so the key may do too much of what it may do, and nothing else.
"""

import logging
from collections.abc import Iterable
from functools import cache
from typing import Any

from access_app.limits import NAMES, Limits
from foundation.callers import Scope

log = logging.getLogger(__name__)

_SCOPES = frozenset(Scope)


def known_scopes(names: Iterable[str]) -> frozenset[Scope]:
    given = frozenset(names)
    for name in given - _SCOPES:
        _warn(f"The scope {name!r} of an access key grants nothing")
    return frozenset(map(Scope, given & _SCOPES))


def known_limits(values: dict[str, Any]) -> Limits:
    for name in values.keys() - set(NAMES):
        _warn(f"The limit {name!r} of an access key is not kept")
    return Limits(**{name: values[name] for name in NAMES if name in values})


@cache  # once for each name, not each time that the keys are read
def _warn(effect: str) -> None:
    log.warning("%s: this release does not know it. Upgrade all processes of the service", effect)
