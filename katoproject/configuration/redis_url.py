"""REDIS_URL: one reading of it for the cache and for the broker.

Their libraries read URLs differently: one takes the number of the database from the path, the other also from the
query; one verifies certificates, the other does not unless it is told to. So each gets a URL that is written here, from
parts that mean the same to both. No message quotes a part, because it may be a piece of the password.
"""

import ssl
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from katoproject.configuration.urls import NOT_UTF8, PERCENT_ENCODING, check_characters, check_file, scheme_of

HOW_TO_VERIFY = (
    "name the authority that signed the certificate of Redis in REDIS_URL (?ssl_ca_certs=/path/to/ca.pem), and Redis "
    "as its certificate does"
)
SCHEMES = ("redis", "rediss", "unix")
PORT = 6379
ONE_HOST = "it names several hosts, and the service uses one Redis: Sentinel and cluster are not supported"
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
# What they may say is what holds anyway.
_VERIFYING = {"ssl_cert_reqs": ("required", "CERT_REQUIRED"), "ssl_check_hostname": ("true", "True", "1")}
_SUPPORTED = ("db", *_TLS_FILES)
# Known to the libraries, so not a piece of a password.
_NOT_SUPPORTED = (
    *("socket_timeout", "socket_connect_timeout", "socket_keepalive", "retry_on_timeout", "max_connections"),
    *("health_check_interval", "timeout", "protocol", "virtual_host", "client_name", "ssl_ca_data", "ssl_ca_path"),
    *("ssl_min_version", "ssl_ciphers", "ssl_password", "ssl_validate_ocsp", "ssl_validate_ocsp_stapled"),
)


@dataclass(frozen=True, slots=True)
class RedisServer:
    """At `host` and `port`, or at the Unix socket `path`."""

    host: str = ""
    port: int = PORT
    path: str = ""
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    db: int = 0
    tls: bool = False
    tls_files: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError."""
        check_characters(url)
        scheme = scheme_of(url)
        if scheme not in SCHEMES:
            raise ValueError(f"{_named(scheme)} is not supported: use redis://, rediss:// (TLS) or unix:///path")
        parts, port = _split(url)
        query = _query(parts)
        path = _decoded(parts.path)
        if scheme == "unix":
            if parts.hostname or not path.strip("/"):
                raise ValueError("a Unix socket is unix:///path, with three slashes")
            where: dict[str, Any] = {"path": path, "db": _database(query.pop("db", ""))}
        else:
            if not parts.hostname:
                raise ValueError(f"it names no host. {PERCENT_ENCODING}")
            if "," in parts.hostname:
                raise ValueError(ONE_HOST)
            numbers = {text for text in (path.strip("/"), query.pop("db", "")) if text}
            if len(numbers) > 1:
                raise ValueError("its path and its query name different databases")
            host = _decoded(parts.hostname)
            where = {"host": host, "port": port, "db": _database("".join(numbers))}
        return cls(
            **where,
            username=_decoded(parts.username or ""),
            password=_decoded(parts.password or ""),
            tls=scheme == "rediss",
            tls_files=_tls_files(query, with_tls=scheme == "rediss"),
        )

    @property
    def cache_url(self) -> str:
        """For redis-py, which verifies certificate and host name."""
        if self.path:
            return f"unix://{self._login}{quote(self.path)}" + (f"?db={self.db}" if self.db else "")
        return self._address + (f"?{urlencode(self.tls_files)}" if self.tls_files else "")

    @property
    def broker_url(self) -> str:
        """For kombu, together with `broker_tls`."""
        if self.path:
            return f"redis+socket://{self._login}{quote(self.path)}" + (f"?virtual_host={self.db}" if self.db else "")
        return self._address

    @property
    def broker_tls(self) -> dict[str, Any] | None:
        if not self.tls:
            return None
        return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, **dict(self.tls_files)}

    @property
    def _address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else quote(self.host, safe="")
        return f"{'rediss' if self.tls else 'redis'}://{self._login}{host}:{self.port}/{self.db}"

    @property
    def _login(self) -> str:
        if not self.username and not self.password:
            return ""
        return f"{quote(self.username, safe='')}:{quote(self.password, safe='')}@"


def is_unverified(error: Exception) -> bool:
    """Whether a connection failed because the server could not prove who it is."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def check_redis_host(host: str) -> None:
    """Raises ValueError."""
    check_characters(host)
    if "," in host:
        raise ValueError(ONE_HOST)
    if any(character in host for character in "/@?#[] ") or host.count(":") == 1:
        raise ValueError(
            "it must be a host name or an address alone: a port goes into REDIS_PORT, a URL into REDIS_URL"
        )


def _decoded(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError(NOT_UTF8) from None


def _named(scheme: str | None) -> str:
    return f"the scheme {scheme}://" if scheme else "a URL without a scheme"


def _split(url: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(url)
        port = PORT if parts.port is None else parts.port
    except ValueError:
        raise ValueError(f"its host or port is malformed. {PERCENT_ENCODING}") from None
    if parts.fragment or "#" in url or "@" in parts.path or port == 0:
        raise ValueError(f"its password, host or port is malformed. {PERCENT_ENCODING}")
    return parts, port


def _query(parts: SplitResult) -> dict[str, str]:
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query), errors="strict")
    except ValueError:
        raise ValueError(f"what follows the ? is malformed. {PERCENT_ENCODING}") from None
    query = dict(pairs)
    if len(query) < len(pairs):
        raise ValueError("it names an option twice")
    for name, accepted in _VERIFYING.items():
        if query.pop(name, accepted[0]) not in accepted:
            raise ValueError(
                f"{name} must be {accepted[0]}: the service verifies the certificate and the host name of Redis. For "
                "an authority of your own, add ssl_ca_certs=/path/to/ca.pem"
            )
    for name in query:
        if name not in _SUPPORTED:
            shown = f"the option {name}" if name in _NOT_SUPPORTED else "an option"
            raise ValueError(f"it has {shown} that is not supported; {', '.join(_SUPPORTED)} are. {PERCENT_ENCODING}")
    return query


def _database(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise ValueError(f"the number of the database is no number: redis://host:6379/0. {PERCENT_ENCODING}")
    return int(text or 0)


def _tls_files(query: dict[str, str], *, with_tls: bool) -> tuple[tuple[str, str], ...]:
    if query and not with_tls:
        raise ValueError("its options of TLS need rediss://, or REDIS_TLS=true")
    for name, path in query.items():
        check_file(name, path)
    if "ssl_keyfile" in query and "ssl_certfile" not in query:
        raise ValueError("ssl_keyfile needs ssl_certfile, the certificate that it is the key of")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if authority := query.get("ssl_ca_certs"):
            context.load_verify_locations(authority)
    except OSError as error:
        raise ValueError(f"the file that ssl_ca_certs names holds no certificates: {error.strerror}") from None
    try:
        if certificate := query.get("ssl_certfile"):
            context.load_cert_chain(certificate, query.get("ssl_keyfile"), password=_no_password)
    except OSError as error:
        raise ValueError(f"ssl_certfile and ssl_keyfile hold no certificate with its key: {error.strerror}") from None
    return tuple(sorted(query.items()))


def _no_password() -> str:
    """Instead of a question at the terminal."""
    return ""
