"""Who a request comes from when proxies are in between: `X-Forwarded-For` and `X-Forwarded-Proto`.

This is the one place that reads these headers. What it finds becomes `REMOTE_ADDR` and the scheme of the request, which
logs, caps, rate limits, cookies and Django use. So nothing else needs to know of proxies, nor trusts a client's word.
"""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from django.conf import settings

from foundation.addresses import parsed

Network = IPv4Network | IPv6Network

# Answers that are kept; each is an address that a client has, or that a proxy has named.
_MOST_KNOWN = 4096
# Proxies in a row. A client may write thousands of addresses before them.
_MOST_HOPS = 16


class TrustedProxies:
    """The proxies whose `X-Forwarded-*` headers count. Without any it is falsy, and then there is nothing to ask it."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self.trusts = lru_cache(_MOST_KNOWN)(self._trusts)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def _trusts(self, peer: str) -> bool:
        address = parsed(peer)
        return address is not None and any(address in network for network in self._networks)

    def client(self, peer: str, forwarded_for: str) -> str:
        """The address of the client of a trusted `peer`.

        Each proxy appends the address that it was called from. So the entries are read from the end, and the first that
        is no trusted proxy is the client. Everything before it may be the invention of that client.
        """
        client = peer
        for entry in reversed(forwarded_for.rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
            address = parsed(_without_port(entry.strip()))
            if address is None:
                break
            client = str(address)
            if not self.trusts(client):
                break
        return client

    @staticmethod
    def scheme(forwarded_proto: str) -> str:
        """`https` if every proxy on the way says so: an entry that a client has invented cannot make it that."""
        entries = {entry.strip().lower() for entry in forwarded_proto.split(",")}
        return "https" if entries == {"https"} else "http"


def _without_port(entry: str) -> str:
    """`192.0.2.1:4711` and `[2001:db8::1]:4711` without the port; other entries as they are."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


proxies = TrustedProxies(settings.ENV.trusted_proxies)
