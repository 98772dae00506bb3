"""DATABASE_URL: read as PostgreSQL's client reads it, before anything connects.

No message quotes the URL or a part of it: any part may be a piece of the password, if that has a character which should
have been percent-encoded.
"""

import os
import re
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from katoproject.configuration.urls import NOT_UTF8, PERCENT_ENCODING, check_characters, check_file, scheme_of

SCHEMES = ("postgresql", "postgres")
# What the service sets itself on every connection (`katoproject/settings.py`).
OWN_SETTINGS = (
    *("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"),
    *("default_transaction_isolation", "default_transaction_deferrable"),
    *("plan_cache_mode", "hnsw.ef_search", "DateStyle"),
    *("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"),
)
_OWN_SETTINGS = {name.lower() for name in OWN_SETTINGS}
# Seconds. A request waits for its connection.
LONGEST_CONNECT_TIMEOUT = 30

_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
# A folder without a socket: the client examines all options, and reaches no server.
_NOWHERE = "/nonexistent/kato"
_SETTING = re.compile(r"(?:-c\s*|--)([\w.-]+)\s*=\s*(\S*)")
# Variable of the client → the option of DATABASE_URL that does the same.
_LEADING_ELSEWHERE = {"PGSERVICE": "service=…", "PGHOSTADDR": "hostaddr=…"}
# Servers to which no write gets.
_ONLY_READ = ("standby", "prefer-standby", "read-only")
_OFF = re.compile(r"(of|off|f|fa|fal|fals|false|n|no|0)", re.IGNORECASE)


def check_database_url(url: str) -> None:
    """Raises ValueError if no client could connect with this URL or connection string, or the service not work."""
    check_characters(url)
    scheme = scheme_of(url)
    if scheme is not None and scheme not in SCHEMES:
        raise ValueError(
            f"the scheme {scheme}:// is not supported. Use postgresql://user:password@host:5432/name, or a connection "
            "string of libpq such as host=db user=kato dbname=kato"
        )
    try:
        parts: dict[str, Any] = dict(conninfo_to_dict(url))
    except UnicodeDecodeError:
        raise ValueError(NOT_UTF8) from None
    except psycopg.Error as error:
        raise ValueError(f"PostgreSQL's client cannot read it: {_reason(str(error))}. {PERCENT_ENCODING}") from None
    if scheme is not None and _is_cut_wrongly(url, parts):
        raise ValueError(f"there is an @ behind the host. {PERCENT_ENCODING}")
    used = _check_by_client(parts)
    _check_by_service(parts)
    # With what a service of pg_service.conf adds.
    _check_settings(used.get("options", ""), source="options")
    if "replication" in used:
        raise ValueError("replication is for connections of standbys, which the service does not make: leave it out")


def check_client_variables() -> None:
    """Raises ValueError. What DATABASE_URL leaves out, the client takes from variables of its own.

    Most are welcome, such as PGPASSWORD and PGSSLROOTCERT.
    """
    for name, option in _LEADING_ELSEWHERE.items():
        if name in os.environ:  # an empty PGSERVICE is a name, too
            raise ValueError(
                f"{name} would lead the connections to PostgreSQL elsewhere than the other settings say: unset it, or "
                f"write {option} into DATABASE_URL"
            )
    _check_settings(os.environ.get("PGOPTIONS", ""), source="PGOPTIONS")


def _is_cut_wrongly(url: str, parts: dict[str, Any]) -> bool:
    """Whether a `/` or `@` in the password ended it early, so that its rest counts as host or name of the database."""
    path = url.partition("://")[2].partition("?")[0].partition("/")[2]
    return "@" in path or "@" in str(parts.get("host", ""))


def _check_by_client(parts: dict[str, Any]) -> dict[str, str]:
    """Let libpq examine the values, as it does when a connection begins. Returns all that it would use."""
    hosts = max(str(parts.get(name, "")).count(",") for name in ("host", "hostaddr")) + 1
    nowhere = {**parts, "host": ",".join([_NOWHERE] * hosts), "hostaddr": ""}
    try:
        conninfo = make_conninfo(**nowhere).encode()
        connection = pq.PGconn.connect_start(conninfo)
    except (psycopg.Error, UnicodeEncodeError) as error:
        raise ValueError(f"PostgreSQL's client refuses it: {_reason(str(error))}") from None
    message = connection.error_message.decode(errors="replace")
    if _NOWHERE not in message:
        raise ValueError(f"PostgreSQL's client refuses it: {_reason(message)}")
    return {option.keyword.decode(): option.val.decode(errors="replace") for option in connection.info if option.val}


def _check_by_service(parts: dict[str, Any]) -> None:
    timeout = parts.get("connect_timeout")
    if timeout is not None and not 1 <= _whole_number(timeout) <= LONGEST_CONNECT_TIMEOUT:
        raise ValueError(f"connect_timeout must be a number of seconds from 1 to {LONGEST_CONNECT_TIMEOUT}")
    if str(parts.get("client_encoding", "UTF8")).upper().replace("-", "") not in ("UTF8", "AUTO"):
        raise ValueError("client_encoding must be UTF8")
    for name in _FILES:
        if (path := parts.get(name)) and path != "system":
            check_file(name, path)
    if parts.get("target_session_attrs") in _ONLY_READ:
        raise ValueError("target_session_attrs asks for a server that only reads, and the service writes: leave it out")


def _check_settings(options: str, *, source: str) -> None:
    for name, value in _SETTING.findall(options):
        setting = name.lower().replace("-", "_")
        if setting in _OWN_SETTINGS:
            raise ValueError(f"{source} sets {name.lower()}, which the service sets itself: leave it out")
        if setting == "default_transaction_read_only" and not _OFF.fullmatch(value):
            raise ValueError(f"{source} sets {name.lower()}, and the service writes: leave it out")


def _whole_number(text: Any) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def _reason(message: str) -> str:
    """What libpq says, up to the first value that it quotes, and the name of the option if it says that."""
    if message.startswith('missing "="'):
        return "a part of it has no ="
    kind = message.strip().partition('"')[0].strip().rstrip(":")
    option = re.search(r'for connection option "([a-z_]+)"\s*$', message)
    return f"{kind} for {option[1]}" if option else kind
