"""Whom an address stands for, where each may have or do something a number of times."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

Address = IPv4Address | IPv6Address

# A client with an IPv6 address has a network of at least this size.
_OWN_IPV6_BITS = 64


@lru_cache(4096)
def owner_of(address: str) -> str:
    """What the connections of one client have in common: the IPv4 address, or the network of the IPv6 address."""
    found = parsed(address.partition("%")[0])
    if found is None:
        return address  # a Unix socket has none
    return str(ip_network((found, _OWN_IPV6_BITS), strict=False)) if isinstance(found, IPv6Address) else str(found)


def parsed(text: str) -> Address | None:
    """The address, or None if this is none. A socket of both families names IPv4 clients `::ffff:192.0.2.1`."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
