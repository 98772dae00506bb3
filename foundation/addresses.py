"""Whom an address stands for, where each may have or do something a number of times."""

from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

# Whoever has an IPv6 address has a network of this size.
_OWN_IPV6_BITS = 64


@lru_cache(4096)
def owner_of(address: str) -> str:
    """What the connections of one client have in common: the IPv4 address, or the network of the IPv6 address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address  # a Unix socket has none
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((parsed, _OWN_IPV6_BITS), strict=False))
