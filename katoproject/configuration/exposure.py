"""Whether the API may be served at an address: to a network only with access keys, or when that is wanted."""

import ipaddress

from katoproject.configuration.environment import Environment

_LOOPBACK_NAMES = ("localhost", "ip6-localhost")


class Exposed(Exception):
    """The API would be open to a network."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"HOST={host} is not this machine's loopback, so everybody on the network could read and change every "
            "session. Set KATO_ACCESS=keys, and create a key with `manage.py key create NAME`; or, if you want that, "
            "set KATO_ACCESS=open and KATO_OPEN_TO_THE_NETWORK=yes"
        )


def check_exposure(environment: Environment, host: str) -> None:
    """Raises Exposed."""
    allowed = environment.needs_keys or (environment.access == "open" and environment.open_to_the_network)
    if not allowed and not is_loopback(host):
        raise Exposed(host)


def strangers(environment: Environment) -> str | None:
    """Who reaches the service from elsewhere, in words; None if only this machine does."""
    if not is_loopback(environment.host):
        return f"everybody who reaches {environment.host}"
    return "everybody who comes through a trusted proxy" if environment.trusted_proxies else None


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() in _LOOPBACK_NAMES
