"""The addresses at which a web server that listens on a host is reached."""

import socket

import psutil

_OWN = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_FAMILIES = {"0.0.0.0": (socket.AF_INET,), "::": (socket.AF_INET, socket.AF_INET6)}


def own_address(host: str) -> str:
    """At which this machine itself reaches it."""
    return _OWN.get(host, host)


def addresses_for_others(host: str) -> list[str]:
    """At which other machines may reach it, where it listens on all addresses of this one; else none beside `host`."""
    return [
        one.address
        for interface in psutil.net_if_addrs().values()
        for one in interface
        # With `%`: of one link, by the name that this machine gives it.
        if one.family in _FAMILIES.get(host, ()) and not one.address.startswith("127.") and one.address != "::1"
        if "%" not in one.address
    ]


def url_of(address: str, port: int) -> str:
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
