"""The addresses of `localhost` in this process."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from katoproject.launcher.preflight import LOOPBACK

IPV6, IPV4 = reversed(LOOPBACK)


def of_localhost() -> list[str]:
    """The addresses that this machine resolves the name to, in its order."""
    found = socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@contextmanager
def both_loopback_addresses() -> Iterator[None]:
    """Inside the block `localhost` is `::1` and `127.0.0.1`, in this order, as on macOS and most distributions.

    A hosts file with one of them only, as containers often have, would hide the incident. All three libraries call
    `socket.getaddrinfo`, so this replaces that function and nothing of theirs.
    """
    if of_localhost() == [IPV6, IPV4]:
        yield
        return
    ask = socket.getaddrinfo

    def answer(host: Any, port: Any, family: int = 0, *more: Any, **options: Any) -> Any:
        if host not in ("localhost", b"localhost"):
            return ask(host, port, family, *more, **options)
        families = {IPV6: socket.AF_INET6, IPV4: socket.AF_INET}
        addresses = [address for address, of in families.items() if family in (socket.AF_UNSPEC, of)]
        return [entry for address in addresses for entry in ask(address, port, 0, *more, **options)]

    socket.getaddrinfo = answer
    try:
        yield
    finally:
        socket.getaddrinfo = ask
