"""Which requests and handshakes are refused before anything else looks at them: by their host and their origin."""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.conf import settings

from foundation.errors import Refusal
from foundation.http.cors import CrossOrigin
from foundation.http.hosts import Hosts
from katoproject.configuration.exposure import is_loopback

_EXPOSED_HEADERS = "X-Trace-ID, X-Session-ID, X-Kato-Instance, X-KATO-Contract, Retry-After"
_SHOWN = 100  # characters of a host

_hosts_of_console = [urlsplit(origin).hostname or "" for origin in settings.ENV.console_origins]
hosts = Hosts(
    [settings.ENV.host, *settings.ENV.allowed_hosts, *_hosts_of_console],
    plain_names=not settings.ENV.allowed_hosts and not is_loopback(settings.ENV.host),
)
cross_origin = CrossOrigin(
    settings.ENV.cors_origins,
    own=settings.ENV.console_origins,
    exposed=_EXPOSED_HEADERS,
    enabled=settings.ENV.cors_enabled,
)


class UnknownHost(Refusal):
    status: ClassVar[int] = 400

    def __init__(self, host: str) -> None:
        super().__init__(f"Bad Request: KATO_ALLOWED_HOSTS does not name the host {host[:_SHOWN]!r}")


class ForeignOrigin(Refusal):
    status: ClassVar[int] = 403

    def __init__(self) -> None:
        super().__init__("Forbidden: CORS_ORIGINS does not name the origin of the page that sent this request")


def check_host(headers: Mapping[str, Any]) -> None:
    """Raises UnknownHost."""
    host: str = headers.get("HTTP_HOST", "")
    if host and not hosts.accept(host):  # only programs leave it out
        raise UnknownHost(host)


def check_handshake(headers: Mapping[str, Any]) -> None:
    """Raises UnknownHost or ForeignOrigin: browsers let pages of any origin open a WebSocket and read it."""
    check_host(headers)
    if cross_origin.is_foreign(headers):
        raise ForeignOrigin


def check_change(method: str | None, headers: Mapping[str, Any]) -> None:
    """Raises ForeignOrigin if a page that may not read responses wants to change something."""
    if cross_origin.is_foreign_change(method, headers):
        raise ForeignOrigin
