"""Which host names a request may address the service by.

A page of another site can call any address that its reader can reach: its author lets the name of the site point there
(DNS rebinding). Such a request has that name in `Host`. IP addresses and `localhost` cannot be pointed elsewhere.
"""

from collections.abc import Collection
from functools import lru_cache
from ipaddress import ip_address

from django.http.request import split_domain_port, validate_host

# The longest DNS name, and a port.
_LONGEST = 253 + len(":65535")
_MOST_KNOWN = 1024
_ALWAYS = ("localhost", ".localhost")


class Hosts:
    """IP addresses, `localhost` and `names`: host names, `.example.com` with all below it, `*` for any.

    `plain_names`: names without a dot as well, which only the own network can give out.
    """

    def __init__(self, names: Collection[str], *, plain_names: bool) -> None:
        self._names = (*_ALWAYS, *(name.lower() for name in names))
        self._plain_names = plain_names
        self._is_known = lru_cache(_MOST_KNOWN)(self._look_up)

    def accept(self, host: str) -> bool:
        """`host`: the header, with or without a port."""
        return len(host) <= _LONGEST and self._is_known(host)

    def _look_up(self, host: str) -> bool:
        name, _ = split_domain_port(host)
        if not name:
            return False
        return validate_host(name, self._names) or _is_address(name) or (self._plain_names and "." not in name)


def _is_address(name: str) -> bool:
    try:
        ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True
