"""Requests to a service at any URL, over connections to one address each, so that the answering program is known.

A name may have several addresses, and another program may have the port on one of them. Libraries hide which address a
request went to; that is how two programs on one port went unnoticed for days (docs/investigation.md).
"""

import http.client
import json
import re
import socket
import ssl
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from django.conf import settings

from access_app.tokens import key_id_of
from katoproject.configuration.identity import HEADER
from katoproject.launcher.preflight import LOOPBACK

TIMEOUT = 30.0
# The response of FastAPI, and of this service, to a request without a route. A missing session has another one.
NO_SUCH_ROUTE = {"detail": "Not Found"}
_EXPECTED = "The URL must be like http://127.0.0.1:8000, without a query"
_DENIALS = (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN)


class AccessDenied(Exception):
    """The service asks for an access key, and there is none, or it is not enough."""


def access_key() -> str | None:
    """The token that the environment gives. Raises ValueError, which does not show it, if it can be none."""
    if settings.ENV.api_key is None:
        return None
    token: str = settings.ENV.api_key.get_secret_value().strip()
    if key_id_of(token) is None:
        raise ValueError("KATO_API_KEY holds no access key of the form kato_…, as `manage.py key create` prints")
    return token


@dataclass(frozen=True, slots=True)
class BaseUrl:
    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError, which does not show it, if this is not the URL of an HTTP service."""
        try:
            parts = urlsplit(text)
            port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        except (ValueError, KeyError):
            raise ValueError(_EXPECTED) from None
        if not parts.hostname or parts.query or parts.fragment:
            raise ValueError(_EXPECTED)
        if parts.username is not None or parts.password is not None:
            raise ValueError("The URL has a user or a password, which KATO does not ask for: set KATO_API_KEY instead")
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}{self.path}"

    def addresses(self) -> list[str]:
        """The numeric addresses of the host. Raises OSError if the name is unknown.

        `localhost` has both loopback addresses, IPv6 first as on most systems, whatever this machine's hosts file says:
        the clients of a service run on other machines, too.
        """
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)]
        if self.host == "localhost":
            found = [*reversed(LOOPBACK), *found]
        return list(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is parsed if it is JSON, else text. `identity`: KATO's header, or without it the `Server` header.

    `had_key`: whether the request had an access key.
    """

    status: int
    body: Any
    address: str
    identity: str
    is_kato: bool
    had_key: bool = False

    @property
    def program(self) -> str:
        """The program that answered, without its process: name, version and host."""
        if self.is_kato:
            return re.sub(r"instance [^;]*; |; pid \d+", "", self.identity)
        return f"{self.identity or 'nameless'} (without KATO's identity)"

    @property
    def has_no_such_route(self) -> bool:
        return self.status == http.HTTPStatus.NOT_FOUND and bool(self.body == NO_SUCH_ROUTE)

    @property
    def denial(self) -> str | None:
        """Why KATO does not let the caller in, if it does not."""
        if not self.is_kato or self.status not in _DENIALS:
            return None
        if self.status == http.HTTPStatus.UNAUTHORIZED and not self.had_key:
            # What the service says then is for the author of a client.
            return "The service asks for an access key, and KATO_API_KEY is not set"
        return str(self.body["detail"] if isinstance(self.body, dict) and "detail" in self.body else self.body)

    def require_access(self, needed: str) -> None:
        """Raises AccessDenied, which says what to do. `needed`: what the key must allow."""
        if self.denial is not None:
            raise AccessDenied(
                f"{self.denial}. Set KATO_API_KEY to the token of a key with {needed} (`manage.py key create`)"
            )


class Connection:
    """One connection to one address, kept open between requests. Raises OSError if no program listens there.

    `token`: an access key, which it sends only to a program that identifies itself as KATO.
    """

    def __init__(self, url: BaseUrl, address: str, *, timeout: float = TIMEOUT, token: str | None = None) -> None:
        self.address = address
        self._url = url
        self._timeout = timeout
        self._unsent_token = token
        self._access: dict[str, str] = {}
        self._connect()

    def _connect(self) -> None:
        url = self._url
        stream = socket.create_connection((self.address, url.port), self._timeout)
        # http.client sends head and body separately: with Nagle's algorithm the body would wait for an acknowledgement.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if url.scheme == "https":
            stream = ssl.create_default_context().wrap_socket(stream, server_hostname=url.host)
        self._http = http.client.HTTPConnection(url.host, url.port, timeout=self._timeout)
        self._http.sock = stream
        self._http.auto_open = 0  # the library would choose the address of a new connection
        self.is_open = True

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        """Raises OSError or http.client.HTTPException if there is no response."""
        if self._unsent_token is not None:
            token, self._unsent_token = self._unsent_token, None
            if self._send("GET", "/health", None).is_kato:
                self._access = {"Authorization": f"Bearer {token}"}
            if not self.is_open:
                self._connect()
        return self._send(method, path, body)

    def _send(self, method: str, path: str, body: Any) -> Answer:
        content = None if body is None else json.dumps(body).encode()
        headers = self._access if body is None else {**self._access, "Content-Type": "application/json"}
        self.is_open = False  # until the response has been read completely
        self._http.request(method, self._url.path + path, content, headers)
        response = self._http.getresponse()
        text = response.read()
        self.is_open = not response.will_close
        own = response.headers.get(HEADER)
        return Answer(
            response.status,
            _parsed(text, response.headers.get_content_type()),
            self.address,
            own or response.headers.get("Server", "").strip(),
            own is not None,
            bool(self._access),
        )

    def close(self) -> None:
        self._http.close()


def _parsed(text: bytes, content_type: str) -> Any:
    if content_type != "application/json":
        return text.decode(errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
